"""A few writes of a training fail, nothing old is lost; and a program that writes carelessly would be found out."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.imports import ROOT
from tests.torture.full_disk import Ended, ending

SENTENCE = "error: models/a: could not be written (No space left on device). Free space or mend the rights."
CARELESS = """
import sys, pathlib
from tests.torture.failing_writes import Writes
from segpipe.storage.files import write_bytes
folder = pathlib.Path(sys.argv[1])
writes = Writes(folder.parent, int(sys.argv[2]), int(sys.argv[3]))
writes.install()
try:
    {write}
except Exception as error:
    print(type(error).__name__)
print(writes.failed)
"""


def test_a_few_failed_writes_lose_nothing() -> None:
    # No child of ours: torch has worked here already, and threads do not survive a fork.
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.full_disk", "--every", "24"],
        cwd=ROOT,
        env=os.environ | {"MLFLOW_TRACKING_URI": "nowhere://"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    loaded, states = map(int, re.findall(r"old state loaded each time: (\d+) of (\d+)", done.stdout)[0])
    same, runs = map(int, re.findall(r"(\d+) of (\d+) ended in the reference's bytes", done.stdout)[0])
    assert 0 < loaded == states
    assert 4 <= same == runs


def written(write: str, folder: Path, number: int, code: int) -> list[str]:
    """What a process says whose write of this number fails."""
    script = CARELESS.format(write=write)
    command = [sys.executable, "-c", script, str(folder), str(number), str(code)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(("code", "left"), [(errno.ENOSPC, b"1234"), (errno.EACCES, b"old")])
def test_a_write_in_place_loses_the_old_file(tmp_path: Path, code: int, left: bytes) -> None:
    (tmp_path / "a").write_bytes(b"old")
    said = written("(folder / 'a').write_bytes(b'12345678')", tmp_path, 1, code)
    assert said == ["OSError" if code == errno.ENOSPC else "PermissionError", f"open {tmp_path.name}/a"]
    assert (tmp_path / "a").read_bytes() == left


@pytest.mark.parametrize(("number", "what"), [(1, "open"), (2, "fsync"), (3, "replace"), (4, "fsync"), (5, "")])
def test_each_write_of_a_careful_one_is_met(tmp_path: Path, number: int, what: str) -> None:
    (tmp_path / "a").write_bytes(b"old")
    said = written("write_bytes(folder / 'a', b'12345678')", tmp_path, number, errno.ENOSPC)
    assert said[0].partition(" ")[0] == ("PipelineError" if what else "")
    assert said[-1].partition(" ")[0] == what
    assert (tmp_path / "a").read_bytes() == (b"old" if number < 4 else b"12345678")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("code", "said", "failed", "wanted"),
    [
        (2, SENTENCE, "open models/a", "a sentence and exit code 2"),
        (2, f"{SENTENCE}\n{SENTENCE}", "open models/a", "something else"),
        (1, f"Traceback\n{SENTENCE}", "open models/a", "something else"),
        (2, "error: no", "open models/a", "something else"),
        (0, "", "open models/a", "something else"),
        (0, "warning: MLflow does not work", "open mlruns/a", "a warning and the right bytes"),
        (0, "", "open .resume/train-0-a.holder", "the right bytes, the lock's holder unnamed"),
    ],
)
def test_only_a_clear_end_is_one(code: int, said: str, failed: str, wanted: str) -> None:
    assert ending(Ended(code, said, 9, failed)) == wanted

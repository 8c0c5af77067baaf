"""One process at a time; the next one waits and names the holder; where nothing can be locked the work goes on."""

import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest

from segpipe.storage import lock
from segpipe.storage.lock import exclusive
from tests.structure.imports import ROOT

HOLD = """
import sys, time
from pathlib import Path
from segpipe.storage.lock import exclusive
with exclusive(Path(sys.argv[1]), "the training of fold 0"):
    print("inside", time.time(), flush=True)
    time.sleep(float(sys.argv[2]))
    print("outside", time.time(), flush=True)
"""


def holder(path: Path, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def times(said: str) -> tuple[float, float]:
    inside, outside = (float(line.split()[1]) for line in said.splitlines())
    return inside, outside


def test_two_never_work_at_once_and_the_second_names_the_first(tmp_path: Path) -> None:
    first = holder(tmp_path / "a.lock", 1.5)
    assert first.stdout
    line = first.stdout.readline()
    second = holder(tmp_path / "a.lock", 0.0)
    out, error = second.communicate(timeout=30)
    rest, _ = first.communicate(timeout=30)
    assert times(line + rest)[1] <= times(out)[0]
    assert f"waiting for another run of the training of fold 0: process {first.pid} on " in error


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    first = holder(tmp_path / "a.lock", 60)
    assert first.stdout
    first.stdout.readline()
    first.kill()
    first.wait()
    start = time.monotonic()
    with exclusive(tmp_path / "a.lock", "it"):
        assert time.monotonic() - start < 5


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with exclusive(tmp_path / "deep" / "a.lock", "it"):
        assert list((tmp_path / "deep").iterdir())
    assert list((tmp_path / "deep").iterdir()) == []


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), NotImplementedError("no flock")])
def test_where_nothing_can_be_locked_it_is_said_and_the_work_goes_on(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    ran = []
    with exclusive(tmp_path / "a.lock", "it"):
        ran.append(True)
    assert ran
    said = capsys.readouterr().err
    assert "cannot be locked" in said
    assert "it could not damage it" in said


def test_an_error_inside_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="inside"), exclusive(tmp_path / "a.lock", "it"):
        raise OSError("inside")
    assert list(tmp_path.iterdir()) == []


def test_where_windows_deletes_no_open_file_the_lock_still_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "in use", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with exclusive(tmp_path / "a.lock", "it"):
            pass
    with exclusive(tmp_path / "a.lock", "it"):
        assert (tmp_path / "a.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_an_open_file_is_held_by_whoever_has_its_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as held, path.open("r+b") as other:
        lock.lock_descriptor(held.fileno(), wait=True)
        with pytest.raises(OSError, match="unavailable"):
            lock.lock_descriptor(other.fileno(), wait=False)


def test_where_no_open_file_can_be_locked_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HAS_DESCRIPTOR_LOCKS", False)
    with (tmp_path / "a").open("wb") as stream, pytest.raises(OSError, match="not supported"):
        lock.lock_descriptor(stream.fileno(), wait=True)

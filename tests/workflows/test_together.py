"""A training of two processes ends in the bytes of one, also after one of them was killed; and all end together."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from segpipe.params import edit
from segpipe.workflows import train_together
from stages import train
from tests.pipeline.conftest import set_params
from tests.workflows.stage_process import train_one_epoch


@pytest.fixture
def project(sample_project: Path, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training of some seconds in two parts a batch, as the current folder."""
    folder = shutil.copytree(sample_project, tmp_path / "project")
    set_params(folder, {"train": {"epochs": 8, "accumulate": 2, "ema": 0.5}, "runtime": {"workers": 1, "save_every": 0}})
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setenv("TMPDIR", str(temporary))
    return folder


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the processes meet. Its path is short: loader workers have sockets there."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Path(folder)


def outputs() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path("models/fold0").iterdir()}


def started(processes: int) -> subprocess.Popen[str]:
    """The stage, after its first epoch."""
    edit.write(Path("params.yaml"), {"runtime.processes": processes})
    return train_one_epoch()[0]


def others(first: int) -> list[int]:
    """The other processes of the training."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()[1:]]
    return [int(pid) for pid, parent, command in rows if int(parent) == first and "train_along" in command]


def test_a_process_that_trained_to_the_end_is_not_missing() -> None:
    """The first may take long to write and to track, and must not be ended for it."""
    done, failed = (subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) for code in (0, 3))
    done.wait()
    failed.wait()
    assert train_together._missing([done], 0.0) == ""  # type: ignore[list-item]
    assert "process 3 of 3 (runtime.processes) ended, with exit code 3" in train_together._missing([done, failed], 0.0)  # type: ignore[list-item]


def test_one_whose_first_process_is_gone_ends_and_clears_up(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; from torch import distributed; from segpipe.workflows import train_together; "
        "distributed.init_process_group('gloo', init_method=f'file://{sys.argv[1]}/store', rank=0, world_size=1); "
        "train_together.end_with_the_first(pathlib.Path(sys.argv[1])); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.close()
    assert process.wait(timeout=30) == 1
    assert not tmp_path.exists()


@pytest.mark.slow
def test_a_signal_stops_all_with_one_sentence(project: Path, temporary: Path) -> None:
    process = started(2)
    process.terminate()
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 143, errors
    assert "stopped by SIGTERM: the state is saved" in errors
    assert "Traceback" not in errors
    assert list(temporary.glob("*/store")) == []


def test_two_processes_write_the_bytes_of_one(project: Path) -> None:
    found = []
    for processes in (1, 2):
        edit.write(Path("params.yaml"), {"train.epochs": 2, "runtime.processes": processes})
        train.main(0)
        found.append(outputs())
    assert found[0] == found[1]


@pytest.mark.slow
def test_killed_in_turn_it_ends_in_the_bytes_of_one_process(project: Path, temporary: Path) -> None:
    train.main(0)
    wanted = outputs()
    shutil.rmtree("models")
    process = started(2)
    (other,) = others(process.pid)
    os.kill(other, signal.SIGKILL)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2, errors
    assert "process 2 of 2 (runtime.processes) ended, killed by SIGKILL, and the training with it. The same command" in errors
    assert "Traceback" not in errors
    process = started(2)
    (other,) = others(process.pid)
    process.kill()
    assert "Traceback" not in process.communicate(timeout=60)[1]
    until = time.monotonic() + 20
    while Path(f"/proc/{other}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{other}").exists(), "it waits for nobody"
    assert list(temporary.glob("*/store")) == []
    assert not Path("models/fold0/model.safetensors").exists()
    process = started(2)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 0, errors
    assert outputs() == wanted


def test_a_mistake_that_all_find_is_said_once(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit.write(Path("params.yaml"), {"runtime.processes": 2, "optim.name": "sgd", "optim.lr": 1e3, "optim.weight_decay": 1e3})
    with pytest.raises(Exception, match=r"not a finite number|not finite"):
        train.main(0)
    assert capfd.readouterr().err.count("finite") == 0, "the others say nothing"

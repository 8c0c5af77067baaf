"""The way from a sample to predictions, with all that Windows lacks taken away and processes started by spawn: the same bytes."""

import contextlib
import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages import convert, download, split
from tests import plain_params
from tests.pipeline.conftest import TINY, set_params
from tests.pipeline.without_posix import TEXT
from tests.structure.imports import ROOT

STEPS = """
import sys

def main():
    from segpipe.annotations.examination import examine
    from stages import convert, download, split
    examine.SERIAL_UP_TO = 4  # so that processes examine, as they do where images are many
    for stage in (download, convert, split):
        stage.main()
    if "train" in sys.argv:
        from pathlib import Path
        from segpipe.cli.predict import predict
        from segpipe.console.command import set_environment
        from stages import train
        set_environment()
        train.main(0)
        predict([Path("data/raw")], [Path("models/fold0/model.safetensors")])

if __name__ == "__main__":
    main()
"""
LACKS = """
import filelock, multiprocessing, os, signal
assert not filelock.has_fcntl and multiprocessing.get_start_method() == "spawn"
assert not any(hasattr(os, name) for name in ("fork", "killpg", "pread", "pwrite", "sched_getaffinity"))
assert not any(hasattr(signal, name) for name in ("SIGALRM", "setitimer", "pthread_kill"))
"""
"""What is not there, asked in a process like those."""
SMALL: dict[str, Any] = {
    "data": {"sample": {"n_images": 12}},
    "train": {"epochs": 1, "batch_size": 4},
    "split": {"group": "name", "group_pattern": "^(.*)$"},
    "runtime": {"workers": 2, "cache_gib": 1},
}


def project(folder: Path) -> Path:
    """A new folder with all that the stages need."""
    folder.mkdir()
    plain_params.write(folder)
    for values in (TINY, SMALL):
        set_params(folder, values)
    (folder / "runtime.lock").write_bytes((ROOT / "runtime.lock").read_bytes())
    (folder / "kept_folds.csv").touch()
    return folder


def environment(folder: Path) -> dict[str, str]:
    """That of a process from which all is taken away; `folder` gets the file that does it."""
    (folder / "sitecustomize.py").write_text(TEXT, encoding="utf-8")
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "PYTHONWARNINGS": "ignore"}


def started(folder: Path, *what: str, env: dict[str, str]) -> "subprocess.Popen[str]":
    """A process that runs STEPS in a folder."""
    (folder / "steps.py").write_text(STEPS, encoding="utf-8")
    command = [sys.executable, "steps.py", *what]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def hashes(folder: Path) -> dict[str, str]:
    """Of each file that was written, but for MLflow's and those of unfinished work."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "steps.py"]
    kept = [path for path in files if path.relative_to(folder).parts[0] not in ("mlruns", ".resume")]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def test_data_is_the_same(tmp_path: Path) -> None:
    env = environment(tmp_path)
    subprocess.run([sys.executable, "-c", LACKS], check=True, env=env)
    process = started(project(tmp_path / "without"), env=env)
    with contextlib.chdir(project(tmp_path / "ordinary")), contextlib.redirect_stdout(io.StringIO()):
        for stage in (download, convert, split):
            stage.main()
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    ordinary = hashes(tmp_path / "ordinary")
    assert "data/folds/folds.csv" in ordinary and len(ordinary) > 30
    assert hashes(tmp_path / "without") == ordinary


@pytest.mark.slow
def test_a_training_by_spawned_workers_and_its_predictions_are_the_same(tmp_path: Path) -> None:
    env, own = environment(tmp_path), os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [started(project(tmp_path / name), "train", env=each) for name, each in (("ordinary", own), ("without", env))]
    said = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    ordinary = hashes(tmp_path / "ordinary")
    assert "models/fold0/model.safetensors" in ordinary and any(name.startswith("predictions/masks/") for name in ordinary)
    assert hashes(tmp_path / "without") == ordinary
    assert ["no cache of decoded images on this system" in each for each in said] == [False, True]

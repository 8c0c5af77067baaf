"""The pipeline as DVC runs it: a repository of its own, made from the tracked files, with a small task."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from ruamel.yaml import YAML

from tests import plain_params
from tests.structure.imports import ROOT

Dvc = Callable[..., subprocess.CompletedProcess[str]]

TINY: dict[str, Any] = {
    "data": {"sample": {"n_images": 16, "size": 64}},
    "input": {"crop": 32},
    "model": {"width": 4, "depth": 2},
    "train": {"epochs": 2, "batch_size": 2},
    "sanity": {"steps": 0},
    "split": {"n_folds": 2},
    "export": {"n_images": 2},
    "report": {"n_examples": 1},
    "tracking": {"n_images": 1},
    "runtime": {"workers": 0, "save_every": 0},
}


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed repository in which `dvc repro` has run once: a copy of what the first of the test processes made."""
    own = tmp_path_factory.mktemp("pipeline")
    shared = tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else own
    made = shared / "repository"
    with FileLock(shared / "repository.lock"):
        if not made.exists():
            committed(own / "making").rename(made)
    return Path(shutil.copytree(made, own / "first", symlinks=True))


def committed(folder: Path) -> Path:
    """A new repository, after its first `dvc repro`."""
    new_repository(folder)
    dvc(folder, "repro")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def new_repository(folder: Path) -> Path:
    """A Git repository with a copy of our tracked files and the small task, nothing run yet."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("metrics/", "tests/", "docs/", "dvc.lock", "data/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "kept_folds.csv").write_bytes(b"")  # ours remembers more images than the small task has
    plain_params.write(folder)
    set_params(folder, TINY)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "tester")
    git(folder, "config", "user.email", "tester@localhost")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "start")
    return folder


def clone(repository: Path, source: Path, folder: Path) -> Path:
    """A clone of `source` with the outputs of `repository`, and an environment that is ready, as after `make setup`."""
    git(source, "clone", "--quiet", str(source), str(folder))
    git(folder, "config", "user.name", "tester")
    git(folder, "config", "user.email", "tester@localhost")
    shutil.copytree(repository / ".dvc" / "cache", folder / ".dvc" / "cache")
    (folder / ".venv" / "bin").mkdir(parents=True)
    for tool in ("python", "dvc", "segpipe"):
        launcher = folder / ".venv" / "bin" / tool
        how = "" if tool == "python" else "-m dvc " if tool == "dvc" else "-m segpipe.cli.main "
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" {how}"$@"\n', encoding="utf-8")
        launcher.chmod(0o755)
    (folder / ".venv" / ".ready").touch()
    return folder


def set_params(folder: Path, values: dict[str, Any]) -> None:
    """Changes params.yaml and keeps its comments."""
    path, writer = folder / "params.yaml", YAML()
    content = writer.load(path.read_text(encoding="utf-8"))
    _merge(content, values)
    with path.open("w", encoding="utf-8") as stream:
        writer.dump(content, stream)


def dvc(folder: Path, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs DVC with this Python, and stages with it too."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path, "PYTHONPATH": "", "DVC_NO_ANALYTICS": "1"} | environment,
    )
    assert not check or result.returncode == 0, result.stdout + result.stderr
    return result


def git(folder: Path, *arguments: str) -> str:
    """What Git answers."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def live_lock(folder: Path) -> dict[str, Any]:
    """dvc.lock's entries of the stages that dvc.yaml makes, less what names the folder."""
    stages: dict[str, Any] = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    live = {line.split()[0] for line in dvc(folder, "stage", "list", "--name-only").stdout.splitlines()}
    return {name: entry for name, entry in stages.items() if name in live}


def ran(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The stages that DVC ran, in order."""
    return [line.split("'")[1] for line in result.stdout.splitlines() if line.startswith("Running stage")]


def _merge(target: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            _merge(target[key], value)
        else:
            target[key] = value

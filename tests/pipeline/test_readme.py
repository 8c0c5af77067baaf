"""What the README shows is run here: every line of its shell blocks, in a repository where the small task has run."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pages import written
from tests.pipeline import conftest
from tests.pipeline.conftest import dvc, git, ran
from tests.structure.imports import ROOT

# Some minutes: `make test` has no room for them, and CI runs them by name.
pytestmark = pytest.mark.slow
COMMANDS = written.commands(ROOT / "README.md")
STANDS_FOR = {
    # It asks for hundreds of epochs of so few images.
    "segpipe init PATH": "segpipe init elsewhere && sed -i 's/^  epochs: [0-9]*/  epochs: 1/' params.yaml",
    "segpipe predict IMAGE_OR_FOLDER --out predictions": "segpipe predict elsewhere/image0000.png --out predictions",
    "segpipe predict IMAGES --model models/fold0/model.safetensors": (
        "segpipe predict elsewhere --model models/fold0/model.safetensors"
    ),
    "segpipe predict IMAGES --model A.onnx --model B.safetensors": (
        "segpipe predict elsewhere --model models/export/model.onnx --model models/fold0/model.safetensors"
    ),
    "segpipe predict 'scans/**/*.tif' --write masks --write labelme --write areas": (
        "segpipe predict 'elsewhere/**/*01.png' --write masks --write labelme --write areas --out chosen"
    ),
    "segpipe predict IMAGES --folds": "segpipe predict elsewhere --folds",
    # All architectures take half a minute; the slow tests of the command have them.
    "segpipe models": (
        'python -c "import sys; from segpipe.cli.main import entry; from segpipe.models import table; '
        "table.MODELS = ('unet', 'simple_unet'); sys.argv[1:] = ['models']; entry()\""
    ),
    "segpipe models --memory 8": "segpipe models simple_unet --memory 8",
    # What would set up again, test the tests or never end is only resolved.
    "make test": "make --dry-run test",
    "make ui": "make --dry-run ui",
    "pip install -r requirements.lock": "pip install --dry-run --no-deps --no-index -r /dev/null -c requirements.lock",
    "pip install --no-deps --no-build-isolation -e .": "python -c 'import segpipe, stages'",
}


EXPERIMENT = "dvc exp run -S loss.dice_weight=0.7"


@dataclass(frozen=True)
class Done:
    """A command of the README, how it ended, and the curves of the training that are there after it."""

    command: str
    result: "subprocess.CompletedProcess[str]"
    curves: bytes


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with the outputs and an environment that is ready, as after the first command."""
    folder = conftest.clone(repository, repository, tmp_path_factory.mktemp("readme") / "clone")
    shutil.copytree(repository / "data" / "raw", folder / "elsewhere")
    return folder


@pytest.fixture(scope="module")
def done(clone: Path) -> list[Done]:
    """All commands of the README, one after the other."""
    environment = os.environ | {"PATH": f"{clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""}
    found = []
    for command in COMMANDS:
        result = subprocess.run(
            STANDS_FOR.get(command, command),
            shell=True, cwd=clone, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        found.append(Done(command, result, (clone / "metrics/curves.csv").read_bytes()))
    return found


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) > 10
    assert set(COMMANDS) >= STANDS_FOR.keys()


def test_every_command_of_the_readme_works(clone: Path, done: list[Done]) -> None:
    assert {each.command: each.result.stdout + each.result.stderr for each in done if each.result.returncode} == {}
    assert (clone / "predictions" / "masks" / "image0000.png").is_file()
    assert (clone / "data" / "source.dvc").is_file()


def test_a_new_dice_weight_reruns_training_and_what_follows(clone: Path, done: list[Done]) -> None:
    at = [each.command for each in done].index(EXPERIMENT)
    assert ran(done[at].result) == ["sanity", "train@0", "evaluate@0", "ensemble", "export", "report"]
    assert done[at].curves != done[at - 1].curves
    changes = json.loads(dvc(clone, "metrics", "diff", "--all", "--json").stdout)
    assert set(changes["metrics/summary.json"]["test.dice"]) == {"old", "new", "diff"}
    assert git(clone, "diff", "--name-only", "metrics/curves.csv")
    shown = dvc(clone, "exp", "show", "--csv").stdout
    assert "test.dice" in shown
    assert "loss.dice_weight" in shown


def test_verify_ends_in_one_of_three_words(done: list[Done]) -> None:
    (same,) = (each.result for each in done if each.command == "segpipe verify")
    assert "result: same: also as models/fold0/model.safetensors" in same.stdout, same.stderr


@pytest.mark.usefixtures("done")
def test_own_data_pushed_and_pulled_runs_nothing_elsewhere(clone: Path, tmp_path: Path) -> None:
    """Goes on where the README's commands ended: in a clone whose data is the user's own."""
    dvc(clone, "checkout")
    assert (clone / "data" / "source").is_dir(), "DVC must know data/source.dvc, whatever Git ignores"
    git(clone, "add", "params.yaml", "kept_folds.csv", "data/source.dvc", "dvc.lock", "metrics")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "trained")
    dvc(clone, "remote", "add", "--local", "shelf", str(tmp_path / "shelf"))
    dvc(clone, "push", "--remote", "shelf")
    git(clone, "clone", "--quiet", ".", str(tmp_path / "elsewhere"))
    dvc(tmp_path / "elsewhere", "remote", "add", "--local", "shelf", str(tmp_path / "shelf"))
    dvc(tmp_path / "elsewhere", "pull", "--remote", "shelf")
    assert ran(dvc(tmp_path / "elsewhere", "repro")) == []

"""What the README shows is run here: every line of its shell blocks, in a repository where the small task has run."""

import json
import shutil
from pathlib import Path

import pytest

from tests.pages import executed
from tests.pipeline import conftest, shown
from tests.pipeline.conftest import dvc, git, ran
from tests.pipeline.shown import Done

# Some minutes: `make test` has no room for them, and CI runs them by name.
pytestmark = pytest.mark.slow
STANDS_FOR = {
    # It asks for hundreds of epochs of so few images.
    "segpipe init PATH": "segpipe init elsewhere && sed -i 's/^  epochs: [0-9]*/  epochs: 1/' params.yaml",
    "segpipe predict IMAGES": "segpipe predict elsewhere/image0000.png",
    # What would set up again is only resolved.
    "pip install -r requirements.lock": "pip install --dry-run --no-deps --no-index -r /dev/null -c requirements.lock",
    "pip install --no-deps --no-build-isolation -e .": "python -c 'import segpipe, stages'",
}
EXPERIMENT = "dvc exp run -S loss.dice_weight=0.7"


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with the outputs and an environment that is ready, as after the first command."""
    folder = conftest.clone(repository, repository, tmp_path_factory.mktemp("readme") / "clone")
    shutil.copytree(repository / "data" / "raw", folder / "elsewhere")
    return folder


@pytest.fixture(scope="module")
def done(clone: Path) -> list[Done]:
    """All commands of the README, one after the other."""
    return shown.run(clone, executed.README, STANDS_FOR)


def test_the_readme_shows_commands() -> None:
    commands = [command for _, command in shown.commands(executed.README)]
    assert len(commands) > 10
    assert set(commands) >= STANDS_FOR.keys()


def test_every_command_of_the_readme_works(clone: Path, done: list[Done]) -> None:
    assert shown.failures(done) == {}
    assert (clone / "predictions" / "masks" / "image0000.png").is_file()
    assert (clone / "data" / "source.dvc").is_file()


def test_a_new_dice_weight_reruns_training_and_what_follows(clone: Path, done: list[Done]) -> None:
    at = [each.command for each in done].index(EXPERIMENT)
    assert ran(done[at].result) == ["sanity", "train@0", "evaluate@0", "ensemble", "export", "report"]
    assert done[at].curves != done[at - 1].curves
    changes = json.loads(dvc(clone, "metrics", "diff", "--all", "--json").stdout)
    assert set(changes["metrics/summary.json"]["test.dice"]) == {"old", "new", "diff"}
    assert git(clone, "diff", "--name-only", "metrics/curves.csv")
    listed = dvc(clone, "exp", "show", "--csv").stdout
    assert "test.dice" in listed
    assert "loss.dice_weight" in listed


def test_the_two_are_compared(done: list[Done]) -> None:
    (compared,) = (each.result for each in done if each.command.startswith("segpipe compare"))
    assert "loss.dice_weight 0.7" in compared.stdout and "one run each cannot tell" in compared.stdout


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

"""What the tutorial has a beginner type is run here, line by line, on the small task."""

from pathlib import Path

import pytest

from tests.pages import executed
from tests.pipeline import conftest, shown
from tests.pipeline.conftest import ran
from tests.pipeline.shown import Done

pytestmark = pytest.mark.slow
STANDS_FOR = {
    "make setup": "make --dry-run setup",
    ". .venv/bin/activate": "test -x .venv/bin/dvc",  # The next command has a shell of its own, with the environment on its PATH.
    "segpipe init my-photos --minutes 3": (
        "segpipe init my-photos --minutes 3 && sed -i 's/^  epochs: [0-9]*/  epochs: 1/' params.yaml"
    ),
}


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the sample's training has run, so that the first `dvc repro` has nothing to do."""
    return conftest.clone(repository, repository, tmp_path_factory.mktemp("tutorial") / "clone")


@pytest.fixture(scope="module")
def done(project: Path) -> list[Done]:
    """All of it, in order."""
    return shown.run(project, executed.TUTORIAL, STANDS_FOR)


def test_every_command_of_the_tutorial_works(done: list[Done]) -> None:
    assert len(done) > 12 and {each.command for each in done} >= STANDS_FOR.keys()
    assert shown.failures(done) == {}


def test_it_says_what_the_tutorial_says(project: Path, done: list[Done]) -> None:
    (compared,) = (each.result.stdout for each in done if each.command.startswith("segpipe compare"))
    assert "These models" in compared and "train.epochs 4" in compared
    assert "one run each cannot tell" in compared
    first, second = (each.result for each in done if each.command == "dvc repro")
    assert "train@0" not in ran(first) and "train@0" in ran(second)
    assert (project / "data/doctor/contact_sheet.png").is_file()
    assert (project / "predictions/overlays").is_dir()
    (trust,) = (each.result.stdout for each in done if each.command.startswith("head"))
    assert len(trust.splitlines()) == 4

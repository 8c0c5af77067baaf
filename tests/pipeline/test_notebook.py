"""The tutorial's notebook is run here as Jupyter would, on the small task, and no cell of it may fail."""

from pathlib import Path

import pytest
from nbformat import NotebookNode

from segpipe.workflows.new import lay_out
from tests.pages import notebook
from tests.pipeline.conftest import TINY, dvc, git, set_params

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new one, which knows no results yet as a clone does."""
    folder = tmp_path_factory.mktemp("notebook") / "project"
    lay_out(folder)
    set_params(folder, TINY)
    git(folder, "commit", "--quiet", "--all", "--message", "small")
    return folder


@pytest.fixture(scope="module")
def ran(project: Path) -> NotebookNode:
    """The notebook after all of its cells, with as few epochs as make a difference."""
    return notebook.run(notebook.read(), project, {"PROJECT": ".", "EPOCHS": 2, "SHORT": 1})


def said(ran: NotebookNode) -> str:
    """All that its cells printed."""
    outputs = [output for cell in ran.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type == "error"] == []
    return "".join(output.get("text", "") for output in outputs)


def test_it_ends_in_a_comparison(ran: NotebookNode) -> None:
    printed = said(ran)
    assert "test Dice 0." in printed and "pixels of each class: [" in printed
    assert "These models, on other images of the same kind" in printed and "one run each cannot tell" in printed


def test_what_it_made_is_in_git_and_dvc(project: Path, ran: NotebookNode) -> None:
    assert ran
    assert "A model of my photos" in git(project, "log", "--format=%s")
    assert "short" in dvc(project, "exp", "list", "--name-only").stdout

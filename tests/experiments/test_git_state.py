"""What experiments cannot start from is refused, with the command that mends it."""

from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.experiments import git_state
from tests.experiments.projects import commit, git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit with one file, and the working directory in it."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "tester")
    git(folder, "config", "user.email", "tester@localhost")
    (folder / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
    (folder / ".gitignore").write_text("/ignored\n", encoding="utf-8")
    commit(folder)
    monkeypatch.chdir(folder)
    return folder


def refusal() -> str:
    with pytest.raises(PipelineError) as caught:
        git_state.require_ready()
    return str(caught.value)


def test_a_clean_tree_is_a_commit_and_a_branch(repository: Path) -> None:
    (repository / "ignored").touch()
    assert git_state.require_ready() == git_state.Head(git(repository, "rev-parse", "HEAD").strip(), "refs/heads/main")
    git(repository, "checkout", "--quiet", "--detach")
    assert git_state.require_ready().branch == ""


def test_a_shallow_clone_would_lose_them(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "params.yaml").write_text("seed: 2\n", encoding="utf-8")
    commit(repository)
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "clone")
    monkeypatch.chdir(tmp_path / "clone")
    assert refusal().endswith("git fetch --unshallow")


def test_changes_are_told_staged_or_not(repository: Path) -> None:
    (repository / "params.yaml").write_text("seed: 2\n", encoding="utf-8")
    (repository / "new.py").touch()
    (repository / "täglich.txt").touch()
    assert refusal().startswith("not committed: params.yaml. ")
    assert git_state.not_taken_along("täglich.txt") == "not in Git, and so in no arm: new.py"
    git(repository, "add", "new.py")
    assert refusal().startswith("not committed: new.py, params.yaml. ")
    commit(repository)
    assert git_state.not_taken_along("") == ""


def test_without_a_commit(repository: Path) -> None:
    git(repository, "update-ref", "-d", "HEAD")
    assert "there is no commit yet" in refusal()


def test_without_a_name(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repository, "config", "--unset", "user.name")
    git(repository, "config", "--unset", "user.email")
    git(repository, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert "git config user.name NAME" in refusal()


def test_outside_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal().endswith("run this in a clone of the project.")

"""A new project: laid out as a whole or not at all, committed, and nothing of the reader's touched."""

import os
import subprocess
from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.workflows.new import lay_out
from tests.pipeline.conftest import git


def test_a_project_is_committed_whole_and_its_program_may_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody has told this Git who they are.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    # As in a hook: Git's own words would send every command to the repository of the hook.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    folder = tmp_path / "deep/project"
    lay_out(folder)
    monkeypatch.delenv("GIT_DIR")
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "rev-list", "--count", "HEAD").strip() == "1"
    assert os.access(folder / "run", os.X_OK)
    assert {"dvc.yaml", "params.yaml", "stages", "requirements.lock", ".dvc", "README.md"} <= {p.name for p in folder.iterdir()}
    assert [path.name for path in folder.parent.iterdir()] == ["project"]


def test_the_working_directory_is_filled_and_stays_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that stands in it stays where it is."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    number = folder.stat().st_ino
    lay_out(Path())
    assert folder.stat().st_ino == number and git(folder, "status", "--porcelain") == ""
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_below_a_file_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for place in ("file/project", "file/deeper/project"):
        with pytest.raises(PipelineError, match=r"cannot be made, since a file lies where .* would be"):
            lay_out(tmp_path / place)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    lay_out(tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PipelineError, match=r"empty: is there and not empty. Name a folder that is new: segpipe new .*empty-2"):
        lay_out(tmp_path / "empty")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(PipelineError, match="is there and not empty"):
        lay_out(tmp_path / "file")
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "file"])


def test_without_git_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(PipelineError, match="git: no such program"):
        lay_out(tmp_path / "project")
    assert [*tmp_path.iterdir()] == []


def test_what_git_refuses_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, 128, "", "fatal: no space left")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(PipelineError, match=r"git init .*: fatal: no space left"):
        lay_out(tmp_path / "project")
    assert [*tmp_path.iterdir()] == []

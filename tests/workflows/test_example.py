"""`segpipe example`: prints and runs one step after another, stops at the first that fails, and goes on where it was."""

import json
import subprocess
from pathlib import Path

import pytest

from segpipe.acquire.examples import steps
from segpipe.errors import PipelineError
from segpipe.workflows import example
from tests.structure.imports import ROOT

STEPS = """
title: Nothing but steps
data: slices
steps:
- say: A file of one's own
  run: echo one >> ran.txt
- set:
    train.epochs: 3
- run: git add params.yaml
- run: git commit --quiet --message "three epochs"
- run: test -e wanted.txt && echo last >> ran.txt
- by_hand: write
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the example goes; a project is a Git repository with params.yaml here, and the person writes a file."""
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/small.yaml").write_text(STEPS, encoding="utf-8")
    monkeypatch.setattr(steps, "FOLDER", tmp_path / "steps")
    monkeypatch.setattr(steps, "NAMES", ("small",))
    monkeypatch.setattr(example, "lay_out", lay_out)
    monkeypatch.setattr("segpipe.acquire.examples.slices.write", write, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")  # Git knows no name
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    return tmp_path / "project"


def lay_out(folder: Path) -> None:
    folder.mkdir()
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)


def write(folder: Path) -> str:
    (folder / "written.txt").write_text("by hand", encoding="utf-8")
    return "written"


def test_it_stops_at_the_first_failure_and_goes_on_from_there(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PipelineError, match=r"`test -e wanted.txt && .*` ended with exit code 1"):
        example.run("small", folder)
    printed = capfd.readouterr().out
    assert printed.index("$ echo one") < printed.index("# params.yaml\ntrain:\n  epochs: 3\n") < printed.index("$ git add")
    assert "# 1 of 6. A file of one's own.\n$ echo" in printed
    assert "epochs: 3 " in (folder / "params.yaml").read_text(encoding="utf-8")
    assert not (folder / "written.txt").exists()
    (folder / "wanted.txt").touch()
    result, _ = example.run("small", folder)
    assert result == str(folder / "reports/index.html")
    assert capfd.readouterr().out.count("done already") == 4
    assert (folder / "ran.txt").read_text(encoding="utf-8").split() == ["one", "last"]
    assert (folder / "written.txt").exists()
    log = subprocess.run(["git", "log", "--format=%s %ae"], cwd=folder, capture_output=True, text=True, check=True)
    assert log.stdout == "three epochs example@localhost\n"


def test_once_more_does_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PipelineError):
        example.run("small", folder)
    (folder / "wanted.txt").touch()
    example.run("small", folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if ".git" not in path.parts and path.is_file()}
    capfd.readouterr()
    example.run("small", folder)
    assert capfd.readouterr().out.count("done already") == 6
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if ".git" not in path.parts and path.is_file()}
    assert after == before


def test_a_commit_whose_note_was_lost_is_no_failure(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As after a kill between the two."""
    with pytest.raises(PipelineError):
        example.run("small", folder)
    state = json.loads((folder / example.STATE).read_text(encoding="utf-8"))
    (folder / example.STATE).write_text(json.dumps(state | {"done": state["done"][:-1]}), encoding="utf-8")
    (folder / "wanted.txt").touch()
    example.run("small", folder)
    assert "nothing to commit" in capfd.readouterr().out


def test_what_lies_there_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.txt").touch()
    with pytest.raises(PipelineError, match=r"project: it holds something else already"):
        example.run("small", folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_another_examples_folder_is_refused(folder: Path) -> None:
    with pytest.raises(PipelineError):
        example.run("small", folder)
    (steps.FOLDER / "small.yaml").write_text(STEPS.replace("epochs: 3", "epochs: 4"), encoding="utf-8")
    with pytest.raises(PipelineError, match=r"it holds the example small, of other steps"):
        example.run("small", folder)


def test_an_unknown_name_names_those_there_are(folder: Path) -> None:
    with pytest.raises(PipelineError, match=r"smal: no example is called so. There are small"):
        example.run("smal", folder)


def test_a_project_that_could_not_be_laid_out_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PipelineError("no")

    monkeypatch.setattr(example, "lay_out", refuse)
    with pytest.raises(PipelineError):
        example.run("small", folder)
    assert not folder.exists()


def test_data_alone_goes_into_a_folder_of_its_own_or_its_own_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segpipe.acquire.examples.slices.make", lambda folder: (folder / "made.txt").touch())
    for _ in range(2):
        example.make_data("medical", tmp_path / "data")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [".gitignore", "made.txt"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other/.gitignore").write_text("/mine/\n", encoding="utf-8")
    for name, where in (("medical", "other"), ("satellite", "data")):
        with pytest.raises(PipelineError, match=f"{where}: it holds something else already"):
            example.make_data(name, tmp_path / where)
    assert (tmp_path / "other/.gitignore").read_text(encoding="utf-8") == "/mine/\n"


def test_each_example_is_listed_with_what_it_shows() -> None:
    lines = example.titles().splitlines()
    assert [line.split()[0] for line in lines] == list(steps.NAMES)
    assert all(len(line) > 40 for line in lines)

"""What a killed start leaves is taken away, and what a person has changed since is not."""

import json
import os
from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.experiments import killed_arm
from segpipe.experiments.arms import Arm
from segpipe.experiments.git_state import require_ready
from segpipe.experiments.set_params import written
from tests.experiments.projects import git, new_project

OPTIONS = ("folds=[0]", "loss.dice_weight=0.7")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which an arm has been noted down, as the working directory."""
    folder = new_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    killed_arm.note(Arm("dice-0.7-s0", "0.7", 0, {}, OPTIONS, {}), require_ready())
    return folder


def starts(project: Path, share: float = 1.0) -> None:
    """What DVC does of a start, up to where it was killed, with so much of params.yaml."""
    git(project, "checkout", "--quiet", "--detach")
    text = written(Path("params.yaml").read_text(encoding="utf-8"), OPTIONS)
    Path("params.yaml").write_text(text[: int(share * len(text))], encoding="utf-8")
    Path(".dvc/tmp").mkdir(parents=True, exist_ok=True)
    Path(".dvc/tmp/repro.dat").touch()
    git(project, "add", "--force", "params.yaml", ".dvc/tmp/repro.dat")


def test_nothing_is_said_where_nothing_is_left(project: Path) -> None:
    assert killed_arm.mend() == "" and not killed_arm.NOTE.exists()
    assert killed_arm.mend() == ""


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_params_and_branch_are_put_back(project: Path, share: float) -> None:
    before = Path("params.yaml").read_bytes()
    starts(project, share)
    told = killed_arm.mend()
    assert told == "dice-0.7-s0 was killed before it was done; params.yaml and the branch are as they were"
    assert Path("params.yaml").read_bytes() == before and require_ready().branch == "refs/heads/main"


@pytest.mark.parametrize("file", ["params.yaml", "second.py"])
def test_another_edit_is_kept(project: Path, file: str) -> None:
    starts(project)
    Path(file).write_text(Path(file).read_text(encoding="utf-8").replace("seed", "sead"), encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"since then more has changed: .*{file}.*git checkout --force main"):
        killed_arm.mend()
    assert "sead" in Path(file).read_text(encoding="utf-8") and killed_arm.NOTE.exists()


def test_without_a_note_nothing_is_touched(project: Path) -> None:
    killed_arm.NOTE.unlink()
    starts(project)
    assert killed_arm.mend() == "" and git(project, "diff", "--name-only", "HEAD").splitlines() != []


@pytest.mark.parametrize("others", [0, 1])
def test_its_stashed_start_is_dropped_and_no_other(project: Path, others: int) -> None:
    """DVC would run it beside the next arm."""
    commit = git(project, "rev-parse", "HEAD").strip()
    names = ["else", "dice-0.7-s0"][1 - others :]
    for number, name in enumerate(names):
        made = git(project, "commit-tree", "-m", f"stash {number}", "HEAD^{tree}").strip()
        message = f"commit: dvc-exp:{commit}:{commit}:{name}"
        git(project, "update-ref", "--create-reflog", "-m", message, killed_arm.STASH, made)
    assert killed_arm.mend().endswith("its start was dropped")
    left = git(project, "for-each-ref", killed_arm.STASH)
    assert bool(left) == bool(others)
    if others:
        assert git(project, "reflog", "show", "--format=%gs", killed_arm.STASH).split(":")[-1].strip() == "else"


def test_locks_of_the_start_go_and_others_stay(project: Path) -> None:
    Path(".dvc/tmp").mkdir(exist_ok=True)
    Path(".dvc/tmp/rwlock").touch()
    noted = killed_arm.NOTE.stat().st_mtime
    locks = {".git/index.lock": 1, ".git/refs/heads/old.lock": -1, ".git/config.lock": 2 * killed_arm.START_S}
    for name, after_s in locks.items():
        Path(name).touch()
        os.utime(name, (noted + after_s, noted + after_s))
    assert killed_arm.mend() == ""
    assert [Path(name).exists() for name in locks] == [False, True, True] and not Path(".dvc/tmp/rwlock").exists()


def test_its_folder_goes_and_no_other(project: Path) -> None:
    for name in ("dice-0.7-s0", "else"):
        folder = Path(".dvc/tmp/exps/standalone").absolute() / f"tmp{name}"
        folder.mkdir(parents=True)
        info = Path(f".dvc/tmp/exps/run/{name}/{name}.run")
        info.parent.mkdir(parents=True)
        info.write_text(json.dumps({"root_dir": str(folder), "name": name}), encoding="utf-8")
    noted = killed_arm.NOTE.stat().st_mtime
    for name, after_s in {"tmpunknown": 1, "tmpearlier": -1, "tmplater": 2 * killed_arm.START_S}.items():
        folder = Path(".dvc/tmp/exps/standalone") / name
        folder.mkdir()
        os.utime(folder, (noted + after_s, noted + after_s))
    assert killed_arm.mend().endswith("its folder was removed")
    assert sorted(folder.name for folder in Path(".dvc/tmp/exps/standalone").iterdir()) == ["tmpearlier", "tmpelse", "tmplater"]

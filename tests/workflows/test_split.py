"""The stage split: what it writes, that it repeats itself, and that it goes on where it was killed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from segpipe import paths
from segpipe.dataset import pack
from segpipe.dataset.split import balance_report, folds
from segpipe.errors import PipelineError
from segpipe.params import edit
from stages import split
from tests import plain_params
from tests.dataset import packs


def mask(number: int) -> packs.Image:
    """A mask whose part of class 1 grows with the number."""
    found = np.zeros((24, 32), np.uint8)
    found[: number % 24] = 1
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, an empty memory and a pack of 30 images."""
    packed(tmp_path, 30)
    plain_params.write(tmp_path)
    (tmp_path / "kept_folds.csv").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def packed(folder: Path, number: int) -> None:
    packs.made(folder / "made", {f"i{k:02d}": (packs.noise(k), mask(k)) for k in range(number)})
    shutil.rmtree(folder / "data", ignore_errors=True)
    (folder / "data").mkdir()
    (folder / "made" / "prepared").rename(folder / "data" / "prepared")


def outs() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in (paths.KEPT_FOLDS, paths.FOLDS, paths.BALANCE_REPORT)}


def test_it_writes_the_same_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split.main()
    first = outs()
    split.main()
    assert outs() == first
    parts = folds.read(paths.FOLDS)
    assert sorted(parts) == [f"i{k:02d}" for k in range(30)] and len(folds.test(parts)) == 6
    assert balance_report.read(paths.BALANCE_REPORT).n_groups == 30
    assert "30 groups of 30 images, each in one part" in capsys.readouterr().out


def test_images_that_belong_together_by_their_names_are_told_to_scores(project: Path) -> None:
    edit.write(Path("params.yaml"), {"split.group": "name", "split.group_pattern": "^(i.)", "split.n_folds": 2})
    split.main()
    groups = folds.read_groups(paths.FOLDS)
    assert groups == {item: f"{item[:2]}0" for item in folds.read(paths.FOLDS)} and len(set(groups.values())) == 3


@pytest.mark.parametrize(("joined", "sentence"), [("true", "cut through 1 group of 2 images"), ("false", "1 cluster of near-")])
def test_near_duplicates_on_both_sides_of_a_given_list_are_told(
    project: Path, capsys: pytest.CaptureFixture[str], joined: str, sentence: str
) -> None:
    index = pack.read_index(paths.PREPARED)
    index.loc["i03", ["given", "twin"]] = ["test", "i02"]
    index.loc["i02", "twin"] = "i02"
    index.to_csv(paths.PREPARED / "index.csv")
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("join_duplicates: true", f"join_duplicates: {joined}"))
    split.main()
    (warning,) = capsys.readouterr().err.splitlines()
    assert sentence in warning


def test_new_images_move_no_old_one(project: Path) -> None:
    split.main()
    old = folds.read(paths.FOLDS)
    packed(project, 50)
    split.main()
    new = folds.read(paths.FOLDS)
    assert {item: new[item] for item in old} == old and len(folds.test(new)) == 10


@pytest.mark.parametrize("killed", ["kept_folds", "folds", "balance_report"])
def test_killed_before_any_of_its_files_it_ends_in_the_same_bytes(
    project: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    split.main()
    packed(project, 45)
    before = paths.KEPT_FOLDS.read_bytes()
    split.main()
    whole = outs()
    paths.KEPT_FOLDS.write_bytes(before)
    shutil.rmtree("data/folds")

    def killing(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(f"segpipe.dataset.split.{killed}.write", killing)
        split.main()
    split.main()
    assert outs() == whole


def test_without_a_test_part_it_says_that_scores_are_out_of_fold(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_key(project, "test_share: 0.2", "test_share: 0.0")
    split.main()
    assert "no test part, so scores are out of fold" in capsys.readouterr().out


def test_a_fold_that_does_not_exist_ends_before_anything_is_written(project: Path) -> None:
    set_key(project, "folds:                    # the folds to train, each 0 .. split.n_folds - 1\n- 0", "folds:\n- 7")
    with pytest.raises(PipelineError, match=r"folds: there is no fold 7; there are 0, 1, 2, 3, 4"):
        split.main()
    assert paths.KEPT_FOLDS.read_bytes() == b"" and not paths.FOLDS.exists()


def set_key(project: Path, old: str, new: str) -> None:
    path = project / "params.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

"""Reading data/eval: stale folds go, and what is missing, broken or foreign is refused with its remedy."""

import re
from pathlib import Path

import pytest

from segpipe import evaluation
from segpipe.dataset.split import folds as splits
from segpipe.errors import PipelineError
from tests.report.projects import finished


@pytest.fixture
def evaluated(tmp_path: Path) -> Path:
    return finished(tmp_path) / "data/eval"


def read(folder: Path, folds: tuple[int, ...] = (0,)) -> list[evaluation.FoldResults]:
    return evaluation.read(folder, folds, splits.read(folder.parent / "folds/folds.csv"), 3)


def test_everything_of_a_fold_is_read(evaluated: Path) -> None:
    (found,) = read(evaluated)
    assert {part: int(counts.sum()) for part, counts in found.counts.items()} == {"val": 4 * 320, "test": 4 * 320}
    assert list(found.dice["test"]) == ["image00", "image01", "image02", "image03"]
    assert found.dice["test"]["image00"] == 1.0
    assert found.pixels["test"].shape == (3, 4, 3)
    assert found.pixels["test"][0].sum(axis=1).tolist() == [320] * 4
    assert [row["epoch"] for row in found.history] == ["0", "1", "2", "3"]
    assert found.run["fingerprint"] == "print0"
    assert found.predictions["test/image00.png"].read().startswith(b"\x89PNG")


def test_an_image_without_objects_has_no_dice(evaluated: Path) -> None:
    path = evaluated / "fold0/per_image.csv"
    path.write_text(re.sub("image00,.*", "image00,,1.0,0,0,,,,,0.5", path.read_text()))
    assert read(evaluated)[0].dice["test"]["image00"] is None


def test_folds_that_are_not_asked_for_are_deleted_and_nothing_else(evaluated: Path) -> None:
    for name in ("fold1", "fold12", "folder", "fold1.txt"):
        (evaluated / name).mkdir()
    (evaluated / "fold1/counts.csv").write_text("old")
    assert evaluation.remove_others(evaluated, (0, 2)) == ["fold1", "fold12"]
    assert sorted(path.name for path in evaluated.iterdir()) == ["fold0", "fold1.txt", "folder"]
    assert evaluation.remove_others(evaluated / "nowhere", (0,)) == []


def test_a_fold_without_results_is_refused(evaluated: Path) -> None:
    with pytest.raises(PipelineError, match=r"fold1: no counts\.csv, so fold 1 has no results\. Run `dvc repro evaluate@1`\."):
        read(evaluated, (0, 1))


@pytest.mark.parametrize(
    "name", ["per_image.csv", "class_pixels.csv", "details.json", "history.csv", "predictions.zip", "run.json"]
)
def test_each_missing_file_is_named(evaluated: Path, name: str) -> None:
    (evaluated / "fold0" / name).unlink()
    with pytest.raises(PipelineError, match=f"no {re.escape(name)}, so fold 0 has no results"):
        read(evaluated)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("counts.csv", "part,truth,prediction,pixels\nval,0,0,5\n"),
        ("counts.csv", "part,truth,prediction,pixels\nval,7,0,5\n"),
        ("counts.csv", "part,truth\nval,0\n"),
        ("class_pixels.csv", "part,image,class,true,predicted,right\n"),
        ("class_pixels.csv", "part,image,class,true,predicted,right\nval,4,0,1,1,1\n"),
        ("class_pixels.csv", "part,image,class,true,predicted,right\nother,0,0,1,1,1\n"),
        ("details.json", "{}"),
        ("details.json", '{"val": 1, "test": 2}'),
        ("per_image.csv", "part,id,dice,wrong,wrong_at_border,label_quality,given,predicted,confused\nval,a,high,0,0,,,,\n"),
        ("predictions.zip", "no zip"),
        ("run.json", "{"),
        ("run.json", "[]"),
        ("run.json", '{"fingerprint": "a"}'),
    ],
)
def test_broken_files_are_refused(evaluated: Path, name: str, content: str) -> None:
    (evaluated / "fold0" / name).write_text(content)
    with pytest.raises(PipelineError, match=r"fold0: not whole \(.*Run `dvc repro --force evaluate@0`"):
        read(evaluated)


def test_results_of_another_split_are_refused(evaluated: Path) -> None:
    path = evaluated.parent / "folds/folds.csv"
    path.write_text(path.read_text().replace("image03,test", "image03,1"))
    with pytest.raises(PipelineError, match="its images are not those of data/folds"):
        read(evaluated)

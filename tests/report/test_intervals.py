"""The intervals that the report shows, over images and groups, of one fold and of several."""

import csv
from pathlib import Path

import pytest

from segpipe import evaluation
from segpipe.dataset.split import folds as splits
from segpipe.report import intervals, numbers
from segpipe.scores.intervals import Pixels, class_intervals, score_intervals
from tests.report.projects import CLASSES, finished


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("run"), folds=(0, 1))


def read(run: Path, folds: tuple[int, ...]) -> list[evaluation.FoldResults]:
    return evaluation.read(run / "data/eval", folds, splits.read(run / "data/folds/folds.csv"), len(CLASSES))


def together(run: Path) -> dict[str, str]:
    return splits.read_groups(run / "data/folds/folds.csv")


def test_those_of_one_fold_are_of_its_images(run: Path) -> None:
    (fold,) = results = read(run, (0,))
    groups = together(run)
    found = intervals.of_scores(results, groups, True)
    true, seen, hits = fold.pixels["test"]
    assert found["test"] | score_intervals(Pixels(hits, true, seen), True) == found["test"]
    distances = found["test"]["hd95"]
    assert distances.low is not None and distances.high is not None and distances.high > 1
    assert found["test"]["dice"].n_units == 4
    assert intervals.of_classes(results, "test", groups) == class_intervals(Pixels(hits, true, seen))
    value = numbers.of_fold(fold, "test", True)["dice"]
    low, high = found["test"]["dice"].low, found["test"]["dice"].high
    assert value is not None and low is not None and high is not None and low <= value <= high


def test_folds_share_test_images_and_have_validation_images_of_their_own(run: Path) -> None:
    results, groups = read(run, (0, 1)), together(run)
    found = intervals.of_scores(results, groups, True)
    assert found["test"]["dice"].n_units == 4 and found["val"]["dice"].n_units == 8
    for part in ("val", "test"):
        summary = numbers.summary(results, True, None)[part]
        for name, bounds in found[part].items():
            value = summary[name]
            assert bounds.low is not None and bounds.high is not None and value is not None
            assert bounds.low <= value + 1e-6 and value - 1e-6 <= bounds.high


def test_images_of_a_group_are_left_out_as_one(run: Path) -> None:
    results, groups = read(run, (0,)), together(run)
    test = [*results[0].dice["test"]]
    alone = intervals.of_scores(results, groups, True)["test"]["dice"]
    assert (alone.n_units, alone.unit) == (4, "images")
    one_pair = intervals.of_scores(results, groups | dict.fromkeys(test[:2], test[0]), True)["test"]["dice"]
    assert (one_pair.n_units, one_pair.unit) == (3, "groups")
    both = groups | {item: f"patient {number // 2}" for number, item in enumerate(test)}
    assert intervals.of_scores(results, both, True)["test"]["dice"].n_units == 2


def test_the_table_has_every_score_of_every_part_and_class(run: Path, tmp_path: Path) -> None:
    results, groups = read(run, (0,)), together(run)
    found = intervals.of_scores(results, groups, True)
    path = tmp_path / "intervals.csv"
    bounds = {part: intervals.Bounds(each, intervals.of_classes(results, part, groups)) for part, each in found.items()}
    path.write_text(intervals.table(bounds, CLASSES), encoding="utf-8")
    rows = [*csv.DictReader(path.open(encoding="utf-8"))]
    assert len(rows) == 2 * (len(numbers.names(True)) + 4 * len(CLASSES))
    dice = next(row for row in rows if (row["part"], row["score"], row["class"]) == ("test", "dice", ""))
    assert float(dice["low"]) == round(found["test"]["dice"].low or 0, 6) and dice["units"] == "4" and dice["unit"] == "images"

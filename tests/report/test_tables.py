"""The CSV tables under metrics/, line by line."""

import csv
import io

import numpy as np

from segpipe.evaluation import FoldResults
from segpipe.report import tables
from tests.report.projects import results


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_curves_hold_each_folds_epochs_as_they_stand_in_its_file() -> None:
    text = tables.curves([results(0, val={}), results(3, val={})])
    assert text.splitlines() == ["fold,epoch,val_dice", "0,0,0.0", "0,1,0.1", "3,0,0.3", "3,1,0.4"]


def test_curves_take_the_columns_of_all_folds() -> None:
    other = FoldResults(1, {}, {}, [{"epoch": "0", "lr": "0.1"}], {}, {}, {}, {}, {})
    assert tables.curves([results(0, val={}), other]).splitlines()[::3] == ["fold,epoch,val_dice,lr", "1,0,,0.1"]


def test_per_class_adds_the_pixels_of_all_folds() -> None:
    found = rows(tables.per_class([results(0, val={}), results(2, val={})], ["none", "a,b"]))
    assert [(row["part"], row["class"], row["name"], row["pixels"]) for row in found] == [
        ("val", "0", "none", "20"),
        ("val", "1", "a,b", "22"),
    ]
    assert found[1]["dice"] == str(round(40 / 46, 6))
    assert found[1]["recall"] == str(round(20 / 22, 6))


def test_a_class_without_a_true_pixel_has_no_score() -> None:
    fold = FoldResults(0, {"val": np.array([[3, 1], [0, 0]])}, {}, [], {}, {}, {}, {}, {})
    assert tables.per_class([fold], ["a", "b"]).splitlines()[2] == "val,1,b,,,,,0"
    assert tables.confusion([fold], ["a", "b"]).splitlines()[1:] == [
        "val,a,a,3,0.75",
        "val,a,b,1,0.25",
        "val,b,a,0,",
        "val,b,b,0,",
    ]


def test_confusion_is_of_the_test_part_where_there_is_one() -> None:
    found = rows(tables.confusion([results(0, val={}, test={})], ["a", "b"]))
    assert [(row["part"], row["truth"], row["prediction"], row["share"]) for row in found] == [
        ("test", "a", "a", "0.8"),
        ("test", "a", "b", "0.2"),
        ("test", "b", "a", "0.1"),
        ("test", "b", "b", "0.9"),
    ]

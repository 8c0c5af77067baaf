"""The rows of the table of images: all of them, the worst first, and what the page holds of each."""

import dataclasses
import json

from segpipe.evaluation import ImageScores
from segpipe.report import image_table
from tests.report.projects import results


def test_every_image_of_every_part_and_fold_is_a_row_and_the_worst_comes_first() -> None:
    found = image_table.rows([results(0, val={"a": 0.5}, test={"t": 0.25}), results(1, val={"b": 0.1}, test={"t": 0.75})])
    assert [(row.part_word, row.fold, row.scores.id) for row in found] == [
        ("validation", 1, "b"),
        ("test", 0, "t"),
        ("validation", 0, "a"),
        ("test", 1, "t"),
    ]


def test_of_equal_dice_more_wrong_pixels_come_first_and_no_dice_comes_last() -> None:
    fold = results(0, test=dict.fromkeys("abcd", 0.5))
    scores = [("none", None, 0), ("few", 0.5, 1), ("many", 0.5, 9), ("nil", 0.0, 0)]
    images = [ImageScores(name, dice, 0.9, wrong, 0, 0.1) for name, dice, wrong in scores]
    found = image_table.rows([dataclasses.replace(fold, images={"test": images})])
    assert [row.scores.id for row in found] == ["nil", "many", "few", "none"]


def test_the_columns_are_short_numbers_by_hand() -> None:
    images = {
        "val": [ImageScores("<b>", 1 / 3, 2 / 3, 12, 4, 0.123456), ImageScores("sound", 1.0, 1.0, 0, 0, -0.5)],
        "test": [ImageScores("ignored", None, None, None, None, None)],
    }
    found = image_table.columns(image_table.rows([dataclasses.replace(results(3), images=images)]), 2)
    assert json.loads(json.dumps(found)) == {
        "parts": ["test", "validation"],
        "captions": ["image", "truth", "prediction", "errors"],
        "id": ["<b>", "sound", "ignored"],
        "part": [1, 1, 0],
        "fold": [3, 3, 3],
        "dice": [0.3333, 1.0, None],
        "accuracy": [0.6667, 1.0, None],
        "wrong": [12, 0, None],
        "border": [0.3333, None, None],
        "loss": [0.1235, -0.5, None],
        "pictures": 2,
    }

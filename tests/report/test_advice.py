"""Each sentence where its numbers ask for it, and none where nothing strikes."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segpipe.evaluation import FoldResults
from segpipe.record import DatasetInfo
from segpipe.report.advice import advice

INFO = DatasetInfo(("background", "cat", "dog"), True, 3, 8, 40)
GOOD = np.array([[500, 20, 20], [20, 200, 5], [20, 5, 200]])
TRAIN = [f"image{number}" for number in range(20)]


def results(**changes: Any) -> FoldResults:
    dice = {"val": {f"v{number}": 0.9 for number in range(12)}, "test": {f"t{number}": 0.9 for number in range(12)}}
    history = [{"epoch": "0", "train_loss": "0.30", "val_loss": "0.35"}]
    wrong = {"val": (90, 20), "test": (90, 20)}
    found = FoldResults(0, {"val": GOOD, "test": GOOD}, dice, history, {}, {}, {}, wrong, {})
    return dataclasses.replace(found, **changes)


def sentences(held: int = 20, **changes: Any) -> list[str]:
    """Of a fold with these changes; `held` training images have a dog."""
    columns = {"pixels_0": [9] * 20, "pixels_1": [5] * 20, "pixels_2": [int(number < held) for number in range(20)]}
    return advice([results(**changes)], "test", pd.DataFrame(columns, index=TRAIN), INFO, TRAIN)


def test_nothing_strikes() -> None:
    assert sentences() == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dice": {"val": {"a": 0.9}, "test": {"a": 0.9, "b": None}}}, "2 test images prove little"),
        ({"dice": {"val": {"a": 0.9}, "test": {"a": 0.9}}}, "1 test image proves little"),
        (
            {"counts": {"test": np.array([[500, 20, 0], [20, 200, 0], [100, 120, 0]])}},
            "dog is as good as never found (Dice 0.000)",
        ),
        ({"counts": {"test": np.array([[960, 10, 10], [5, 5, 0], [5, 0, 5]])}}, "background everywhere would reach 0.980"),
        (
            {"counts": {"val": GOOD, "test": np.array([[500, 60, 60], [60, 120, 45], [60, 45, 120]])}},
            "Test images score lower than validation images (Dice 0.533 against 0.889)",
        ),
        ({"history": [{"train_loss": "0.1", "val_loss": "0.35"}, {"train_loss": "0.05", "val_loss": ""}]}, "learned by heart"),
        ({"wrong": {"test": (100, 80)}}, "80% of the wrong pixels lie within 3 pixels of a border"),
    ],
)
def test_a_sentence_follows_from_its_numbers(changes: dict[str, Any], sentence: str) -> None:
    (found,) = sentences(**changes)
    assert sentence in found


def test_a_class_that_hardly_an_image_holds_is_told_so() -> None:
    lost = {"test": np.array([[500, 20, 0], [20, 200, 0], [100, 120, 0]])}
    assert "which only 3 of 20 training images hold" in sentences(held=3, counts=lost)[0]
    assert "only" not in sentences(counts=lost)[0]


def test_a_part_without_any_pixel_has_no_advice_but_that_it_is_small() -> None:
    nothing = np.zeros((3, 3), np.int64)
    empty = {"counts": {"test": nothing}, "dice": {"test": {"a": None}}, "history": [], "wrong": {}}
    assert [each.split(" ")[0] for each in sentences(**empty)] == ["1"]

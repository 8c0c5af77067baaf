"""Each sentence where its numbers ask for it, and none where nothing strikes."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segpipe.evaluation import FoldResults
from segpipe.record import DatasetInfo
from segpipe.report.advice import advice
from segpipe.scores.intervals import Interval

INFO = DatasetInfo(("background", "cat", "dog"), True, 3, 8, 40)
GOOD = np.array([[500, 20, 20], [20, 200, 5], [20, 5, 200]])
TRAIN = [f"image{number}" for number in range(20)]


def results(**changes: Any) -> FoldResults:
    dice = {"val": {f"v{number}": 0.9 for number in range(12)}, "test": {f"t{number}": 0.9 for number in range(12)}}
    history = [{"epoch": "0", "train_loss": "0.30", "val_loss": "0.35"}]
    wrong = {"val": (90, 20), "test": (90, 20)}
    found = FoldResults(0, {"val": GOOD, "test": GOOD}, dice, history, {}, {}, {}, wrong, {})
    return dataclasses.replace(found, **changes)


ENOUGH = Interval(0.85, 0.9, 60.0, 60)


def sentences(held: int = 20, dice: Interval = ENOUGH, **changes: Any) -> list[str]:
    """Of a fold with these changes; `held` training images have a dog."""
    columns = {"pixels_0": [9] * 20, "pixels_1": [5] * 20, "pixels_2": [int(number < held) for number in range(20)]}
    return advice([results(**changes)], "test", dice, pd.DataFrame(columns, index=TRAIN), INFO, TRAIN)


def test_nothing_strikes() -> None:
    assert sentences() == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dice": Interval(0.3, 0.99, 4.0, 5)}, "5 images count as many as 4.0 of alike size: that is few."),
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


def test_who_trains_one_fold_may_train_all_and_who_trains_several_is_not_told_to() -> None:
    few = Interval(0.3, 0.99, 4.0, 5)
    index = pd.DataFrame({f"pixels_{number}": [1] * 20 for number in range(3)}, index=TRAIN)
    one, several = (advice([results()] * n, "test", few, index, INFO, TRAIN) for n in (1, 3))
    assert one[0].endswith("before you compare models, or train all folds (folds in params.yaml).")
    assert several[0].endswith("before you compare models.")


def test_a_class_that_hardly_an_image_holds_is_told_so() -> None:
    lost = {"test": np.array([[500, 20, 0], [20, 200, 0], [100, 120, 0]])}
    assert "which only 3 of 20 training images hold" in sentences(held=3, counts=lost)[0]
    assert "only" not in sentences(counts=lost)[0]


def test_a_part_without_any_pixel_has_no_advice() -> None:
    nothing = {"counts": {"test": np.zeros((3, 3), np.int64)}, "history": [], "wrong": {}}
    assert sentences(dice=Interval(None, None, 0.0, 0), **nothing) == []

"""Means, spreads and nulls of the summary, against numbers worked out by hand."""

import dataclasses

import numpy as np
import pytest

from segpipe.evaluation import FoldResults
from segpipe.report import numbers
from segpipe.scores.counts import OTHER_MEANS, confusion, other_means, scores
from segpipe.scores.details import DETAIL_SCORES
from segpipe.scores.intervals import Interval
from tests.report.projects import results

NO_BOUNDS: dict[str, dict[str, Interval]] = {"val": {}, "test": {}}


def test_one_fold_by_hand() -> None:
    # Truth: 10 pixels of background, 10 of the object; 2 and 1 of them wrong.
    found = numbers.summary([results(0, val={"a": 0.5}, test={"b": 0.25, "c": None})], True, 0.1)
    assert found["test"] == {
        "miou": round((8 / 11 + 9 / 12) / 2, 6),
        "dice": round(18 / 21, 6),
        "pixel_accuracy": 0.85,
        "precision": round(9 / 11, 6),
        "recall": 0.9,
        "dice_per_image": 0.25,
        "miou_objects": round(9 / 12, 6),
        "dice_all": round((16 / 19 + 18 / 21) / 2, 6),
        "colour_dice": 0.1,
        **dict.fromkeys(DETAIL_SCORES),
    }
    assert found["val"]["dice_per_image"] == 0.5
    assert "colour_dice" not in found["val"]


def test_without_background_every_class_is_an_object() -> None:
    found = numbers.summary([results(0, val={"a": 0.5})], False, None)
    assert found["val"]["dice"] == round((16 / 19 + 18 / 21) / 2, 6)
    assert not OTHER_MEANS.keys() & found["val"].keys()


def test_folds_are_averaged_and_their_spread_is_the_sample_deviation() -> None:
    found = numbers.summary([results(fold, val={"a": fold / 10}) for fold in (0, 2)], True, None)
    dices = (18 / 21, 22 / 25)
    assert found["val"]["dice"] == round(sum(dices) / 2, 6)
    assert found["val"]["dice_std"] == round(abs(dices[0] - dices[1]) / 2**0.5, 6)
    assert found["val"]["dice_per_image"] == 0.1
    assert found["val"]["dice_per_image_std"] == pytest.approx(0.141421)


def test_one_fold_has_no_spread() -> None:
    assert not any(name.endswith("_std") for name in numbers.summary([results(0, val={"a": 1.0})], True, None)["val"])


def test_without_a_test_part_it_is_empty_and_the_baseline_joins_the_validation_part() -> None:
    found = numbers.summary([results(0, val={"a": 1.0})], True, 0.3)
    assert found["test"] == {}
    assert found["val"]["colour_dice"] == 0.3
    assert numbers.headline([results(0, val={"a": 1.0})]) == "val"


def test_what_is_undefined_is_none_and_left_out_of_means() -> None:
    nothing = FoldResults(1, {"val": np.zeros((2, 2), np.int64)}, {"val": {"a": None}}, [], {}, {}, {}, {}, {})
    alone = numbers.summary([nothing], True, None)["val"]
    assert set(alone.values()) == {None}
    both = numbers.summary([results(0, val={"a": 0.5}), nothing], True, None)["val"]
    assert both["dice"] == round(18 / 21, 6)
    assert both["dice_std"] is None


def test_scores_of_a_fold_are_the_bits_that_evaluate_got_from_its_images() -> None:
    rng = np.random.default_rng(0)
    images = [confusion(truth, seen, 4) for truth, seen in rng.integers(0, 4, (20, 2, 9, 7)).astype(np.uint8)]
    dice = {str(number): scores([each], True)["dice_per_image"] for number, each in enumerate(images)}
    fold = FoldResults(0, {"val": np.sum(images, axis=0)}, {"val": dice}, [], {}, {}, {}, {}, {})
    found = numbers.of_fold(fold, "val", True)
    assert found == scores(images, True) | other_means(np.sum(images, axis=0)) | dict.fromkeys(DETAIL_SCORES)


def test_the_most_that_a_fold_spent_is_in_the_summary_and_not_in_the_consoles_table() -> None:
    def trained(fold: int, epsilon: float, guarantee: bool = True) -> FoldResults:
        entry = {"epsilon": epsilon, "delta": 0.001, "guarantee": guarantee}
        return dataclasses.replace(results(fold, val={"a": 0.5}), run={"privacy": entry})

    found = numbers.summary([trained(0, 1.5), trained(1, 2.12345678)], True, None)
    assert found["privacy"] == {"epsilon": 2.123457, "delta": 0.001}
    assert "privacy" not in numbers.table(found, NO_BOUNDS, True).splitlines()[0]
    assert numbers.summary([trained(0, 1.5), trained(1, 1.0, guarantee=False)], True, None)["privacy"]["epsilon"] is None
    assert "privacy" not in numbers.summary([results(0, val={"a": 0.5})], True, None)


def test_the_consoles_table_has_a_line_a_score() -> None:
    lines = numbers.table(numbers.summary([results(0, val={"a": None})], True, 0.5), NO_BOUNDS, True).splitlines()
    assert lines[0].split() == ["score", "val", "95", "%"]
    assert lines[2].split() == ["dice", "0.8571"]
    assert lines[6].split() == ["dice_per_image", "-"]
    assert lines[-1].split() == ["colour_dice", "0.5000"]
    bounds = {"val": {"dice": Interval(0.81234, 0.9, 5.0, 6), "miou": Interval(None, None, 1.0, 1, reason="of one")}}
    lines = numbers.table(numbers.summary([results(0, val={"a": None})], True, 0.5), bounds, True).splitlines()
    assert lines[2].split() == ["dice", "0.8571", "0.812", "..", "0.900"]
    assert len(lines[1].split()) == 2

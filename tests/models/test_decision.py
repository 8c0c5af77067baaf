"""Decisions: the rules give what their definitions say, checked by brute force on small images."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.models.decision import by_expected_dice, decide, expected_dice
from segpipe.models.segmenter import classes_of, probabilities_of
from segpipe.params.decision import ARGMAX, Decision
from segpipe.scores.levels import LEVELS, levels

DICE = Decision(rule="dice")


def counts_of(logits: torch.Tensor) -> NDArray[np.int64]:
    planes = levels(probabilities_of(logits).numpy())
    return np.stack([np.bincount(plane.ravel(), minlength=LEVELS) for plane in planes])


def test_argmax_is_classes_of() -> None:
    for n_logits in (1, 4):
        logits = torch.randn(n_logits, 9, 7, generator=torch.Generator().manual_seed(n_logits))
        assert torch.equal(decide(logits, ARGMAX), classes_of(logits))
        assert torch.equal(decide(logits[None], ARGMAX), classes_of(logits)[None])


def test_a_threshold_is_a_probability_and_a_half_is_argmax() -> None:
    logits = torch.tensor([[[-3.0, -1.0, 0.0, 0.4, 3.0]]])
    assert decide(logits, Decision("threshold", 0.25)).tolist() == [[0, 1, 1, 1, 1]]
    assert decide(logits, Decision("threshold", 0.7)).tolist() == [[0, 0, 0, 0, 1]]
    assert torch.equal(decide(logits, Decision("threshold", 0.5)), classes_of(logits))


@given(st.lists(st.floats(0.02, 0.98), min_size=1, max_size=8))
def test_the_expected_dice_is_the_largest_of_all_sets_of_pixels(found: list[float]) -> None:
    """Of all sets of pixels of one image, by the approximation's own formula and nothing else."""
    logits = torch.tensor([[[math.log(p / (1 - p)) for p in found]]])
    p = levels(probabilities_of(logits).numpy())[1, 0] / (LEVELS - 1)
    sets = [[*each] for size in range(1, len(p) + 1) for each in itertools.combinations(range(len(p)), size)]
    best = max(2 * p[each].sum() / (len(each) + p.sum()) for each in sets)
    expected = expected_dice(counts_of(logits))
    if p.max() < 0.5:
        assert math.isinf(expected.dice[1])
        assert not by_expected_dice(logits, expected, DICE).any()
        return
    assert expected.dice[1] == pytest.approx(best)
    taken = by_expected_dice(logits, expected, DICE)[0].astype(bool)
    # A pixel at the very bound, 2 p = D, neither raises nor lowers the Dice: it may fall to either side.
    assert 2 * p[taken].sum() / (taken.sum() + p.sum()) == pytest.approx(best, abs=1e-4)


def test_unsure_pixels_of_a_small_object_are_taken_and_a_sure_one_suffices() -> None:
    """0.45 is below a half, and raises the expected Dice all the same: 2 * 1.4 / (2 + 1.4) > 2 * 0.95 / (1 + 1.4)."""
    logits = torch.tensor([[[math.log(0.95 / 0.05), math.log(0.45 / 0.55), -20.0]]])
    assert decide(logits, ARGMAX).tolist() == [[1, 0, 0]]
    assert by_expected_dice(logits, expected_dice(counts_of(logits)), DICE).tolist() == [[1, 1, 0]]


def test_a_class_that_is_likely_nowhere_is_given_to_no_pixel() -> None:
    logits = torch.log(torch.tensor([[[0.6, 0.6]], [[0.4, 0.1]], [[0.0001, 0.3]]]))
    assert not by_expected_dice(logits, expected_dice(counts_of(logits)), DICE).any()


def test_without_background_each_pixel_has_a_class() -> None:
    logits = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0)) * 3
    rule = Decision(rule="dice", has_background=False)
    ids = by_expected_dice(logits, expected_dice(counts_of(logits)), rule)
    assert set(np.unique(ids)) == {0, 1, 2}
    sure = torch.full((3, 4, 4), -30.0)
    sure[2] = 30
    assert (by_expected_dice(sure, expected_dice(counts_of(sure)), rule) == 2).all()

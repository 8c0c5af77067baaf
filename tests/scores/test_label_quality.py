"""Label quality against the paper's formula over single pixels, and what must never change it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores.counts import confusion
from segpipe.scores.label_quality import (
    TEMPERATURE,
    WEIGHTS,
    doubt,
    given_levels,
    label_quality,
    largest_confusion,
)
from segpipe.scores.levels import LEVELS, Levels, levels
from tests.scores.masks import CLASSES, Mask, pairs


def some_levels(size: tuple[int, ...], seed: int) -> Levels:
    return np.random.default_rng(seed).integers(0, LEVELS, (CLASSES, *size)).astype(np.uint16)


def of(own: list[float]) -> float | None:
    """The quality of an image of one row, whose labels have these probabilities."""
    shown = np.array([[own], [[1 - p for p in own]]])
    mask = np.zeros((1, len(own)), np.uint8)
    return label_quality(given_levels(levels(shown), mask), mask)


def by_formula(of_each: Levels, mask: Mask) -> float | None:
    own = [int(of_each[mask[at], at[0], at[1]]) / (LEVELS - 1) for at in map(tuple, np.argwhere(mask != IGNORE))]
    weights = [math.exp((1 - p) / TEMPERATURE) for p in own]
    return sum(p * w for p, w in zip(own, weights, strict=True)) / sum(weights) if own else None


@settings(max_examples=60, deadline=None)
@given(pairs(), st.integers(0, 10**6))
def test_it_is_the_papers_formula(pair: tuple[Mask, Mask], seed: int) -> None:
    mask, _ = pair
    of_each = some_levels(mask.shape, seed)
    found, wanted = label_quality(given_levels(of_each, mask), mask), by_formula(of_each, mask)
    # The weights are whole numbers, the smallest of which is 48.
    assert found == wanted if wanted is None else found == pytest.approx(wanted, rel=0.011, abs=1e-9)


def test_by_hand() -> None:
    assert of([1.0, 1.0]) == 1.0
    assert of([0.0, 0.0]) == 0.0
    # One wrong pixel of 22,027 weighs as much as all the others.
    assert of([0.0] + [1.0] * 22_026) == pytest.approx(0.5, abs=0.003)
    sure, unsure = of([1.0] * 99 + [0.0]), of([1.0] * 99 + [0.5])
    assert sure is not None and unsure is not None and sure < 0.01 < unsure


def test_a_mask_that_is_wrong_in_a_corner_is_worse_than_one_that_is_unsure_everywhere() -> None:
    """As the mean probability is not."""
    corner, unsure = of([1.0] * 95 + [0.01] * 5), of([0.9] * 100)
    assert corner is not None and unsure is not None and corner < 0.1 and unsure > 0.8


def test_sums_of_the_largest_image_fit() -> None:
    assert int(WEIGHTS.max()) * 2**28 * (LEVELS - 1) < 2**64
    assert int(WEIGHTS.min()) == 48


def test_two_classes_of_one_logit() -> None:
    mask = np.array([[0, 1]], np.uint8)
    assert given_levels(levels(np.array([[[0.25, 0.25]]])), mask).tolist() == [[49151, 16384]]


@settings(max_examples=30, deadline=None)
@given(pairs(), st.integers(0, 10**6))
def test_ignored_pixels_and_the_order_change_nothing(pair: tuple[Mask, Mask], seed: int) -> None:
    mask, _ = pair
    of_each = some_levels(mask.shape, seed)
    found = label_quality(given_levels(of_each, mask), mask)
    other = np.where(mask == IGNORE, some_levels(mask.shape, seed + 1), of_each)
    assert label_quality(given_levels(other, mask), mask) == found
    order = np.random.default_rng(seed).permutation(mask.size)
    turned = mask.reshape(1, -1)[:, order]
    assert label_quality(given_levels(of_each.reshape(CLASSES, 1, -1)[:, :, order], turned), turned) == found


def test_without_a_pixel_there_is_none() -> None:
    nothing = np.full((1, 2), IGNORE, np.uint8)
    given_ = given_levels(np.zeros((2, 1, 2), np.uint16), nothing)
    assert label_quality(given_, nothing) is None
    assert doubt(given_).tolist() == [[0, 0]]


def test_doubt_grows_as_the_probability_falls() -> None:
    shown: NDArray[np.uint16] = np.array([[65535, 50000, 32768, 20000, 100, 0]], np.uint16)
    found = doubt(shown)[0].tolist()
    assert found[:3] == [0, 0, 0] and found == sorted(found) and found[-1] == 255 and found[3] > 0
    assert len(set(doubt(np.arange(LEVELS, dtype=np.uint16)[None])[0].tolist())) <= 9


def test_the_pair_of_classes_that_most_pixels_differ_in() -> None:
    mask = np.array([[0, 0, 0, 0, 0, 1, 1, 2, IGNORE, IGNORE, IGNORE]], np.uint8)
    predicted = np.array([[0, 0, 0, 2, 2, 1, 0, 1, 1, 1, 1]], np.uint8)
    assert largest_confusion(confusion(mask, predicted, 3)) == (0, 2, 2)
    assert largest_confusion(confusion(mask, np.minimum(mask, 2), 3)) is None

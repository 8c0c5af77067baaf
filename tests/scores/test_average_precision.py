"""Average precision against scikit-learn's and by hand, and what must never change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from segpipe.record import IGNORE
from segpipe.scores.average_precision import average_precision, coarser, level_counts
from segpipe.scores.counts import mean
from segpipe.scores.levels import LEVELS, Levels, levels
from tests.scores.masks import CLASSES, Mask, pairs


def some_levels(truth: Mask, seed: int, distinct: int) -> Levels:
    """Few distinct ones, so that many pixels are equal, and higher ones where they are right."""
    rng = np.random.default_rng(seed)
    chosen = np.unique([0, LEVELS - 1, *rng.integers(0, LEVELS, distinct)])
    rank = rng.random((CLASSES, *truth.shape)) * 0.7 + 0.3 * (truth == np.arange(CLASSES)[:, None, None])
    return chosen[(rank * len(chosen)).astype(int)].astype(np.uint16)


@settings(max_examples=80, deadline=None)
@given(pairs(), st.integers(0, 10**6), st.sampled_from([1, 2, 5, 1000]))
def test_it_is_scikit_learns(pair: tuple[Mask, Mask], seed: int, distinct: int) -> None:
    truth = pair[0]
    of_each = some_levels(truth, seed, distinct)
    found, valid = average_precision(level_counts(of_each, truth)), truth != IGNORE
    for number, value in enumerate(found):
        right = truth[valid] == number
        wanted = average_precision_score(right, of_each[number][valid] / (LEVELS - 1)) if right.any() else None
        assert value == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


def test_by_hand() -> None:
    # Class 1, from the highest: right, then two of equal probability of which one is right, then wrong.
    truth = np.array([[1, 0, 1, 0]], np.uint8)
    found = average_precision(level_counts(levels(np.array([[[0.9, 0.5, 0.5, 0.1]]])), truth))
    assert found[1] == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)
    # And class 0 by the probability that is left: wrong last.
    assert found[0] == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)


def test_a_class_without_a_true_pixel_has_none_where_scikit_learn_says_0() -> None:
    truth = np.zeros((1, 4), np.uint8)
    found = average_precision(level_counts(np.full((3, 1, 4), 7, np.uint16), truth))
    assert found == [1.0, None, None]
    with pytest.warns(UserWarning, match="No positive class"):
        assert average_precision_score(truth[0] == 1, np.zeros(4)) == 0
    # map is the mean over the classes that are there.
    assert mean(found) == 1
    assert mean(average_precision(level_counts(np.zeros((3, 1, 4), np.uint16), np.full((1, 4), IGNORE, np.uint8)))) is None


def test_equal_probabilities_everywhere_are_worth_the_share_of_the_class() -> None:
    truth = np.array([[0, 1, 1, 1, 2, 2, 2, 2]], np.uint8)
    assert average_precision(level_counts(np.full((3, 1, 8), 9, np.uint16), truth)) == [1 / 8, 3 / 8, 4 / 8]


@settings(max_examples=30, deadline=None)
@given(pairs(), st.integers(0, 10**6))
def test_ignored_pixels_the_order_and_the_batch_change_nothing(pair: tuple[Mask, Mask], seed: int) -> None:
    truth = pair[0]
    of_each = some_levels(truth, seed, 5)
    counts = level_counts(of_each, truth)
    moved = np.where(truth == IGNORE, np.uint16(LEVELS - 1) - of_each, of_each)
    assert np.array_equal(level_counts(moved, truth), counts)
    order = np.random.default_rng(seed).permutation(truth.size)
    turned = level_counts(of_each.reshape(CLASSES, 1, -1)[:, :, order], truth.reshape(1, -1)[:, order])
    assert np.array_equal(turned, counts)
    rows = [level_counts(of_each[:, row : row + 1], truth[row : row + 1]) for row in range(len(truth))]
    assert np.array_equal(np.sum(rows, axis=0), counts)
    assert counts[:, 1].sum(axis=1).tolist() == [int((truth != IGNORE).sum())] * CLASSES


def test_fewer_bins_are_the_same_pixels_and_nearly_the_same_number() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (100, 100), dtype=np.uint8)
    shown = np.clip(0.3 * (truth == np.arange(3)[:, None, None]) + rng.random((3, 100, 100)), 0, 1)
    counts = level_counts(levels(shown), truth)
    few = coarser(counts, 1024)
    assert few.shape == (3, 2, 1024)
    assert np.array_equal(few.sum(axis=2), counts.sum(axis=2))
    assert np.array_equal(coarser(counts, LEVELS), counts)
    assert average_precision(few) == pytest.approx(average_precision(counts), abs=5e-3)

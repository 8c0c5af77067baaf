"""Reliability and ECE against loops over the pixels, and what must never change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.record import IGNORE
from segpipe.scores.calibration import BINS, Reliability, calibration_error, curve, reliability
from segpipe.scores.levels import LEVELS, Levels, levels
from tests.scores.masks import CLASSES, Mask, other_under_ignored, pairs


def some_levels(size: tuple[int, ...], seed: int) -> Levels:
    """A third of them on the edges of bins, and some at the ends."""
    rng = np.random.default_rng(seed)
    edges = rng.integers(0, BINS + 1, (CLASSES, *size)) * ((LEVELS - 1) // BINS)
    return np.where(rng.random(edges.shape) < 0.3, edges, rng.integers(0, LEVELS, edges.shape)).astype(np.uint16)


def by_loops(of_each: Levels, truth: Mask, seen: Mask) -> list[list[int]]:
    found = [[0, 0, 0] for _ in range(BINS)]
    for row, column in np.argwhere(truth != IGNORE):
        level = int(of_each[seen[row, column], row, column])
        of_bin = found[min(BINS - 1, BINS * level // (LEVELS - 1))]
        of_bin[0] += 1
        of_bin[1] += int(truth[row, column] == seen[row, column])
        of_bin[2] += level
    return found


def error_by_definition(counts: list[list[int]]) -> float | None:
    total = sum(pixels for pixels, _, _ in counts)
    apart = [pixels / total * abs(right / pixels - level / pixels / (LEVELS - 1)) for pixels, right, level in counts if pixels]
    return sum(apart) if total else None


def close(found: float | None, wanted: float | None) -> bool:
    return found == wanted if found is None or wanted is None else found == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(pairs(), st.integers(0, 10**6))
def test_it_is_what_loops_over_the_pixels_give(pair: tuple[Mask, Mask], seed: int) -> None:
    truth, seen = pair
    of_each = some_levels(truth.shape, seed)
    found, wanted = reliability(of_each, truth, seen), by_loops(of_each, truth, seen)
    assert found.tolist() == wanted
    assert close(calibration_error(found), error_by_definition(wanted))
    for point, (pixels, right, level) in zip(curve(found), wanted, strict=True):
        assert point == (pytest.approx((level / (LEVELS - 1) / pixels, right / pixels)) if pixels else None)


def of(confidence: float, right: int, wrong: int) -> Reliability:
    """Pixels of one confidence, some of which are right."""
    truth = np.array([[0] * right + [1] * wrong], np.uint8)
    shown = np.stack([np.full(truth.shape, confidence), np.full(truth.shape, 1 - confidence)])
    return reliability(levels(shown), truth, np.zeros_like(truth))


def test_by_hand() -> None:
    assert calibration_error(of(0.8, 8, 2)) == pytest.approx(0, abs=1e-9)
    assert calibration_error(of(1.0, 3, 1)) == pytest.approx(0.25)
    # Two bins of equal size, one too sure and one not sure enough: they do not cancel out.
    both = of(0.8, 6, 4) + of(0.6, 8, 2)
    assert calibration_error(both) == pytest.approx(0.2)
    assert [point for point in curve(both) if point] == [pytest.approx((0.6, 0.8)), pytest.approx((0.8, 0.6))]


def test_a_confidence_of_1_is_in_the_last_bin_and_an_edge_opens_its_own() -> None:
    assert of(1.0, 1, 0)[:, 0].tolist() == [0] * 14 + [1]
    assert of(0.2, 1, 0)[:, 0].tolist() == [0] * 3 + [1] + [0] * 11


def test_without_a_pixel_there_is_none() -> None:
    nothing = reliability(np.zeros((2, 1, 2), np.uint16), np.full((1, 2), IGNORE, np.uint8), np.zeros((1, 2), np.uint8))
    assert calibration_error(nothing) is None
    assert curve(nothing) == [None] * BINS


@settings(max_examples=30, deadline=None)
@given(pairs(), st.integers(0, 10**6))
def test_ignored_pixels_the_order_and_the_batch_change_nothing(pair: tuple[Mask, Mask], seed: int) -> None:
    truth, seen = pair
    of_each = some_levels(truth.shape, seed)
    counts = reliability(of_each, truth, seen)
    assert np.array_equal(reliability(of_each, truth, other_under_ignored(truth, seen)), counts)
    order = np.random.default_rng(seed).permutation(truth.size)
    turned = (each.reshape(1, -1)[:, order] for each in (truth, seen))
    assert np.array_equal(reliability(of_each.reshape(CLASSES, 1, -1)[:, :, order], *turned), counts)
    rows = [reliability(of_each[:, r : r + 1], truth[r : r + 1], seen[r : r + 1]) for r in range(len(truth))]
    assert np.array_equal(np.sum(rows, axis=0), counts)

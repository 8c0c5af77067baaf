"""Boundary scores against distances between all pairs of boundary pixels, in degenerate cases, and what must not change them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, distance_transform_edt

from segpipe.record import IGNORE
from segpipe.scores import surface
from segpipe.scores.surface import boundary_f, one_sided, surface_dice, surfaces
from tests.scores.masks import CLASSES, Mask, other_under_ignored, pairs

Points = list[tuple[int, int]]
SPACINGS = [(1.0, 1.0), (0.1, 0.1), (0.7, 0.7), (2.0, 0.5), (0.3, 1.1)]


def boundary(mask: list[list[bool]]) -> Points:
    """Pixels of the mask with a neighbour above, below, left or right that is not of it."""
    inside = {(row, column) for row, line in enumerate(mask) for column, there in enumerate(line) if there}
    steps = ((-1, 0), (1, 0), (0, -1), (0, 1))
    return [(row, column) for row, column in sorted(inside) if any((row + y, column + x) not in inside for y, x in steps)]


def distances(start: Points, end: Points, spacing: tuple[float, float]) -> list[float]:
    return [min(math.hypot((r - y) * spacing[0], (c - x) * spacing[1]) for y, x in end) for r, c in start]


def percentile95(values: list[float]) -> float:
    """Linear between the ordered values."""
    ordered, place = sorted(values), 0.95 * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def near(values: list[float], tolerance: float) -> int:
    return sum(value <= tolerance + 1e-6 for value in values)


def approx(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(pairs(), st.sampled_from([0, 1, 1.5, 2, 3]), st.sampled_from(SPACINGS))
def test_it_is_what_all_pairs_of_boundary_pixels_give(
    pair: tuple[Mask, Mask], steps: float, spacing: tuple[float, float]
) -> None:
    truth, seen = pair
    tolerance = steps * spacing[1]
    found = surfaces(truth, seen, CLASSES, tolerance, spacing)
    for number in range(CLASSES):
        true, predicted = (boundary(((each == number) & (truth != IGNORE)).tolist()) for each in (truth, seen))
        if not true or not predicted:
            assert found.counts[number].tolist() == [len(predicted), 0, len(true), 0]
            assert (found.hd95[number], found.mean_distance[number]) == (None, None)
            assert one_sided(found.counts)[number] == bool(true or predicted)
            assert boundary_f(found.counts)[number] == surface_dice(found.counts)[number] == (0 if true or predicted else None)
            continue
        out, back = distances(predicted, true, spacing), distances(true, predicted, spacing)
        wanted = [len(out), near(out, tolerance), len(back), near(back, tolerance)]
        assert found.counts[number].tolist() == wanted
        assert not one_sided(found.counts)[number]
        assert found.hd95[number] == approx(max(percentile95(out), percentile95(back)))
        assert found.mean_distance[number] == approx(sum(out + back) / len(out + back))
        precision, recall = wanted[1] / wanted[0], wanted[3] / wanted[2]
        f_score = 2 * precision * recall / (precision + recall) if precision and recall else 0
        assert boundary_f(found.counts)[number] == approx(f_score)
        assert surface_dice(found.counts)[number] == approx((wanted[1] + wanted[3]) / (wanted[0] + wanted[2]))


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_the_boundary_is_the_mask_without_its_erosion(pair: tuple[Mask, Mask]) -> None:
    truth = pair[0]
    masks = [truth == number for number in range(CLASSES)]
    wanted = [int((mask & ~binary_erosion(mask)).sum()) for mask in masks]
    assert surfaces(truth, pair[1], CLASSES, 1).counts[:, 2].tolist() == wanted


def shifted(by: int) -> Mask:
    """A square of 10 x 10, so many pixels to the right."""
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10 + by : 20 + by] = 1
    return mask


def test_a_shift_by_three_pixels() -> None:
    found = surfaces(shifted(0), shifted(3), 2, tolerance=3)
    assert found.counts[1].tolist() == [36, 36, 36, 36]
    assert found.hd95[1] == 3
    # Too far are the ten pixels of the side in front, and those of the side behind that are not near the top or the bottom.
    short = surfaces(shifted(0), shifted(3), 2, tolerance=2)
    assert short.counts[1].tolist() == [36, 22, 36, 22]
    assert boundary_f(short.counts)[1] == pytest.approx(22 / 36)


def test_units_are_those_of_the_spacing() -> None:
    """What is three pixels apart is 0.3 mm apart, and within 0.3 mm, although 3 times 0.1 is more than 0.3."""
    assert 3 * 0.1 > 0.3
    for spacing in ((0.1, 0.1), (5.0, 0.1)):
        found = surfaces(shifted(0), shifted(3), 2, tolerance=0.3, spacing=spacing)
        assert surface_dice(found.counts)[1] == 1
        assert found.hd95[1] == pytest.approx(0.3)


def test_where_neither_mask_has_the_class_there_is_no_score_where_davis_says_1() -> None:
    empty = np.zeros((5, 5), np.uint8)
    found = surfaces(empty, empty, 2, 1)
    assert (boundary_f(found.counts)[1], surface_dice(found.counts)[1], found.hd95[1]) == (None, None, None)
    assert one_sided(found.counts).tolist() == [False, False]


@pytest.mark.parametrize("turned", [False, True])
def test_where_one_mask_has_it_the_scores_are_0_and_there_is_no_distance(turned: bool) -> None:
    both = (np.zeros((5, 5), np.uint8), np.eye(5, dtype=np.uint8))
    found = surfaces(*(both[::-1] if turned else both), 2, 100)
    assert (boundary_f(found.counts)[1], surface_dice(found.counts)[1], found.hd95[1]) == (0, 0, None)
    assert one_sided(found.counts).tolist() == [False, True]


def test_a_mask_that_fills_the_image_has_the_frame_as_its_boundary() -> None:
    whole = np.ones((6, 9), np.uint8)
    found = surfaces(whole, whole, 2, 0)
    assert found.counts[1].tolist() == [26, 26, 26, 26]
    assert (boundary_f(found.counts)[1], found.hd95[1], found.mean_distance[1]) == (1, 0, 0)


def test_one_pixel() -> None:
    truth, seen = np.zeros((2, 7, 9), np.uint8)
    truth[1, 2] = seen[4, 6] = 1
    found = surfaces(truth, seen, 2, 5)
    assert found.counts[1].tolist() == [1, 1, 1, 1]
    assert (found.hd95[1], found.mean_distance[1]) == (5, 5)


def test_far_apart_distances_are_exact() -> None:
    truth, seen = np.zeros((2, 600, 800), np.uint8)
    truth[0, 0] = seen[-1, -1] = 1
    assert surfaces(truth, seen, 2, 1).hd95[1] == pytest.approx(math.hypot(599, 799), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(pairs(), st.sampled_from([0, 1, 2]))
def test_ignored_pixels_flips_and_which_is_which_change_nothing(pair: tuple[Mask, Mask], tolerance: int) -> None:
    truth, seen = pair
    found = surfaces(truth, seen, CLASSES, tolerance)
    under = surfaces(truth, other_under_ignored(truth, seen), CLASSES, tolerance)
    assert np.array_equal(under.counts, found.counts) and under.hd95 == found.hd95
    turned = surfaces(truth.T[::-1], seen.T[::-1], CLASSES, tolerance)
    assert np.array_equal(turned.counts, found.counts)
    assert turned.hd95 == [approx(value) for value in found.hd95]
    if (truth != IGNORE).all():
        other = surfaces(seen, truth, CLASSES, tolerance)
        assert np.array_equal(other.counts, found.counts[:, [2, 3, 0, 1]]) and other.hd95 == found.hd95


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_a_mask_against_itself_is_right_everywhere(pair: tuple[Mask, Mask]) -> None:
    truth = pair[0]
    found = surfaces(truth, np.where(truth == IGNORE, 0, truth).astype(np.uint8), CLASSES, 0)
    there = [bool((truth == number).any()) for number in range(CLASSES)]
    assert boundary_f(found.counts) == surface_dice(found.counts) == [1.0 if each else None for each in there]
    assert found.hd95 == [0.0 if each else None for each in there]


@settings(max_examples=20, deadline=None)
@given(pairs(), pairs())
def test_scores_of_added_counts_are_those_of_all_boundary_pixels(first: tuple[Mask, Mask], second: tuple[Mask, Mask]) -> None:
    counts = [surfaces(*pair, CLASSES, 1).counts for pair in (first, second)]
    total = counts[0] + counts[1]
    assert np.array_equal(total, counts[1] + counts[0])
    for number, (seen, near_true, true, near_seen) in enumerate(total.tolist()):
        wanted = (near_true + near_seen) / (seen + true) if seen + true else None
        assert surface_dice(total)[number] == approx(wanted)


@pytest.mark.parametrize("size", [(300, 400), (1, 900), (1200, 30)], ids=str)
def test_distances_are_exact_to_the_last_bit(size: tuple[int, int]) -> None:
    """OpenCV's own are rounded to float32, and differ there from run to run."""
    random = np.random.default_rng(0)
    start, end = (random.random(size) < share for share in (0.02, 0.01))
    found = surface._distances(start, end, (1.0, 1.0))
    assert np.array_equal(found, distance_transform_edt(~end)[start])

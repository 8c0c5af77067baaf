"""Recall of objects by size against a flood fill in plain Python, and its rules at their edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.record import IGNORE
from segpipe.scores import object_sizes
from segpipe.scores.object_sizes import LIMITS, object_counts, object_recall
from tests.scores.masks import CLASSES, Mask, other_under_ignored, pairs


def components(mask: list[list[bool]]) -> list[list[tuple[int, int]]]:
    """The pixels of each component, by flood fill over all eight neighbours."""
    left = {(row, column) for row, line in enumerate(mask) for column, there in enumerate(line) if there}
    found = []
    while left:
        queue = [left.pop()]
        for row, column in queue:
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            queue += near
        found.append(queue)
    return found


def by_flood_fill(truth: Mask, seen: Mask) -> list[list[list[int]]]:
    counts = [[[0, 0] for _ in range(3)] for _ in range(CLASSES)]
    for number in range(CLASSES):
        for pixels in components((truth == number).tolist()):
            size = sum(len(pixels) >= limit for limit in object_sizes.LIMITS)
            hits = sum(seen[pixel] == number for pixel in pixels)
            counts[number][size][0] += 1
            counts[number][size][1] += hits / len(pixels) >= 0.5
    return counts


@settings(max_examples=100, deadline=None)
@given(pairs())
def test_it_is_what_a_flood_fill_counts(pair: tuple[Mask, Mask]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Small enough for small masks to have all three sizes.
        patch.setattr(object_sizes, "LIMITS", (4, 12))
        assert object_counts(*pair, CLASSES).tolist() == by_flood_fill(*pair)


def square(area: int) -> Mask:
    """One object of so many pixels."""
    truth = np.zeros((100, 100), np.uint8)
    truth.ravel()[:area] = 1
    return truth


@pytest.mark.parametrize(
    ("area", "size"), [(1, 0), (LIMITS[0] - 1, 0), (LIMITS[0], 1), (LIMITS[1] - 1, 1), (LIMITS[1], 2), (10_000, 2)]
)
def test_sizes_are_cocos(area: int, size: int) -> None:
    assert LIMITS == (1024, 9216)
    counts = object_counts(square(area), square(area), 2)
    assert counts[1].tolist() == [[1, 1] if number == size else [0, 0] for number in range(3)]


def test_half_of_an_object_is_enough_and_less_is_not() -> None:
    truth = square(10)
    assert object_recall(object_counts(truth, square(5), 2))[1] == [1.0, None, None]
    assert object_recall(object_counts(truth, square(4), 2))[1] == [0.0, None, None]


def test_corners_touch() -> None:
    diagonal = np.eye(4, dtype=np.uint8)
    assert object_counts(diagonal, diagonal, 2)[1, 0].tolist() == [1, 1]


def test_without_objects_there_is_no_recall() -> None:
    empty = np.full((3, 3), IGNORE, np.uint8)
    assert object_recall(object_counts(empty, np.ones((3, 3), np.uint8), 2)) == [[None] * 3] * 2


@settings(max_examples=40, deadline=None)
@given(pairs(), pairs(), st.booleans())
def test_ignored_pixels_and_the_order_of_images_change_nothing(
    first: tuple[Mask, Mask], second: tuple[Mask, Mask], flip: bool
) -> None:
    truth, seen = first
    counts = object_counts(truth, seen, CLASSES)
    assert np.array_equal(object_counts(truth, other_under_ignored(truth, seen), CLASSES), counts)
    turned = (np.ascontiguousarray(each[::-1] if flip else each.T) for each in first)
    assert np.array_equal(object_counts(*turned, CLASSES), counts)
    # Side by side with a gap, two images are one.
    other = object_counts(*second, CLASSES)
    both = [beside(each, far) for each, far in zip(first, second, strict=True)]
    assert np.array_equal(object_counts(*both, CLASSES), counts + other)


def beside(first: Mask, second: Mask) -> Mask:
    """Both in one mask, with ignored pixels around them."""
    found = np.full((max(len(first), len(second)), first.shape[1] + 1 + second.shape[1]), IGNORE, np.uint8)
    found[: len(first), : first.shape[1]] = first
    found[: len(second), first.shape[1] + 1 :] = second
    return found

"""Runs of pixels in the rows of an image, and the part of an image that they fill."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Spans(NamedTuple):
    """Runs of pixels: in each of `rows` the columns from `starts` to before `stops`, (N,) each.

    In any order; runs may overlap, be empty and reach over the left and right side of the image, not over the others.
    """

    rows: Integers
    starts: Integers
    stops: Integers


class Patch(NamedTuple):
    """The pixels of a shape, `inside` (h, w) bool, in the smallest box that holds them; `top` and `left` place the box."""

    top: int
    left: int
    inside: NDArray[np.bool_]

    @property
    def box(self) -> tuple[slice, slice]:
        """The box as an index into an array of the image's size."""
        height, width = self.inside.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def spans(rows: Integers, starts: Integers, stops: Integers, width: int) -> Spans:
    """The runs cut to the columns of the image, and without the empty ones."""
    starts, stops = np.maximum(starts, 0), np.minimum(stops, width)
    some = starts < stops
    return Spans(rows[some], starts[some], stops[some])


def joined(parts: list[Spans]) -> Spans:
    """All runs of several lists."""
    if len(parts) == 1:
        return parts[0]
    none = np.zeros(0, np.int64)
    return Spans(*(np.concatenate([none, *column]) for column in zip(*parts, strict=True))) if parts else Spans(none, none, none)


def patch(runs: Spans) -> Patch | None:
    """The pixels that the runs, cut to the image before, cover together. None where there are none."""
    rows, starts, stops = runs
    if not len(rows):
        return None
    top, left = int(rows.min()), int(starts.min())
    height, width = int(rows.max()) + 1 - top, int(stops.max()) - left
    offset = (rows - top) * width - left
    first, after = starts + offset, stops + offset
    if np.any(first[1:] < first[:-1]):
        order = np.argsort(first, kind="stable")
        first, after = first[order], after[order]
    # A run begins no sooner than all before it have ended, so the lengths of gap, run, gap, run... add up to the box.
    bounds = np.empty(2 * len(first) + 2, np.int64)
    bounds[0], bounds[-1] = 0, height * width
    bounds[2:-1:2] = np.maximum.accumulate(after)
    np.maximum(first, bounds[:-2:2], out=bounds[1:-1:2])
    np.maximum(bounds[2:-1:2], bounds[1:-1:2], out=bounds[2:-1:2])
    inside = np.zeros(len(bounds) - 1, np.bool_)
    inside[1::2] = True
    return Patch(top, left, np.repeat(inside, np.diff(bounds)).reshape(height, width))


def rows_of(first: Integers, last: Integers) -> tuple[Integers, Integers]:
    """Numbers and rows: each number i of (N,) bounds once for every row from first[i] to last[i], in the order of i."""
    counts = np.maximum(last - first + 1, 0)
    numbers = np.repeat(np.arange(len(counts)), counts)
    return numbers, np.arange(len(numbers)) - np.repeat(np.cumsum(counts) - counts - first, counts)

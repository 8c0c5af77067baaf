"""Runs of pixels in the rows of an image, and the part of an image that they fill."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
MAX_PIXELS = 4_000_000
"""Pixels of boxes that are filled at a time."""


class Spans(NamedTuple):
    """Runs of pixels: in each of `rows` the columns from `starts` to before `stops`, and the shape it belongs to; (N,) each.

    None is empty or reaches over the sides of the image. In any order; runs may overlap.
    """

    owners: Integers
    rows: Integers
    starts: Integers
    stops: Integers


class Patch(NamedTuple):
    """The pixels of a shape, `inside` (h, w) bool, and the `top` and `left` of their box in the image."""

    top: int
    left: int
    inside: NDArray[np.bool_]

    @property
    def box(self) -> tuple[slice, slice]:
        """The box as an index into an array of the image's size."""
        height, width = self.inside.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def spans(owners: Integers | int, rows: Integers, starts: Integers | int, stops: Integers | int, width: int) -> Spans:
    """The runs cut to the columns of the image, and without the empty ones."""
    starts, stops = np.maximum(starts, 0), np.minimum(stops, width)
    owners, starts, stops = (np.broadcast_to(each, rows.shape) for each in (owners, starts, stops))
    some = starts < stops
    return Spans(owners[some], rows[some], starts[some], stops[some])


def concatenated(lists: Sequence[Spans]) -> Spans:
    """All runs of one or more lists."""
    return lists[0] if len(lists) == 1 else Spans(*(np.concatenate(column) for column in zip(*lists, strict=True)))


def patches(runs: Spans) -> Iterator[tuple[int, Patch]]:
    """Each shape that has a run, in ascending order, with the pixels that its runs cover together."""
    owners, rows, starts, stops = _ordered(runs)
    if not len(rows):
        return
    begin = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
    end = np.append(begin[1:], len(owners))
    top, left = rows[begin], np.minimum.reduceat(starts, begin)
    height, width = rows[end - 1] + 1 - top, np.maximum.reduceat(stops, begin) - left
    # Runs become places in all boxes laid end to end.
    base = np.cumsum(height * width)
    shape = np.repeat(np.arange(len(begin)), end - begin)
    # Of (row, column) in its box: base + (row - top) * width + (column - left); here all but the row and column themselves.
    offset = (base - height * width - left - top * width)[shape] + rows * width[shape]
    first, after = starts + offset, stops + offset
    boxes = list(zip(*(each.tolist() for each in (owners[begin], top, left, height, width, begin, end, base)), strict=True))
    done = 0
    while done < len(boxes):
        # Where this box begins: its end less height times width.
        past = boxes[done][-1] - boxes[done][3] * boxes[done][4]
        until = max(done + 1, int(np.searchsorted(base, past + MAX_PIXELS, "right")))
        some = slice(boxes[done][5], boxes[until - 1][6])  # the runs of the shapes from `done` to before `until`
        flat = _covered(first[some] - past, after[some] - past, boxes[until - 1][-1] - past)
        for owner, y, x, rows_, columns, _, _, stop in boxes[done:until]:
            inside = flat[stop - past - rows_ * columns : stop - past].reshape(rows_, columns)
            yield owner, Patch(y, x, inside)
        done = until


def _ordered(runs: Spans) -> Spans:
    """The runs by shape, row and start."""
    if not len(runs.rows):
        return runs
    # Shape, row and start as one number, so that one sort does.
    places = (runs.owners * (runs.rows.max() + 1) + runs.rows) * (runs.starts.max() + 1) + runs.starts
    if np.all(places[:-1] <= places[1:]):
        return runs
    order = np.argsort(places)  # the order of equal ones changes nothing
    return Spans(*(each[order] for each in runs))


def _covered(first: Integers, after: Integers, size: int) -> NDArray[np.bool_]:
    """Of so many places those in any run from `first` to before `after`; the runs are in the order of `first`."""
    # A run begins no sooner than all before it have ended, so the lengths of gap, run, gap, run... add up to the size.
    bounds = np.zeros(2 * len(first) + 2, np.int64)
    bounds[2::2] = np.maximum.accumulate(after)
    bounds[1:-1:2] = np.maximum(first, bounds[:-2:2])
    bounds[-1] = size
    inside = np.zeros(len(bounds) - 1, np.bool_)
    inside[1::2] = True
    return np.repeat(inside, np.diff(bounds))


def points_of(rings: Iterable[Sequence[tuple[float, float]]]) -> NDArray[np.float64]:
    """All corners of all rings, (N, 2)."""
    return np.fromiter(chain.from_iterable(chain.from_iterable(rings)), np.float64).reshape(-1, 2)


def rows_of(first: Integers, last: Integers) -> tuple[Integers, Integers]:
    """Numbers and rows: each number i of (N,) bounds once for every row from first[i] to last[i], in the order of i."""
    counts = np.maximum(last - first + 1, 0)
    numbers = np.repeat(np.arange(len(counts)), counts)
    return numbers, np.arange(len(numbers)) - np.repeat(np.cumsum(counts) - counts - first, counts)

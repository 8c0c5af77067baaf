"""How much of an image each class covers: pixels, and objects, which are connected regions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

STRIP = 2**21
"""Pixels of the rows that are looked at together: of those above, what is kept is a number an object."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Area:
    """A class in an image: its `pixels`, how many `objects` they make, and the pixels of the `largest`; 0 without any."""

    pixels: int
    objects: int
    largest: int


class _Runs(NamedTuple):
    """Pixels of one class side by side: in each of `rows` the columns from `starts` to before `stops`; (N,), in reading order."""

    ids: Integers
    rows: Integers
    starts: Integers
    stops: Integers

    def of_row(self, row: int) -> "_Runs":
        """Those of one row."""
        part = slice(*np.searchsorted(self.rows, [row, row + 1]))
        return _Runs(*(column[part] for column in self))


class _Parts(NamedTuple):
    """Connected parts of some rows: the class of each and its pixels; and those pairs of parts, by number, that meet above."""

    ids: Integers
    pixels: Integers
    upper: Integers
    lower: Integers


def areas(ids: NDArray[np.uint8], n_classes: int) -> list[Area]:
    """Of each class in (H, W) class ids below `n_classes`. Objects are connected by sides or corners, as in all scores."""
    parts = _Parts(*(np.concatenate(column) for column in zip(*_parts(ids), strict=True)))
    n_objects, owners = _connected(parts.upper, parts.lower, len(parts.ids))
    pixels = np.bincount(owners, parts.pixels, n_objects).astype(np.int64)
    # All parts of an object are of one class, so that any of them tells it.
    classes = np.zeros(n_objects, np.int64)
    classes[owners] = parts.ids
    largest = np.zeros(n_classes, np.int64)
    np.maximum.at(largest, classes, pixels)
    columns = np.bincount(classes, pixels, n_classes).astype(np.int64), np.bincount(classes, minlength=n_classes), largest
    return [Area(*numbers) for numbers in zip(*(column.tolist() for column in columns), strict=True)]


def _parts(ids: NDArray[np.uint8]) -> Iterator[_Parts]:
    """The parts of some rows after others, numbered through."""
    height, width = ids.shape
    n_rows = max(1, STRIP // width)
    none = np.zeros(0, np.int64)
    above, of_above, n_parts = _Runs(none, none, none, none), none, 0
    for top in range(0, height, n_rows):
        runs = _runs(ids[top : top + n_rows])
        n_new, owners = _connected(*_touching(runs, runs, width), len(runs.ids))
        owners = owners + n_parts
        classes = np.zeros(n_new, np.int64)
        classes[owners - n_parts] = runs.ids
        upper, lower = _touching(above, runs.of_row(0), width)
        # The runs of the first row are the first ones.
        yield _Parts(classes, np.bincount(owners - n_parts, runs.stops - runs.starts, n_new), of_above[upper], owners[lower])
        last = runs.of_row(int(runs.rows[-1]))
        above, of_above = last._replace(rows=np.full_like(last.rows, -1)), owners[len(owners) - len(last.rows) :]
        n_parts += n_new


def _connected(one: Integers, other: Integers, n: int) -> tuple[int, Integers]:
    """How many groups these pairs join `n` things to, and the group of each."""
    return connected_components(coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(n, n)), directed=False)


def _runs(ids: NDArray[np.uint8]) -> _Runs:
    begins = np.ones(ids.shape, np.bool_)
    np.not_equal(ids[:, 1:], ids[:, :-1], out=begins[:, 1:])
    rows, starts = np.nonzero(begins)
    # A run ends where the next begins, and at the row's end where the next is in another row.
    stops = np.append(starts[1:], 0)
    stops[stops == 0] = ids.shape[1]
    return _Runs(ids[rows, starts].astype(np.int64), rows, starts, stops)


def _touching(uppers: _Runs, lowers: _Runs, width: int) -> tuple[Integers, Integers]:
    """Pairs of runs of one class, the second in the row below the first, that meet at a side or a corner."""
    # Row and column as one number. A run's stop may be `width`, and may not be a place of the row below.
    stride = width + 1
    above = (lowers.rows - 1) * stride
    first = np.searchsorted(uppers.rows * stride + uppers.stops, above + lowers.starts)
    after = np.searchsorted(uppers.rows * stride + uppers.starts, above + lowers.stops, side="right")
    counts = np.maximum(after - first, 0)
    lower = np.repeat(np.arange(len(counts)), counts)
    upper = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    same = uppers.ids[upper] == lowers.ids[lower]
    return upper[same], lower[same]

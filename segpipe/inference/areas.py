"""How much of an image each class covers: pixels, and objects, which are connected regions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

STRIP = 256
"""Rows that are looked at together: the memory is that of the runs, and not of the pixels."""

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


def areas(ids: NDArray[np.uint8], n_classes: int) -> list[Area]:
    """Of each class in (H, W) class ids below `n_classes`. Objects are connected by sides or corners, as in all scores."""
    runs = _Runs(*(np.concatenate(column) for column in zip(*_runs(ids), strict=True)))
    lengths = runs.stops - runs.starts
    pixels = np.bincount(runs.ids, lengths, n_classes).astype(np.int64)
    one, other = _touching(runs, ids.shape[1])
    links = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(len(lengths), len(lengths)))
    n_objects, owners = connected_components(links, directed=False)
    sizes = np.bincount(owners, lengths, n_objects).astype(np.int64)
    # All runs of an object are of one class, so that any of them tells it.
    classes = np.zeros(n_objects, np.int64)
    classes[owners] = runs.ids
    largest = np.zeros(n_classes, np.int64)
    np.maximum.at(largest, classes, sizes)
    counts = np.bincount(classes, minlength=n_classes)
    return [Area(*numbers) for numbers in zip(pixels.tolist(), counts.tolist(), largest.tolist(), strict=True)]


def _runs(ids: NDArray[np.uint8]) -> Iterator[Sequence[Integers]]:
    width = ids.shape[1]
    for top in range(0, ids.shape[0], STRIP):
        part = ids[top : top + STRIP]
        begins = np.ones(part.shape, np.bool_)
        np.not_equal(part[:, 1:], part[:, :-1], out=begins[:, 1:])
        rows, starts = np.nonzero(begins)
        # A run ends where the next begins, which is at the row's end where that is in the next row.
        stops = np.append(starts[1:], 0)
        stops[stops == 0] = width
        yield part[rows, starts].astype(np.int64), rows + top, starts, stops


def _touching(runs: _Runs, width: int) -> tuple[Integers, Integers]:
    """Pairs of runs of one class, the second in the row below the first, that meet at a side or a corner."""
    # Row and column as one number. A run's stop may be `width`, and may not be a place of the row below.
    stride = width + 1
    above = (runs.rows - 1) * stride
    first = np.searchsorted(runs.rows * stride + runs.stops, above + runs.starts)
    after = np.searchsorted(runs.rows * stride + runs.starts, above + runs.stops, side="right")
    counts = np.maximum(after - first, 0)
    lower = np.repeat(np.arange(len(counts)), counts)
    upper = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    same = runs.ids[upper] == runs.ids[lower]
    return upper[same], lower[same]

"""Average precision of a class over pixels: the precision at each threshold, weighted by the recall that is won there.

    AP = sum over thresholds t, falling, of (recall(t) - recall(t before)) * precision(t)

as in scikit-learn: pixels of equal probability are taken together, and nothing is interpolated. Probabilities are rounded to
65,536 levels, and exact from there on. A class without a true pixel has none (None). `map` is the mean over the classes that
have one. Ignored pixels are in no count.
"""

import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores.histogram import histogram
from segpipe.scores.levels import LEVELS, Levels

LevelCounts = NDArray[np.int64]
"""(K, 2, levels) pixels of each class by the level of its probability: its true pixels, and all. They add up over images."""


def level_counts(levels: Levels, truth: NDArray[np.uint8]) -> LevelCounts:
    """(K, H, W) levels and (H, W) true class ids of one image to its counts; 1 MB a class, so add them up as they come."""
    counts = np.empty((len(levels), 2, LEVELS), np.int64)
    valid = truth != IGNORE
    true = truth[valid]
    for number, plane in enumerate(levels):
        known = plane[valid]
        counts[number] = histogram(known[true == number], LEVELS), histogram(known, LEVELS)
    return counts


def coarser(counts: LevelCounts, bins: int) -> LevelCounts:
    """The same counts in fewer bins, a power of two: small enough to be kept for each image, for intervals."""
    return counts.reshape(*counts.shape[:2], bins, -1).sum(axis=3)


def average_precision(counts: LevelCounts) -> list[float | None]:
    """That of each class; None for a class without a true pixel."""
    return [_of_class(true, every) if true.any() else None for true, every in counts]


def _of_class(true: NDArray[np.int64], every: NDArray[np.int64]) -> float:
    # From the highest level down; only where a true pixel lies, recall grows.
    won = true[::-1]
    at = np.flatnonzero(won)
    hits, called = np.cumsum(won)[at], np.cumsum(every[::-1])[at]
    return float(np.sum(won[at] * (hits / called)) / hits[-1])

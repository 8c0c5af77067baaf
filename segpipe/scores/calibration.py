"""Calibration: whether of the pixels predicted with a confidence of 0.8 eight in ten are right.

The confidence of a pixel is the probability of the class it was predicted as. Pixels are sorted by it into 15 bins of equal width
[k/15, (k+1)/15), the last with 1 in it. ECE, the expected calibration error, is the mean over bins of |accuracy - mean
confidence|, weighted by their pixels: 0 is calibrated, in [0, 1]. Without a counted pixel there is none (None).
"""

import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores.histogram import histogram
from segpipe.scores.levels import LEVELS, Levels

BINS = 15
WIDTH = (LEVELS - 1) // BINS
"""Levels a bin: 65,535 is 15 times 4,369, so that every edge is a level."""

Reliability = NDArray[np.int64]
"""(15, 3) of each bin: pixels, right pixels, and the sum of the levels of their confidence. They add up over images."""


def reliability(levels: Levels, truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> Reliability:
    """(K, H, W) levels, (H, W) true and predicted class ids of one image to its counts; ignored pixels are left out."""
    confidence = confidence_of(levels, prediction)
    every = histogram(confidence[truth != IGNORE], LEVELS)
    # A prediction is never IGNORE.
    right = histogram(confidence[truth == prediction], LEVELS)
    return np.stack([_by_bin(every), _by_bin(right), _by_bin(every * np.arange(LEVELS))], axis=1)


def confidence_of(levels: Levels, prediction: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """(H, W) the level of the class that each pixel was predicted as."""
    return np.take_along_axis(levels, prediction[None].astype(np.intp), axis=0)[0]


def _by_bin(by_level: NDArray[np.int64]) -> NDArray[np.int64]:
    found = by_level[:-1].reshape(BINS, WIDTH).sum(axis=1)
    found[-1] += by_level[-1]
    return found


def curve(counts: Reliability) -> list[tuple[float, float] | None]:
    """The mean confidence and the accuracy of each bin, the reliability curve; None for an empty one."""
    return [(total / (LEVELS - 1) / pixels, right / pixels) if pixels else None for pixels, right, total in counts.tolist()]


def calibration_error(counts: Reliability) -> float | None:
    """ECE; None without a pixel."""
    pixels, right, total = counts.T
    # Of each bin pixels * |right / pixels - confidence|.
    return float(np.abs(right - total / (LEVELS - 1)).sum() / pixels.sum()) if pixels.any() else None

"""Pixel statistics of images and masks: exact whole numbers, from histograms, in little memory."""

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.images.decode import Pixels
from segpipe.record import Mask

Counts = NDArray[np.int64]
PIECE = 2**22
"""Pixels that are counted at once: OpenCV counts in float32, exact up to 2**24."""
LOW, HIGH = 5, 995
"""The two percentiles that are kept, in thousandths."""


def histograms(image: Pixels) -> Counts:
    """How often each channel of (H, W, C) has each value: (C, 256) or (C, 65536)."""
    n_values = 256 if image.dtype == np.uint8 else 65536
    total = np.zeros((image.shape[2], n_values), np.int64)
    for rows in np.array_split(image, -(-image.shape[0] * image.shape[1] // PIECE)):
        for channel in range(image.shape[2]):
            counted = cv2.calcHist([rows], [channel], None, [n_values], [0, n_values])
            total[channel] += counted.ravel().astype(np.int64)
    return total


def sums_and_squares(counts: Counts) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Each channel's sum of values and of their squares."""
    values = np.arange(counts.shape[1], dtype=np.uint64)
    weights = counts.astype(np.uint64)
    # 2**28 pixels, each below 2**16 squared: within 64 bits.
    return tuple(map(int, weights @ values)), tuple(map(int, weights @ (values * values)))


def percentile(counts: Counts, thousandths: int) -> tuple[int, ...]:
    """Each channel's smallest value that as many thousandths of its pixels do not exceed."""
    below = np.cumsum(counts, axis=1)
    # In whole numbers: a share would be rounded.
    return tuple(int(np.searchsorted(1000 * own, thousandths * own[-1])) for own in below)


def class_counts(mask: Mask) -> Counts:
    """How many pixels have each of the 256 values."""
    return histograms(mask[:, :, None])[0]

"""How often each value occurs, by OpenCV: several times as fast as numpy's bincount, and whole numbers all the same."""

import cv2
import numpy as np
from numpy.typing import NDArray

SLAB = 1 << 20
"""Values counted at a time. OpenCV gives its counts as float32, which holds whole numbers up to 2^24."""


def histogram(values: NDArray[np.uint16], bins: int) -> NDArray[np.int64]:
    """Values of any shape to (bins,) counts of 0, 1, ..., bins - 1; larger values are left out."""
    flat = values.reshape(1, -1)
    found = np.zeros(bins, np.int64)
    for start in range(0, flat.size, SLAB):
        counts = cv2.calcHist([flat[:, start : start + SLAB]], [0], None, [bins], [0, bins])
        found += counts.ravel().astype(np.int64)
    return found

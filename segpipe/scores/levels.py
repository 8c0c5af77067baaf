"""Probabilities as whole numbers, so that what is counted from them adds up over images exactly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 1 << 16

Levels = NDArray[np.uint16]
"""(K, H, W) probability of each class times 65,535, rounded to the nearest."""


def levels(probabilities: NDArray[np.floating[Any]]) -> Levels:
    """(K, H, W) probabilities, or (1, H, W) that of class 1 of two, to the levels of every class."""
    # Adding a half and cutting off is rounding, in one pass less.
    found = (probabilities * np.float32(LEVELS - 1) + np.float32(0.5)).astype(np.uint16)
    return found if len(found) > 1 else np.concatenate([LEVELS - 1 - found, found])

"""How many of the wrong pixels lie at a border of the truth, where two people disagree too."""

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE

RADIUS = 3
"""Pixels, from a border, in rows and in columns."""


def wrong_pixels(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> tuple[int, int]:
    """(H, W) true and predicted class ids to how many pixels are wrong, and how many of these have another true class near.

    Near is within RADIUS pixels. Ignored pixels are not wrong, and what lies beside one is at a border.
    """
    wrong = (truth != prediction) & (truth != IGNORE)
    kernel = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
    # Beyond the image's edge there is no class, and so no border.
    largest, least = cv2.dilate(truth, kernel), cv2.erode(truth, kernel)
    return int(wrong.sum()), int((wrong & (largest != least)).sum())

"""The size rule: large images are shrunk before the model, and never enlarged."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def shrunk_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Height and width with the longer one at most `long_side`; 0 keeps both."""
    longest = max(height, width)
    if not long_side or longest <= long_side:
        return height, width
    return max(1, round(height * long_side / longest)), max(1, round(width * long_side / longest))


def shrink_image(image: NDArray[Any], long_side: int) -> NDArray[Any]:
    """(H, W, C) averaged over the pixels that fall together."""
    height, width = shrunk_size(image.shape[0], image.shape[1], long_side)
    if (height, width) == image.shape[:2]:
        return image
    # The last axis again: OpenCV drops it where there is one channel.
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, image.shape[2])


def shrink_mask(mask: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """(H, W) with the nearest pixel's class, so that no class is invented."""
    height, width = shrunk_size(mask.shape[0], mask.shape[1], long_side)
    if (height, width) == mask.shape:
        return mask
    # Plain INTER_NEAREST takes the upper left of the pixels that fall together, which shifts the mask against the image.
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8)

"""The probability of each class in each pixel as 16-bit numbers, gathered block by block."""

import numpy as np
from torch import Tensor

from segpipe.errors import DataError
from segpipe.models.segmenter import probabilities_of

ONE = 65535
"""What stands for a probability of 1."""
MOST_BYTES = 2**30
"""Of an image: all planes are there at once."""


class Planes:
    """`values` (K, H, W) uint16, each probability times 65,535, rounded."""

    def __init__(self, n_classes: int, shape: tuple[int, ...], name: str) -> None:
        """Raises DataError for an image (H, W, C) whose planes would take more than MOST_BYTES."""
        size = 2 * n_classes * shape[0] * shape[1]
        if size > MOST_BYTES:
            what = f"probabilities of {n_classes} classes, {size} bytes, above the limit of {MOST_BYTES}"
            raise DataError(name, what, "Cut it into parts, or predict it without `--write probabilities`.")
        self.values = np.empty((n_classes, *shape[:2]), np.uint16)

    def see_block(self, rows: slice, columns: slice, logits: Tensor) -> None:
        """What is predicted for a part of the image, logits (K, h, w), or (1, h, w) for two classes."""
        for plane, probability in zip(self.values, probabilities_of(logits).cpu().numpy(), strict=True):
            plane[rows, columns] = np.rint(probability * ONE)

"""The range of an image's values, which follows from its depth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_values(image: NDArray[Any]) -> NDArray[Any]:
    """8-bit images as they are; 16-bit ones as float32 in [0, 1], since augmentation and torch know no uint16."""
    return image if image.dtype == np.uint8 else image.astype(np.float32) / 65535

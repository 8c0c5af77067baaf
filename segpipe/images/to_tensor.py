"""Images as tensors: (C, H, W), float32 in [0, 1]."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def unit_values(image: Tensor) -> Tensor:
    """The image as float32 in [0, 1], on whatever device it is."""
    return image.float() / 255 if image.dtype == torch.uint8 else image  # 16 bits came as [0, 1] already, from `as_values`


def channels_first(image: NDArray[Any]) -> Tensor:
    """(H, W, C) array to (C, H, W) tensor with memory of its own."""
    return torch.from_numpy(np.array(image.transpose(2, 0, 1), order="C"))  # without the order a copy would keep the strides

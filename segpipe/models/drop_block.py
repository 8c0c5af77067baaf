"""DropBlock (Ghiasi, Lin and Le 2018, arXiv:1810.12890): zeroes whole squares of a map, since neighbours tell a pixel's value.

The rate grows linearly over the training, from 0 to what was asked for (section 3, "Scheduled DropBlock").
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def drop_block(features: Tensor, rate: float, size: int) -> Tensor:
    """(N, C, H, W) with about a share `rate` of each map zeroed in squares of `size` pixels, the rest scaled up (algorithm 1).

    Squares lie whole inside the map; a map smaller than the square is dropped by squares as large as its shorter side.
    """
    height, width = features.shape[2:]
    size = min(size, height, width)
    rows, columns = height - size + 1, width - size + 1
    gamma = rate / size**2 * (height * width) / (rows * columns)
    seeds = (torch.rand(*features.shape[:2], rows, columns, device=features.device) < gamma).float()
    dropped = F.max_pool2d(F.pad(seeds, [size - 1] * 4), size, stride=1)
    kept = (1 - dropped).to(features.dtype)
    return features * kept * (kept.numel() / kept.sum(dtype=torch.float32).clamp(min=1)).to(features.dtype)


class DropBlock(nn.Module):
    """`drop_block` in training, nothing in evaluation. `progress`, from 0 to 1 over a training, scales the rate."""

    def __init__(self, rate: float, size: int) -> None:
        super().__init__()
        self.rate = rate
        self.size = size
        self.progress = 1.0

    def forward(self, features: Tensor) -> Tensor:
        rate = self.rate * self.progress
        return drop_block(features, rate, self.size) if self.training and rate else features

"""DropBlock (Ghiasi, Lin and Le 2018, arXiv:1810.12890): zeroes whole squares of a map, since neighbours tell a pixel's value.

The rate grows linearly over the training, from 0 to what was asked for (section 3, "Scheduled DropBlock").
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def drop_block(features: Tensor, rate: float, size: int) -> Tensor:
    """(N, C, H, W) with about a share `rate` of each map zeroed in squares of `size` pixels, the rest scaled up (algorithm 1).

    Each channel has squares of its own (section 3: better than the same for all), and they lie whole inside the map
    (figure 2). A map smaller than the square is dropped by squares as large as its shorter side. What is left is scaled by
    pixels over pixels left, counted in each image by itself, so that no image knows its neighbours in the batch.

    How often a square starts is equation 1, by which `rate` would be dropped if squares never met. They do, so a little less
    is: 0.165 for 0.18 on a large map, about 1 - exp(-rate). The paper means it so, and rates given in papers count on it.
    """
    height, width = features.shape[2:]
    size = min(size, height, width)
    rows, columns = height - size + 1, width - size + 1
    # (rows, columns) are the places where the upper left corner of a whole square can lie.
    gamma = rate / size**2 * (height * width) / (rows * columns)
    seeds = torch.rand(*features.shape[:2], rows, columns, device=features.device) < gamma
    # Padded by size - 1 on each side, which spreading by `size` takes off once: (N, C, H, W) again.
    dropped = _spread(_spread(F.pad(seeds, [size - 1] * 4), size, axis=2), size, axis=3)
    kept = (~dropped).to(features.dtype)
    # In float32: half precision cannot count so many pixels. At least 1, since all of a small map can be dropped.
    left = kept.sum(dim=(1, 2, 3), keepdim=True, dtype=torch.float32).clamp(min=1)
    return features * kept.mul_((kept[0].numel() / left).to(features.dtype))


def _spread(seeds: Tensor, size: int, axis: int) -> Tensor:
    """Whether any of `size` neighbours along the axis is a seed: a largest-value pooling, but faster (bench/drop_block.py)."""
    reach = 1
    while reach < size:
        # The reach doubles each time: about log2(size) passes.
        step = min(reach, size - reach)
        length = seeds.shape[axis] - step
        seeds = seeds.narrow(axis, 0, length) | seeds.narrow(axis, step, length)
        reach += step
    return seeds


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

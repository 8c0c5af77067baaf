"""Bilinear resampling to twice the size, of slices and sums alone: CUDA repeats their gradient bit for bit, and fast.

The library's bilinear resampling gives the same numbers, but its gradient takes a slower path on CUDA where it must repeat
itself (segpipe/diagnostics/deterministic_ops.py names it).
"""

import torch
from torch import Tensor


def upsample2x_bilinear(features: Tensor) -> Tensor:
    """(N, C, h, w) to (N, C, 2h, 2w), pixel centres kept apart evenly: `interpolate` without aligned corners."""
    # mT swaps height and width: first the heights are doubled, then the widths.
    return _twice_as_wide(_twice_as_wide(features.mT).mT)


def _twice_as_wide(features: Tensor) -> Tensor:
    """(..., w) to (..., 2w): a new pixel lies a quarter of an old one away from the nearest, beyond the edge is the edge."""
    left = torch.cat([features[..., :1], features[..., :-1]], dim=-1)
    right = torch.cat([features[..., 1:], features[..., -1:]], dim=-1)
    near = 0.75 * features
    # (..., w, 2) flattened: left and right halves of each old pixel take turns.
    return torch.stack([near + 0.25 * left, near + 0.25 * right], dim=-1).flatten(-2)

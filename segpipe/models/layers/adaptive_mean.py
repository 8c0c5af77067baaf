"""Average pooling to a grid of fixed size, written as two products with small matrices.

torch's adaptive_avg_pool2d gives the same, but exports to ONNX for one image size only, and its backward pass on a GPU
does not repeat itself.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AdaptiveMean(nn.Module):
    """Maps (N, C, H, W) to (N, C, size, size): cell i is the mean from floor(i H / size) to ceil((i + 1) H / size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[2:]
        # (size, H) x (N, C, H, W) x (W, size)
        return _means(height, self.size, features) @ features @ _means(width, self.size, features).T


class PyramidBlock(nn.Module):
    """smp's PSPBlock less its own way of exporting: pools by `pool`, and enlarges what comes out to the size that went in."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, features: Tensor) -> Tensor:
        return F.interpolate(self.pool(features), features.shape[2:], mode="bilinear", align_corners=True)


def use_in(network: nn.Module) -> None:
    """Puts an AdaptiveMean in place of every adaptive pooling to more than one cell; names of weights stay."""
    # A list, since children are replaced on the way.
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child).__name__ == "PSPBlock":
                setattr(module, name, PyramidBlock(child.get_submodule("pool")))
            if isinstance(child, nn.AdaptiveAvgPool2d):
                size = child.output_size[0] if isinstance(child.output_size, tuple) else child.output_size
                # To a single cell torch itself takes a plain mean, which exports and repeats itself.
                if size is not None and size > 1:
                    setattr(module, name, AdaptiveMean(size))


def _means(length: int, size: int, like: Tensor) -> Tensor:
    """(size, length): row i holds 1 / n at the n places that cell i averages, else 0."""
    cell = torch.arange(size, device=like.device)[:, None]
    place = torch.arange(length, device=like.device)[None, :]
    # Floor and ceiling in whole numbers.
    start, end = cell * length // size, ((cell + 1) * length + size - 1) // size
    inside = ((place >= start) & (place < end)).to(like.dtype)
    return inside / inside.sum(dim=1, keepdim=True)

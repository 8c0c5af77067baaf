"""The additive attention gate of Attention U-Net (Oktay et al. 2018, arXiv:1804.03999, section 2.2, equations 1 and 2).

    q = psi(relu(W_x x + W_g g + b_g)) + b_psi,   alpha = sigmoid(q),   the skip becomes alpha x

The skip x is brought to the grid of the coarser gating signal g by the stride of W_x, and alpha back to that of x.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AttentionGate(nn.Module):
    """Maps a skip (N, C, 2h, 2w) and the map below it (N, G, h, w) to the skip times alpha, one number in [0, 1] a pixel."""

    def __init__(self, skip_channels: int, below_channels: int) -> None:
        super().__init__()
        inner = max(1, skip_channels // 2)
        self.skip = nn.Conv2d(skip_channels, inner, 2, stride=2, bias=False)
        self.below = nn.Conv2d(below_channels, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        return skip * self.attention(skip, below)

    def attention(self, skip: Tensor, below: Tensor) -> Tensor:
        """alpha, (N, 1, 2h, 2w)."""
        coarse = torch.sigmoid(self.psi(torch.relu(self.skip(skip) + self.below(below))))
        return F.interpolate(coarse, scale_factor=2, mode="bilinear")

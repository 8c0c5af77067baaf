"""Spatial attention (Woo et al. 2018, CBAM, arXiv:1807.06521, section 3): where to look, one number in [0, 1] a pixel."""

import torch
from torch import Tensor, nn


class SpatialAttention(nn.Module):
    """Multiplies (N, C, H, W) by a map (N, 1, H, W), made from each pixel's mean and largest channel."""

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        return features * self.attention(features)

    def attention(self, features: Tensor) -> Tensor:
        """The map, (N, 1, H, W)."""
        seen = torch.cat([features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(seen))

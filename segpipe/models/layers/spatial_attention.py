"""Spatial attention (Woo et al. 2018, CBAM, arXiv:1807.06521, section 3, equation 3): where to look, a number in [0, 1] a pixel.

    M = sigmoid(f([mean over the channels; largest of the channels])),   f a 7 x 7 convolution without a bias

CBAM's channel attention does not stand before it here: SA-UNet takes the spatial half alone.
"""

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
        # (N, 2, H, W)
        seen = torch.cat([features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(seen))

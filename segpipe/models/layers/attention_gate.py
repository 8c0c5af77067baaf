"""The additive attention gate of Attention U-Net (Oktay et al. 2018, arXiv:1804.03999, section 2.2, equations 1 and 2).

    q = psi(relu(W_x x + W_g g + b_g)) + b_psi,   alpha = sigmoid(q),   the skip becomes alpha x

The paper leaves some of it open; what the authors' code (ozan-oktay/Attention-Gated-Networks, grid_attention_layer.py)
settles is taken from there, and the equations stand where the two differ:

* x is brought to the coarser grid of g by W_x itself, 2 x 2 with stride 2 and without a bias (code; the paper says 1 x 1 and
  "downsampled"). W_g and psi are 1 x 1 with a bias (both).
* W_x and W_g map to half the channels of x, rounded down and never none: "a lower dimensional space" (paper, and what the
  code's layer does by itself; its networks ask for as many as x has).
* alpha comes back to the grid of x by linear resampling (paper, figure 2).
* Nothing follows the product (equation); the code adds 1 x 1 convolutions and normalisations behind it.
* g is the decoder's map of the level below, for the deepest gate the bottom itself (paper, figure 1); the code puts a 1 x 1
  convolution between the bottom and that gate.
"""

import torch
from torch import Tensor, nn

from segpipe.models.layers.upsample2x import upsample2x_bilinear


class AttentionGate(nn.Module):
    """Maps a skip (N, C, 2h, 2w) and the gating signal (N, G, h, w), the map of the level below, to the skip times alpha.

    alpha is one number in [0, 1] a pixel.
    """

    def __init__(self, skip_channels: int, gating_channels: int) -> None:
        super().__init__()
        inner = max(1, skip_channels // 2)
        self.skip = nn.Conv2d(skip_channels, inner, 2, stride=2, bias=False)
        self.below = nn.Conv2d(gating_channels, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        return skip * self.attention(skip, gating)

    def attention(self, skip: Tensor, gating: Tensor) -> Tensor:
        """alpha, (N, 1, 2h, 2w)."""
        # The sum has the size of its first part, and so a trace for ONNX knows it by the name that the decoder has for it.
        return upsample2x_bilinear(torch.sigmoid(self.psi(torch.relu(self.below(gating) + self.skip(skip)))))

"""Recurrent convolutions and the recurrent residual unit of R2U-Net (Alom et al. 2018, arXiv:1802.06955).

Equations 1 and 2, after Liang and Hu 2015 (Recurrent Convolutional Neural Network for Object Recognition, equation 1): what
a layer holds at step t is made of its input, which never changes, and of what it held the step before,

    O(t) = w_f * x + w_r * F(t - 1) + b,   F(t) = relu(O(t)),

with one w_f, one w_r and one b for all steps; at step 0 the second term is missing, so that the layer is a plain convolution.
`steps` is the last t: figure 4 of R2U-Net, with t = 2, draws one convolution followed by two recurrent ones. Equation 3 adds
the unit's input to what its two layers make of it, x + F(x).

The papers leave open, and it is settled here so:
* The sum needs as many channels on both sides. A 1 x 1 convolution in front brings them about where they differ, as in
  LeeJunHyun/Image_Segmentation, the implementation most others follow; where they agree there is none, and equation 3 holds
  as it stands. (Alom's own code could not be had.)
* A normalisation precedes each activation, as everywhere in this house, in place of the local response normalisation of
  Liang and Hu. Its scale and shift are shared over the steps, and its shift is b.
* That implementation has one convolution for input and recurrence, w * (x + F(t - 1)), the case w_r = w_f. Here they are
  two, as the equation says: nearly twice the weights, and less to keep for the backward pass, since w_f * x is computed once
  and no sum of maps is kept.
"""

from torch import Tensor, nn

from segpipe.models.layers.recurrent_norm import RecurrentBatchNorm
from segpipe.models.layers.style import Style


class RecurrentConv(nn.Module):
    """Maps (N, C, H, W) to (N, C, H, W): F(steps) of equation 2. Without steps there is no recurrent convolution."""

    def __init__(self, channels: int, steps: int, style: Style) -> None:
        super().__init__()
        self.steps = steps
        self.forward_conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        if steps:
            self.recurrent_conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        # Steps 0 to `steps`. Group and instance normalisation keep no statistics, and need none a step.
        self.normal = RecurrentBatchNorm(channels, steps + 1) if style.norm == "batch" else style.norm_layer(channels)
        self.act = style.activation_layer()

    def forward(self, features: Tensor) -> Tensor:
        given = self.forward_conv(features)
        state = self._activated(given, 0)
        for step in range(1, self.steps + 1):
            # In place: neither a convolution nor a sum needs its result for the backward pass.
            state = self._activated(self.recurrent_conv(state).add_(given), step)
        return state

    def _activated(self, total: Tensor, step: int) -> Tensor:
        normal = self.normal(total, step) if isinstance(self.normal, RecurrentBatchNorm) else self.normal(total)
        activated: Tensor = self.act(normal)
        return activated


class RecurrentResidualUnit(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, H, W): two recurrent layers, and their input added to what they give."""

    def __init__(self, in_channels: int, out_channels: int, steps: int, style: Style, dropout: bool = False) -> None:
        super().__init__()
        self.project = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()
        self.layers = nn.Sequential(RecurrentConv(out_channels, steps, style), RecurrentConv(out_channels, steps, style))
        self.drop = nn.Dropout2d(style.dropout) if dropout and style.dropout else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        projected = self.project(features)
        out: Tensor = self.drop(projected + self.layers(projected))
        return out

"""Recurrent convolutions and the recurrent residual unit of R2U-Net (Alom et al. 2018, arXiv:1802.06955, equations 1 to 4).

A recurrent layer looks at its input t + 1 times with the same weights: first at the input alone, then at the input and at
what it made of it the step before. With t = 0 it is a plain convolution.
"""

from torch import Tensor, nn

from segpipe.models.style import Style


class RecurrentConv(nn.Module):
    """Maps (N, C, H, W) to (N, C, H, W) in `steps` + 1 looks with one set of weights for the input and one for the recurrence."""

    def __init__(self, channels: int, steps: int, style: Style) -> None:
        super().__init__()
        self.steps = steps
        self.forward_conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.recurrent_conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False) if steps else nn.Identity()
        self.normal = style.normal(channels)
        self.act = style.act()

    def forward(self, features: Tensor) -> Tensor:
        given = self.forward_conv(features)
        state = self.act(self.normal(given))
        for _ in range(self.steps):
            state = self.act(self.normal(given + self.recurrent_conv(state)))
        return state


class RecurrentResidualUnit(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, H, W): two recurrent layers, and their input added to what they give."""

    def __init__(self, in_channels: int, out_channels: int, steps: int, style: Style, dropout: bool = False) -> None:
        super().__init__()
        self.project = nn.Conv2d(in_channels, out_channels, 1)
        self.layers = nn.Sequential(RecurrentConv(out_channels, steps, style), RecurrentConv(out_channels, steps, style))
        self.drop = nn.Dropout2d(style.dropout) if dropout and style.dropout else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        projected = self.project(features)
        out: Tensor = self.drop(projected + self.layers(projected))
        return out

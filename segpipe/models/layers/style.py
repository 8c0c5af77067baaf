"""What all layers of a network have in common: normalisation, activation, dropout, and how a map is enlarged."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segpipe.params.schema import ModelParams

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
}

GROUP = 16
"""Channels that group normalisation takes together (Wu and He 2018, arXiv:1803.08494, table 3)."""


class InstanceNorm(nn.InstanceNorm2d):
    """Torch's (Ulyanov et al. 2016, arXiv:1607.08022), which in evaluation takes a map of one pixel too.

    One pixel is its own mean, so what comes out is the shift. In training that raises ValueError: nothing could be learned.
    """

    def forward(self, features: Tensor) -> Tensor:
        if self.training:
            return super().forward(features)
        # What F.instance_norm calls after its check of the size, which it makes in evaluation too.
        return torch.instance_norm(
            features, self.weight, self.bias, None, None, True, 0.0, self.eps, torch.backends.cudnn.enabled
        )


@dataclass(frozen=True)
class Style:
    """The choices by the names that params.yaml has for them."""

    activation: str
    norm: str
    dropout: float
    upsample: str

    def activation_layer(self) -> nn.Module:
        """The activation. It writes over the normalisation's result, which nothing else reads."""
        # So LeakyReLU and ELU keep one map less for the backward pass, a quarter of a network's. SiLU would copy its input.
        return nn.SiLU() if self.activation == "silu" else ACTIVATIONS[self.activation](inplace=True)

    def norm_layer(self, channels: int) -> nn.Module:
        """The normalisation, with a scale and a shift a channel."""
        if self.norm == "group":
            return nn.GroupNorm(groups(channels), channels)
        if self.norm == "instance":
            return InstanceNorm(channels, affine=True)
        return nn.BatchNorm2d(channels)

    def conv(self, in_channels: int, out_channels: int) -> list[nn.Module]:
        """A 3 x 3 convolution, normalisation and activation; the size stays. The shift of the norm is the bias."""
        plain = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        return [plain, self.norm_layer(out_channels), self.activation_layer()]

    def double_conv(self, in_channels: int, out_channels: int, dropout: bool = False) -> nn.Sequential:
        """Two of `conv`, and with `dropout` the dropout of whole maps behind them (Tompson et al. 2015, arXiv:1411.4280)."""
        layers = [*self.conv(in_channels, out_channels), *self.conv(out_channels, out_channels)]
        return nn.Sequential(*layers, *([nn.Dropout2d(self.dropout)] if dropout and self.dropout else []))

    def up(self, in_channels: int, out_channels: int) -> nn.Module:
        """Twice the size: a transposed convolution, or nearest neighbours and a 3 x 3 convolution (Odena et al. 2016)."""
        if self.upsample == "transposed":
            return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(in_channels, out_channels, 3, padding=1))


def from_params(params: ModelParams) -> Style:
    """The style that the model section names."""
    return Style(params.activation, params.norm, params.dropout, params.upsample)


def groups(channels: int) -> int:
    """How many groups: of 16 channels or a few more, so that they come out even."""
    return next(count for count in range(max(1, channels // GROUP), 0, -1) if channels % count == 0)


def widths(width: int | tuple[int, ...], levels: int) -> list[int]:
    """The channels of each level from the top: those listed, or `width` doubled from level to level."""
    return [width * 2**level for level in range(levels)] if isinstance(width, int) else [*width]

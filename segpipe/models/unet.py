"""U-Net (Ronneberger, Fischer and Brox 2015, arXiv:1505.04597), with padded convolutions and batch normalisation.

Each level of the encoder halves the image and doubles the channels; each level of the decoder brings both back and
reads the encoder's map of its size beside its own. Padding keeps the size, where the paper's valid convolutions cut it.
"""

import torch
from torch import Tensor, nn

from segpipe.models.table import Built
from segpipe.params import ModelParams

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
}


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The U-Net; it has no pretrained weights, and `params.weights` is not read."""
    network = UNet(in_channels, n_logits, params.width, params.depth, params.activation, params.dropout)
    return Built(network, 2**params.depth, None)


class UNet(nn.Module):
    """Maps (N, in_channels, H, W) to logits (N, n_logits, H, W); H and W are multiples of 2**depth.

    `width` is the number of channels of the first level, `depth` the number of times the image is halved. Dropout
    follows the two deepest blocks, where the paper has it.
    """

    def __init__(self, in_channels: int, n_logits: int, width: int, depth: int, activation: str, dropout: float) -> None:
        super().__init__()
        channels = [width * 2**level for level in range(depth + 1)]
        act = ACTIVATIONS[activation]
        self.encoder = nn.ModuleList(
            double_conv(previous, own, act, dropout if level >= depth - 1 else 0.0)
            for level, (previous, own) in enumerate(zip([in_channels, *channels[:-1]], channels, strict=True))
        )
        self.pool = nn.MaxPool2d(2)
        levels = range(depth - 1, -1, -1)
        self.up = nn.ModuleList(nn.ConvTranspose2d(channels[level + 1], channels[level], 2, stride=2) for level in levels)
        self.decoder = nn.ModuleList(double_conv(2 * channels[level], channels[level], act, 0.0) for level in levels)
        self.head = nn.Conv2d(width, n_logits, 1)

    def forward(self, image: Tensor) -> Tensor:
        skips = []
        features = self.encoder[0](image)
        for block in self.encoder[1:]:
            skips.append(features)
            features = block(self.pool(features))
        for up, block in zip(self.up, self.decoder, strict=True):
            features = block(torch.cat([skips.pop(), up(features)], dim=1))
        logits: Tensor = self.head(features)
        return logits


def double_conv(in_channels: int, out_channels: int, activation: type[nn.Module], dropout: float) -> nn.Sequential:
    """Two 3 x 3 convolutions, each with batch normalisation and activation; the size stays."""
    layers = [
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        activation(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        activation(),
    ]
    return nn.Sequential(*layers, nn.Dropout2d(dropout)) if dropout else nn.Sequential(*layers)

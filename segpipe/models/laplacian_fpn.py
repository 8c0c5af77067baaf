"""A feature pyramid whose coarse logits are sharpened level by level, up to every pixel, on an encoder with trained weights.

Logits of a quarter of the size know what is there: the pyramid's levels summed, as in Kirillov et al. 2019 (arXiv:1901.02446)
after Lin et al. 2017 (arXiv:1612.03144). Enlarged, they lack the edges, and logits of a half and of the full size are added,
of narrow maps that see the encoder's first feature and the image: Laplacian reconstruction, Ghiasi and Fowlkes 2016
(arXiv:1605.02264). So no class has to pass the few channels that full size can afford, and all levels learn from the first step.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.layers import style as styles
from segpipe.models.layers import trained_encoder
from segpipe.models.layers.lite_encoder import LiteEncoder
from segpipe.models.layers.resnet_encoder import STRIDE, ResNetEncoder
from segpipe.models.layers.style import Style
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams

LEVELS = 3
"""Full size, a half, a quarter: those that have logits."""


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network whose encoder `params.encoder` and `params.weights` name."""
    encoder = trained_encoder.build(params, in_channels)
    widths, style = styles.widths(params.width, LEVELS), styles.from_params(params)
    # Of an enlarged image the finest levels would be finer than its pixels.
    kept = widths[params.input_scale.bit_length() - 1 :]
    network = LaplacianFPN(encoder, in_channels, n_logits, kept, style)
    return Built(network, STRIDE, trained_encoder.start(encoder, params), 2 ** (LEVELS - len(kept)))


class LaplacianFPN(nn.Module):
    """Maps (N, in_channels, H, W) to logits (N, n_logits, H, W); H and W are multiples of 32.

    `widths` are the channels at full size, at a half, and at a quarter and in the pyramid below it. Without the first the
    logits are of a half of the size, without the second too of a quarter.
    """

    def __init__(
        self, encoder: LiteEncoder | ResNetEncoder, in_channels: int, n_logits: int, widths: Sequence[int], style: Style
    ) -> None:
        super().__init__()
        quarter, *larger = reversed(widths)
        self.encoder = encoder
        self.pyramid = Pyramid(encoder.channels[1:], quarter, style)
        self.dropout = nn.Dropout2d(style.dropout)
        # The image is no feature yet, so at full size it passes a convolution of 3 x 3 first.
        beside = ((encoder.channels[0], 1), (in_channels, 3))[: len(larger)]
        self.finer = nn.ModuleList(
            Finer(deep, channels, width, style, kernel)
            for (deep, width), (channels, kernel) in zip(pairwise((quarter, *larger)), beside, strict=True)
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, n_logits, 1) for width in (quarter, *larger))

    def forward(self, image: Tensor) -> Tensor:
        first, *deeper = self.encoder(image)
        features = self.dropout(self.pyramid(deeper))
        logits: Tensor = self.heads[0](features)
        for finer, head, beside in zip(self.finer, self.heads[1:], (first, image)[: len(self.finer)], strict=True):
            features = finer(features, beside)
            logits = doubled(logits) + head(features)
        return logits


class Pyramid(nn.Module):
    """The encoder's features of strides 4 to 32, each with the deeper ones added, brought to the first's size and summed."""

    def __init__(self, channels: Sequence[int], width: int, style: Style) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(each, width, 1) for each in channels)
        self.paths = nn.ModuleList(enlarging(width, times, style) for times in range(len(channels)))

    def forward(self, features: list[Tensor]) -> Tensor:
        levels = [lateral(each) for lateral, each in zip(self.laterals, features, strict=True)]
        for deep, upper in pairwise(reversed(range(len(levels)))):
            levels[upper] = levels[upper] + F.interpolate(levels[deep], scale_factor=2.0, mode="nearest")
        first, *others = [path(each) for path, each in zip(self.paths, levels, strict=True)]
        for other in others:
            first = first + other
        return first


def enlarging(width: int, times: int, style: Style) -> nn.Sequential:
    """A convolution before each of the `times` that a map is doubled, one where it is not."""
    if not times:
        return nn.Sequential(*style.conv(width, width))
    return nn.Sequential(
        *(layer for _ in range(times) for layer in (*style.conv(width, width), nn.Upsample(scale_factor=2.0, mode="bilinear")))
    )


def doubled(features: Tensor) -> Tensor:
    """(N, C, h, w) to (N, C, 2h, 2w), bilinear."""
    # Not layers/upsample2x.py, whose slices are slower on a CPU. On CUDA, where algorithms must repeat themselves, torch takes
    # another way to the same result.
    return F.interpolate(features, scale_factor=2.0, mode="bilinear")


class Finer(nn.Module):
    """The next larger level: the deep map narrowed and enlarged, what lies beside it added, and a convolution."""

    def __init__(self, deep: int, beside: int, width: int, style: Style, kernel: int = 1) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(deep, width, 1, bias=False)
        self.beside = nn.Conv2d(beside, width, kernel, padding=kernel // 2, bias=False)
        self.mixed = nn.Sequential(style.norm_layer(width), style.activation_layer(), *style.conv(width, width))

    def forward(self, features: Tensor, beside: Tensor) -> Tensor:
        # Narrowed first: the enlargement is a weighted mean, so the order changes the cost alone.
        mixed: Tensor = self.mixed(doubled(self.narrow(features)) + self.beside(beside))
        return mixed

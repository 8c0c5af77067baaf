"""Attention R2U-Net on a ResNet or EfficientNet: encoder with trained weights, recurrent bottom and decoder, gated skips.

The encoder is that network and nothing else, so that optim.encoder_rate is the rate of what came trained, and of no more.
After Alom et al. 2018 (arXiv:1802.06955) and Oktay et al. 2018 (arXiv:1804.03999).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from segpipe.models.layers import style as styles
from segpipe.models.layers import trained_encoder
from segpipe.models.layers.attention_gate import AttentionGate
from segpipe.models.layers.lite_encoder import LiteEncoder
from segpipe.models.layers.recurrent import RecurrentResidualUnit
from segpipe.models.layers.resnet_encoder import STRIDE, ResNetEncoder
from segpipe.models.layers.style import Style
from segpipe.models.layers.u_shape import Decoder, UShape
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network whose encoder `params.encoder` and `params.weights` name."""
    encoder = trained_encoder.build(params, in_channels)
    widths, style = styles.widths(params.width, 5), styles.from_params(params)
    network = pretrained_attention_r2unet(encoder, n_logits, widths, params.recurrence, style)
    return Built(network, STRIDE, trained_encoder.start(encoder, params))


def pretrained_attention_r2unet(
    encoder: ResNetEncoder | LiteEncoder, n_logits: int, widths: Sequence[int], steps: int, style: Style
) -> UShape:
    """The network whose decoder has `widths` channels, from full size to a 16th of it, and its bottom twice the last of them.

    A recurrent unit as wide as the last layer of a ResNet-50, 2048 channels, would alone have 151 million weights.
    """
    *skips, deepest = encoder.channels
    bottom = 2 * widths[-1]
    # The last level has no skip: at full size the encoder has seen nothing yet.
    beside = [*reversed(skips), 0]
    upward = [*pairwise([bottom, *reversed(widths)])]  # (deep, own) channels of each level, from the bottom up
    decoder = BottomedDecoder(
        bottom=RecurrentResidualUnit(deepest, bottom, steps, style, dropout=True),
        up=[style.up(deep, own) for deep, own in upward],
        # strict=False: there are five levels and four skips.
        gates=[AttentionGate(skip, deep) for skip, (deep, _) in zip(reversed(skips), upward, strict=False)],
        blocks=[RecurrentResidualUnit(own + skip, own, steps, style) for (_, own), skip in zip(upward, beside, strict=True)],
    )
    return UShape(encoder, decoder, nn.Conv2d(widths[0], n_logits, 1))


class BottomedDecoder(Decoder):
    """A decoder whose deepest map passes a block first. The block learns from nothing, so it is no part of a trained encoder."""

    def __init__(
        self, bottom: nn.Module, up: Iterable[nn.Module], gates: Iterable[nn.Module], blocks: Iterable[nn.Module]
    ) -> None:
        super().__init__(up, gates, blocks)
        self.bottom = bottom

    def forward(self, features: list[Tensor]) -> Tensor:
        *skips, deepest = features
        return super().forward([*skips, self.bottom(deepest)])

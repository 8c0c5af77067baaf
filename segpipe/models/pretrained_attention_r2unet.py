"""Attention R2U-Net on a ResNet: its encoder keeps trained weights, the bottom and the decoder are recurrent, the skips gated.

After Alom et al. 2018 (arXiv:1802.06955), Oktay et al. 2018 (arXiv:1804.03999) and He et al. 2015 (arXiv:1512.03385).
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from segpipe.models import resnet_encoder
from segpipe.models import style as styles
from segpipe.models.attention_gate import AttentionGate
from segpipe.models.recurrent import RecurrentResidualUnit
from segpipe.models.resnet_encoder import STRIDE, ResNetEncoder
from segpipe.models.style import Style
from segpipe.models.table import Built
from segpipe.models.u_shape import Decoder, UShape
from segpipe.params import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network whose encoder `params.encoder` and `params.weights` name."""
    encoder = ResNetEncoder(params.encoder, in_channels)
    network = attention_resnet(encoder, n_logits, styles.widths(params.width, 5), params.recurrence, styles.from_params(params))
    return Built(network, STRIDE, resnet_encoder.start(encoder, params))


def attention_resnet(encoder: ResNetEncoder, n_logits: int, widths: Sequence[int], steps: int, style: Style) -> UShape:
    """The network whose decoder has `widths` channels, from full size to a 16th of it."""
    *skips, bottom = encoder.channels
    # The last level has no skip: at full size the encoder has seen nothing yet.
    beside = [*reversed(skips), 0]
    upward = [*pairwise([bottom, *reversed(widths)])]
    decoder = Decoder(
        up=[style.up(below, own) for below, own in upward],
        gates=[AttentionGate(skip, below) for skip, (below, _) in zip(reversed(skips), upward, strict=False)],
        blocks=[RecurrentResidualUnit(own + skip, own, steps, style) for (_, own), skip in zip(upward, beside, strict=True)],
    )
    recurrent = Bottomed(RecurrentResidualUnit(bottom, bottom, steps, style, dropout=True), decoder)
    return UShape(encoder, recurrent, nn.Conv2d(widths[0], n_logits, 1))


class Bottomed(nn.Module):
    """A decoder whose deepest map passes a block first; outside the encoder, whose weights it would not be found among."""

    def __init__(self, bottom: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.bottom = bottom
        self.decoder = decoder

    def forward(self, features: list[Tensor]) -> Tensor:
        out: Tensor = self.decoder([*features[:-1], self.bottom(features[-1])])
        return out

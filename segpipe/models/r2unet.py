"""R2U-Net (Alom et al. 2018, arXiv:1802.06955): a U-Net whose every block is a recurrent residual unit."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from segpipe.models.layers import style as styles
from segpipe.models.layers.recurrent import RecurrentResidualUnit
from segpipe.models.layers.style import Style
from segpipe.models.layers.u_shape import Decoder, Encoder, PassThrough, UShape
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network; it has no pretrained weights, and `params.weights` is not read."""
    widths = styles.widths(params.width, params.depth + 1)
    network = r2unet(in_channels, n_logits, widths, params.recurrence, styles.from_params(params))
    return Built(network, 2**params.depth, None)


def r2unet(in_channels: int, n_logits: int, widths: Sequence[int], steps: int, style: Style) -> UShape:
    """The network with `widths` channels from the top level to the bottom; dropout as in the U-Net."""
    upward = [*pairwise(reversed(widths))]  # (deep, own) channels of each level, from the bottom up
    decoder = Decoder(
        up=[style.up(deep, own) for deep, own in upward],
        gates=[PassThrough() for _ in upward],
        blocks=[RecurrentResidualUnit(2 * own, own, steps, style) for _, own in upward],
    )
    return UShape(recurrent_encoder(in_channels, widths, steps, style), decoder, nn.Conv2d(widths[0], n_logits, 1))


def recurrent_encoder(in_channels: int, widths: Sequence[int], steps: int, style: Style) -> Encoder:
    """A recurrent residual unit a level."""
    deep = len(widths) - 2
    return Encoder(
        RecurrentResidualUnit(previous, own, steps, style, dropout=level >= deep)
        for level, (previous, own) in enumerate(pairwise([in_channels, *widths]))
    )

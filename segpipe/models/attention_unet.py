"""Attention U-Net (Oktay et al. 2018, arXiv:1804.03999): a U-Net whose skips pass additive attention gates.

The skip at full size is not gated: its features are of too low a level to say where to look (section 2.2, and the authors'
code). Blocks and widths are those of the U-Net; the deep supervision that the paper trains with is not built.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from segpipe.models.layers import style as styles
from segpipe.models.layers.attention_gate import AttentionGate
from segpipe.models.layers.style import Style
from segpipe.models.layers.u_shape import Decoder, PassThrough, UShape
from segpipe.models.table import Built
from segpipe.models.unet import double_conv_encoder
from segpipe.params.schema import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network; it has no pretrained weights, and `params.weights` is not read."""
    widths = styles.widths(params.width, params.depth + 1)
    return Built(attention_unet(in_channels, n_logits, widths, styles.from_params(params)), 2**params.depth, None)


def attention_unet(in_channels: int, n_logits: int, widths: Sequence[int], style: Style) -> UShape:
    """The network with `widths` channels from the top level to the bottom; dropout as in the U-Net."""
    encoder = double_conv_encoder(in_channels, widths, style)
    upward = [*pairwise(reversed(widths))]  # (deep, own) channels of each level, from the bottom up
    decoder = Decoder(
        up=[style.up(deep, own) for deep, own in upward],
        gates=[*(AttentionGate(own, deep) for deep, own in upward[:-1]), PassThrough()],
        blocks=[style.double_conv(2 * own, own) for _, own in upward],
    )
    return UShape(encoder, decoder, nn.Conv2d(widths[0], n_logits, 1))

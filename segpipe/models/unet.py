"""U-Net (Ronneberger, Fischer and Brox 2015, arXiv:1505.04597), with padded convolutions and normalisation.

Each level of the encoder halves the image and doubles the channels; each level of the decoder brings both back and
reads the encoder's map of its size beside its own. Padding keeps the size, where the paper's valid convolutions cut it.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from segpipe.models.layers import style as styles
from segpipe.models.layers.style import Style
from segpipe.models.layers.u_shape import Decoder, Encoder, PassThrough, UShape
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The U-Net; it has no pretrained weights, and `params.weights` is not read."""
    widths = styles.widths(params.width, params.depth + 1)
    return Built(unet(in_channels, n_logits, widths, styles.from_params(params)), 2**params.depth, None)


def unet(in_channels: int, n_logits: int, widths: Sequence[int], style: Style) -> UShape:
    """The network with `widths` channels from the top level to the bottom."""
    encoder = double_conv_encoder(in_channels, widths, style)
    upward = [*pairwise(reversed(widths))]  # (deep, own) channels of each level, from the bottom up
    decoder = Decoder(
        up=[style.up(deep, own) for deep, own in upward],
        gates=[PassThrough() for _ in upward],
        # 2 x own: the skip and the enlarged map, concatenated.
        blocks=[style.double_conv(2 * own, own) for _, own in upward],
    )
    return UShape(encoder, decoder, nn.Conv2d(widths[0], n_logits, 1))


def double_conv_encoder(in_channels: int, widths: Sequence[int], style: Style) -> Encoder:
    """Two convolutions a level; dropout follows the two deepest levels, where the paper has it."""
    deep = len(widths) - 2
    return Encoder(
        style.double_conv(previous, own, dropout=level >= deep)
        for level, (previous, own) in enumerate(pairwise([in_channels, *widths]))
    )

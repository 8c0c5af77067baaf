"""Attention R2U-Net: the units of R2U-Net (arXiv:1802.06955) and the gates of Attention U-Net (arXiv:1804.03999).

No paper has it; the name is that of LeeJunHyun/Image_Segmentation, which gates all skips, the one at full size too. So here.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from segpipe.models.layers import style as styles
from segpipe.models.layers.attention_gate import AttentionGate
from segpipe.models.layers.recurrent import RecurrentResidualUnit
from segpipe.models.layers.style import Style
from segpipe.models.layers.u_shape import Decoder, UShape
from segpipe.models.r2unet import recurrent_encoder
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network; it has no pretrained weights, and `params.weights` is not read."""
    widths = styles.widths(params.width, params.depth + 1)
    network = attention_r2unet(in_channels, n_logits, widths, params.recurrence, styles.from_params(params))
    return Built(network, 2**params.depth, None)


def attention_r2unet(in_channels: int, n_logits: int, widths: Sequence[int], steps: int, style: Style) -> UShape:
    """The network with `widths` channels from the top level to the bottom; dropout as in the U-Net."""
    upward = [*pairwise(reversed(widths))]  # (deep, own) channels of each level, from the bottom up
    decoder = Decoder(
        up=[style.up(deep, own) for deep, own in upward],
        gates=[AttentionGate(own, deep) for deep, own in upward],
        blocks=[RecurrentResidualUnit(2 * own, own, steps, style) for _, own in upward],
    )
    return UShape(recurrent_encoder(in_channels, widths, steps, style), decoder, nn.Conv2d(widths[0], n_logits, 1))

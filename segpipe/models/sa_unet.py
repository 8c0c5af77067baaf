"""SA-UNet (Guo et al. 2021, arXiv:2004.03696): a light U-Net with DropBlock in its blocks and spatial attention at the bottom."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from torch import nn

from segpipe.models import style as styles
from segpipe.models.drop_block import DropBlock
from segpipe.models.spatial_attention import SpatialAttention
from segpipe.models.style import Style
from segpipe.models.table import Built
from segpipe.models.u_shape import Decoder, Encoder, Open, UShape
from segpipe.params import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network; it has no pretrained weights, and `params.weights` is not read."""
    widths = styles.widths(params.width, params.depth + 1)
    style = styles.from_params(params)
    return Built(sa_unet(in_channels, n_logits, widths, params.drop_block, params.drop_block_size, style), 2**params.depth, None)


def sa_unet(in_channels: int, n_logits: int, widths: Sequence[int], rate: float, size: int, style: Style) -> UShape:
    """The network with `widths` channels from the top level to the bottom, which drops a share `rate` in squares of `size`."""
    block = partial(_block, rate=rate, size=size, style=style)
    *above, (previous, bottom) = pairwise([in_channels, *widths])
    encoder = [nn.Sequential(*block(inner, own), *block(own, own)) for inner, own in above]
    encoder.append(nn.Sequential(*block(previous, bottom), SpatialAttention(), *block(bottom, bottom)))
    upward = [*pairwise(reversed(widths))]
    decoder = Decoder(
        up=[style.up(below, own) for below, own in upward],
        gates=[Open() for _ in upward],
        blocks=[nn.Sequential(*block(2 * own, own), *block(own, own)) for _, own in upward],
    )
    return UShape(Encoder(encoder), decoder, nn.Conv2d(widths[0], n_logits, 1))


def _block(in_channels: int, out_channels: int, rate: float, size: int, style: Style) -> list[nn.Module]:
    """Convolution, DropBlock, normalisation, activation: figure 2 of the paper."""
    conv, normal, act = style.conv(in_channels, out_channels)
    return [conv, DropBlock(rate, size), normal, act]

"""SA-UNet (Guo et al. 2021, arXiv:2004.03696): a light U-Net with DropBlock in its blocks and spatial attention at the bottom.

Of width 16 and depth 3 it is the paper's, with the 0.54 M parameters of its table. What the paper leaves open is taken from
the authors' code (clguo/SA-UNet, SA_UNet.py): convolutions keep their bias, since DropBlock stands between them and the
normalisation; transposed convolutions are 3 x 3 (2 x 2 would make 0.48 M); DropBlock follows the decoder's convolutions too;
0.18 is dropped in squares of 7 pixels (Train_drive.py). There the share is the same from the first step to the last; here
it grows as DropBlock's own paper has it.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from torch import nn

from segpipe.models.layers import style as styles
from segpipe.models.layers.drop_block import DropBlock
from segpipe.models.layers.spatial_attention import SpatialAttention
from segpipe.models.layers.style import Style
from segpipe.models.layers.u_shape import Decoder, Encoder, PassThrough, UShape
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams


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
    upward = [*pairwise(reversed(widths))]  # (deep, own) channels of each level, from the bottom up
    decoder = Decoder(
        up=[_up(deep, own, style) for deep, own in upward],
        gates=[PassThrough() for _ in upward],
        blocks=[nn.Sequential(*block(2 * own, own), *block(own, own)) for _, own in upward],
    )
    return UShape(Encoder(encoder), decoder, nn.Conv2d(widths[0], n_logits, 1))


def _block(in_channels: int, out_channels: int, rate: float, size: int, style: Style) -> list[nn.Module]:
    """Convolution, DropBlock, normalisation, activation: figure 2 of the paper."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return [conv, DropBlock(rate, size), style.norm_layer(out_channels), style.activation_layer()]


def _up(in_channels: int, out_channels: int, style: Style) -> nn.Module:
    """Twice the size, by the authors' 3 x 3 transposed convolution where the style asks for a transposed one."""
    if style.upsample == "transposed":
        # 2 (h - 1) - 2 x padding + 3 + output_padding = 2h.
        return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
    return style.up(in_channels, out_channels)

"""U-Net (arXiv:1505.04597) whose encoder is a ResNet (arXiv:1512.03385), from weights of ImageNet or from nothing."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from segpipe.models.layers import resnet_encoder
from segpipe.models.layers import style as styles
from segpipe.models.layers.resnet_encoder import STRIDE, ResNetEncoder
from segpipe.models.layers.style import Style
from segpipe.models.layers.u_shape import Decoder, PassThrough, UShape
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The U-Net whose encoder `params.encoder` and `params.weights` name."""
    encoder = ResNetEncoder(params.encoder, in_channels)
    network = resnet_unet(encoder, n_logits, styles.widths(params.width, 5), styles.from_params(params))
    return Built(network, STRIDE, resnet_encoder.start(encoder, params))


def resnet_unet(encoder: ResNetEncoder, n_logits: int, widths: Sequence[int], style: Style) -> UShape:
    """The network whose decoder has `widths` channels, from full size to a 16th of it."""
    *skips, bottom = encoder.channels
    # The last level has no skip: at full size the encoder has seen nothing yet.
    beside = [*reversed(skips), 0]
    upward = [*pairwise([bottom, *reversed(widths)])]  # (deep, own) channels of each level, from the bottom up
    decoder = Decoder(
        up=[style.up(deep, own) for deep, own in upward],
        gates=[PassThrough() for _ in skips],
        blocks=[style.double_conv(own + skip, own) for (_, own), skip in zip(upward, beside, strict=True)],
    )
    return UShape(encoder, decoder, nn.Conv2d(widths[0], n_logits, 1))

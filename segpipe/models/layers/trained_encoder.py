"""The encoder that `model.encoder` names, of those whose five features have strides 2 to 32, and what it starts from."""

from segpipe.models import bundled
from segpipe.models.layers import lite_encoder, resnet_encoder
from segpipe.models.layers.lite_encoder import LiteEncoder
from segpipe.models.layers.resnet_encoder import ResNetEncoder
from segpipe.params.schema import ModelParams


def build(params: ModelParams, in_channels: int) -> LiteEncoder | ResNetEncoder:
    """The encoder with random weights."""
    if params.encoder in bundled.PACKAGES:
        return LiteEncoder(params.encoder, in_channels)
    return ResNetEncoder(params.encoder, in_channels)


def start(encoder: LiteEncoder | ResNetEncoder, params: ModelParams) -> str | None:
    """Gives the encoder the weights that `params` names, last of all; returns their SHA-256, None for none."""
    if isinstance(encoder, LiteEncoder):
        return lite_encoder.start(encoder, params)
    return resnet_encoder.start(encoder, params)

"""EfficientNet-Lite (after Tan and Le 2019, arXiv:1905.11946) as an encoder, built by timm and named as smp names it.

Its features are those of five stages, at a half, 4th, 8th, 16th and 32nd of the image; the last is the bottom.
"""

from functools import partial
from typing import Any

import timm
from torch import Tensor, nn

from segpipe.models import bundled, pretrained
from segpipe.params.schema import ModelParams

OF_TIMM = "tu-"
"""What smp, and so model.encoder, puts before the names that timm has."""


class LiteEncoder(nn.Module):
    """Maps (N, in_channels, H, W) to the features of strides 2, 4, 8, 16 and 32; `name` is one of bundled.PACKAGES."""

    def __init__(self, name: str, in_channels: int, pretrained: bool = False) -> None:
        super().__init__()
        model: Any = timm.create_model(
            name.removeprefix(OF_TIMM), pretrained=pretrained, features_only=True, in_chans=in_channels
        )
        self.channels: list[int] = model.feature_info.channels()
        self.model = model

    def forward(self, image: Tensor) -> list[Tensor]:
        features: list[Tensor] = self.model(image)
        return features


def start(encoder: LiteEncoder, params: ModelParams) -> str | None:
    """Gives the encoder the weights that `params` names, last of all; returns their SHA-256, None for none."""
    if params.weights == bundled.BUNDLED:
        return bundled.start(encoder, params)
    return pretrained.start(encoder, params.weights, params.weights_sha256, partial(imagenet, params.encoder))


def imagenet(name: str) -> dict[str, Tensor]:
    """timm's own ImageNet weights, which it downloads once."""
    tensors: dict[str, Tensor] = LiteEncoder(name, 3, pretrained=True).state_dict()
    return tensors

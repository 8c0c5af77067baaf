"""U-Net (arXiv:1505.04597) whose encoder is a ResNet (He et al. 2015, arXiv:1512.03385), as torchvision builds it.

The encoder's early features are the skips: after the stem's ReLU at half the size (before its pooling), then layers 1
to 3 at a 4th, 8th and 16th; layer 4, at a 32nd, is the bottom. Transposed convolutions bring the size back.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from segpipe.errors import PipelineError
from segpipe.models import pretrained
from segpipe.models.table import Built
from segpipe.models.unet import double_conv
from segpipe.params import ModelParams

STRIDE = 32
DECODER = (256, 128, 64, 32, 16)
"""Channels of the decoder's levels, from a 16th of the size to the whole of it."""

RESNETS: dict[str, tuple[Callable[..., Any], int]] = {
    "resnet18": (models.resnet18, 1),
    "resnet34": (models.resnet34, 1),
    "resnet50": (models.resnet50, 4),
}
"""Each ResNet and how many times more channels than ResNet-18's its layers give."""


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The U-Net whose encoder `params.encoder` and `params.weights` name."""
    network = ResNetUNet(params.encoder, in_channels, n_logits)
    download = partial(imagenet, params.encoder)
    return Built(network, STRIDE, pretrained.start(network.encoder, params.weights, params.weights_sha256, download))


class ResNetUNet(nn.Module):
    """Maps (N, in_channels, H, W) to logits (N, n_logits, H, W); H and W are multiples of 32."""

    def __init__(self, encoder: str, in_channels: int, n_logits: int) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(encoder, in_channels)
        *skips, bottom = self.encoder.channels
        # The last level has no skip: at full size the encoder has seen nothing yet.
        beside = [*reversed(skips), 0]
        below = [bottom, *DECODER[:-1]]
        self.up = nn.ModuleList(nn.ConvTranspose2d(from_, own, 2, stride=2) for from_, own in zip(below, DECODER, strict=True))
        self.decoder = nn.ModuleList(
            double_conv(own + skip, own, nn.ReLU, 0.0) for own, skip in zip(DECODER, beside, strict=True)
        )
        self.head = nn.Conv2d(DECODER[-1], n_logits, 1)

    def forward(self, image: Tensor) -> Tensor:
        *skips, features = self.encoder(image)
        for up, block in zip(self.up, self.decoder, strict=True):
            features = up(features)
            features = block(torch.cat([skips.pop(), features], dim=1) if skips else features)
        logits: Tensor = self.head(features)
        return logits


class ResNetEncoder(nn.Module):
    """Maps (N, in_channels, H, W) to the features of strides 2, 4, 8, 16 and 32; its weights are named as torchvision's."""

    def __init__(self, name: str, in_channels: int) -> None:
        super().__init__()
        if name not in RESNETS:
            raise PipelineError(f"model.encoder: resnet_unet knows no {name}. Write one of {', '.join(RESNETS)}.")
        build, expansion = RESNETS[name]
        resnet = build(weights=None)
        if in_channels != 3:
            resnet.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(resnet.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.channels = [64, *(width * expansion for width in (64, 128, 256, 512))]
        self.conv1, self.bn1, self.relu, self.maxpool = resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4

    def forward(self, image: Tensor) -> list[Tensor]:
        features = [self.relu(self.bn1(self.conv1(image)))]
        below = self.maxpool(features[0])
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            below = layer(below)
            features.append(below)
        return features


def imagenet(name: str) -> dict[str, Tensor]:
    """torchvision's own ImageNet weights, downloaded once and checked by hash: version 1, which its segmenters start from."""
    weights = models.get_model_weights(name).IMAGENET1K_V1
    tensors: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    return tensors

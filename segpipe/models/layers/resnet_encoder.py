"""A ResNet (He et al. 2015, arXiv:1512.03385) as an encoder, built by torchvision and named as torchvision names it.

Its early features are skips: after the stem's ReLU at half the size (before its pooling), then layers 1 to 3 at a 4th,
8th and 16th; layer 4, at a 32nd, is the bottom.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torchvision import models

from segpipe.models import pretrained
from segpipe.params.schema import ModelParams

STRIDE = 32

RESNETS: dict[str, tuple[Callable[..., Any], int]] = {
    "resnet18": (models.resnet18, 1),
    "resnet34": (models.resnet34, 1),
    "resnet50": (models.resnet50, 4),
}
"""Each ResNet and how many times more channels than ResNet-18's its layers give."""


class ResNetEncoder(nn.Module):
    """Maps (N, in_channels, H, W) to the features of strides 2, 4, 8, 16 and 32; its weights are named as torchvision's."""

    def __init__(self, name: str, in_channels: int) -> None:
        super().__init__()
        build, expansion = RESNETS[name]
        resnet = build(weights=None)
        if in_channels != 3:
            resnet.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
            # As torchvision initialises its convolutions.
            nn.init.kaiming_normal_(resnet.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.channels = [64, *(width * expansion for width in (64, 128, 256, 512))]
        self.conv1, self.bn1, self.relu, self.maxpool = resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4

    def forward(self, image: Tensor) -> list[Tensor]:
        features = [self.relu(self.bn1(self.conv1(image)))]
        deep = self.maxpool(features[0])
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            deep = layer(deep)
            features.append(deep)
        return features


def start(encoder: ResNetEncoder, params: ModelParams) -> str | None:
    """Gives the encoder the weights that `params` names, last of all; returns their SHA-256, None for none."""
    return pretrained.start(encoder, params.weights, params.weights_sha256, partial(imagenet, params.encoder))


def imagenet(name: str) -> dict[str, Tensor]:
    """torchvision's own ImageNet weights, downloaded once and checked by hash: version 1, which its segmenters start from."""
    weights = models.get_model_weights(name).IMAGENET1K_V1
    tensors: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    return tensors

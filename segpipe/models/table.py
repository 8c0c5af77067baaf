"""model.name to the function that builds it; each imports its own branch only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from segpipe.params import ModelParams


@dataclass(frozen=True)
class Built:
    """A network, the number its image sizes must be a multiple of, and the SHA-256 of its encoder's first weights, if any."""

    network: nn.Module
    stride: int
    weights_sha256: str | None


def unet(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The U-Net; it has no pretrained weights, and `params.weights` is not read."""
    from segpipe.models.unet import UNet

    network = UNet(in_channels, n_logits, params.width, params.depth, params.activation, params.dropout)
    return Built(network, 2**params.depth, None)


def resnet_unet(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The U-Net with torchvision's ResNet as encoder."""
    from segpipe.models import pretrained
    from segpipe.models.resnet_unet import STRIDE, ResNetUNet, imagenet

    network = ResNetUNet(params.encoder, in_channels, n_logits)
    return Built(network, STRIDE, pretrained.start(network.encoder, params.weights, partial(imagenet, params.encoder)))


def smp(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """A network of segmentation_models_pytorch."""
    from segpipe.models import pretrained
    from segpipe.models.smp import build, imagenet

    network, stride = build(params.architecture, params.encoder, in_channels, n_logits)
    download = partial(imagenet, params.architecture, params.encoder)
    return Built(network, stride, pretrained.start(network.get_submodule("encoder"), params.weights, download))


MODELS: dict[str, Callable[[ModelParams, int, int], Built]] = {
    "unet": unet,
    "resnet_unet": resnet_unet,
    "smp": smp,
}


def build(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network that `params.name` names. Raises PipelineError for an encoder or weights that are not to be had."""
    return MODELS[params.name](params, in_channels, n_logits)

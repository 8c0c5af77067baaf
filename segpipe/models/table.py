"""model.name to the function that builds it; each imports its own branch only."""

from collections.abc import Callable

from torch import nn

from segpipe.params import ModelParams


def unet(params: ModelParams, in_channels: int, n_logits: int) -> tuple[nn.Module, int]:
    """The U-Net and its stride."""
    from segpipe.models.unet import UNet

    network = UNet(in_channels, n_logits, params.width, params.depth, params.activation, params.dropout)
    return network, 2**params.depth


MODELS: dict[str, Callable[[ModelParams, int, int], tuple[nn.Module, int]]] = {
    "unet": unet,
}


def build(params: ModelParams, in_channels: int, n_logits: int) -> tuple[nn.Module, int]:
    """The network that `params.name` names, and the number its image sizes must be a multiple of."""
    return MODELS[params.name](params, in_channels, n_logits)

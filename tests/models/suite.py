"""A small model of each name in the table, for what every model must do."""

from pathlib import Path

import torch
from torch import Tensor

from segpipe.models.segmenter import Segmenter, n_logits_for
from segpipe.models.table import build
from segpipe.params import ModelParams

ROOT = Path(__file__).parents[2]

PARAMS = ModelParams(
    name="unet",
    width=4,
    depth=3,
    activation="relu",
    dropout=0.0,
    encoder="resnet18",
    architecture="Unet",
    weights="none",
    weights_sha256="none",
)

SMALL: dict[str, ModelParams] = {
    "unet": PARAMS,
    "resnet_unet": PARAMS.model_copy(update={"name": "resnet_unet"}),
    "smp": PARAMS.model_copy(update={"name": "smp", "encoder": "mobilenet_v2"}),
}


def small(name: str, channels: int = 3, n_classes: int = 4) -> Segmenter:
    """The small model of that name, the same weights each time."""
    torch.manual_seed(0)
    built = build(SMALL[name], channels, n_logits_for(n_classes))
    return Segmenter(built.network, built.stride, [0.4] * channels, [0.2] * channels)


def images(count: int, channels: int, height: int, width: int) -> Tensor:
    """Random values in [0, 1], the same each time."""
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))

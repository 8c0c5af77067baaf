"""A small model of each name in the table, and of each style it can be asked for: for what every model must do."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segpipe.models.segmenter import Segmenter
from segpipe.models.whole_model import whole_model
from segpipe.params.architectures import ARCHITECTURES
from segpipe.params.schema import ModelParams
from tests import plain_params

ROOT = Path(__file__).parents[2]
PARAMS = plain_params.PARAMS.model.model_copy(update={"width": 4, "depth": 3})

DIFFERENT: dict[str, dict[str, Any]] = {"smp": {"encoder": "mobilenet_v2"}}
"""What a small one needs beside its name."""

SMALL: dict[str, ModelParams] = {
    name: PARAMS.model_copy(update={"name": name} | DIFFERENT.get(name, {})) for name in ARCHITECTURES
}

ANY_STYLE: tuple[dict[str, Any], ...] = (
    {"norm": "group"},
    {"norm": "instance"},
    {"upsample": "resize"},
    {"activation": "silu"},
    {"width": 12, "norm": "group", "upsample": "resize", "dropout": 0.2},
)
"""What may be asked of every model whose layers are ours; params.yaml's own style is in SMALL."""

OWN_STYLES: dict[str, tuple[dict[str, Any], ...]] = {
    "unet": ({"input_scale": 4},),
    "unetpp": (
        {"deep_supervision": "last"},
        {"deep_supervision": "mean"},
        {"deep_supervision": "last", "input_scale": 2},
    ),
    "r2unet": ({"recurrence": 0}, {"recurrence": 1}),
    "attention_r2unet": ({"recurrence": 0},),
    "pretrained_attention_r2unet": ({"recurrence": 0}, {"encoder": "resnet34"}, {"encoder": "tu-efficientnet_lite0"}),
    "resnet_unet": ({"encoder": "resnet50"},),
    "laplacian_fpn": (
        {"encoder": "tu-efficientnet_lite0"},
        {"encoder": "resnet50"},
        {"encoder": "tu-efficientnet_lite0", "input_scale": 2},
    ),
    "sa_unet": ({"drop_block": 0.0}, {"drop_block_size": 3}),
    "smp": ({"architecture": "FPN"}, {"input_scale": 2}),
}
"""What only they read."""


def _styled(name: str, styles: tuple[dict[str, Any], ...]) -> dict[str, ModelParams]:
    """The small model in each style, by its name and what differs."""
    return {
        " ".join([name, *(f"{key}={value}" for key, value in style.items())]): SMALL[name].model_copy(update=style)
        for style in styles
    }


ANY_STYLED = {name: _styled(name, ANY_STYLE) for name, record in ARCHITECTURES.items() if "norm" in record.reads}
OWN_STYLED = {label: params for name in OWN_STYLES for label, params in _styled(name, OWN_STYLES[name]).items()}
STYLED = {label: params for styled in ANY_STYLED.values() for label, params in styled.items()} | OWN_STYLED


def small(name: str, channels: int = 3, n_classes: int = 4) -> Segmenter:
    """The small model of that name, the same weights each time."""
    return segmenter_of(SMALL[name], channels, n_classes)


def segmenter_of(params: ModelParams, channels: int = 3, n_classes: int = 4) -> Segmenter:
    """The model, the same weights each time."""
    torch.manual_seed(0)
    return whole_model(params, channels, n_classes, "none", [0.4] * channels, [0.2] * channels)[0]


def images(count: int, channels: int, height: int, width: int) -> Tensor:
    """Random values in [0, 1], the same each time."""
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))


def targets(count: int, n_classes: int, height: int, width: int) -> Tensor:
    """Random class ids, the same each time."""
    return torch.randint(0, n_classes, (count, height, width), generator=torch.Generator().manual_seed(2))

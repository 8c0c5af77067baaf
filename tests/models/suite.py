"""A small model of each name in the table, for what every model must do."""

from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from segpipe.models.segmenter import Segmenter, n_logits_for
from segpipe.models.table import build
from segpipe.params import ModelParams, load

ROOT = Path(__file__).parents[2]
NAMES = ModelParams.model_fields["name"].annotation

PARAMS = load(ROOT / "params.yaml").model.model_copy(update={"width": 4, "depth": 3})

DIFFERENT: dict[str, dict[str, str]] = {"smp": {"encoder": "mobilenet_v2"}}
"""What a small one needs beside its name."""

SMALL: dict[str, ModelParams] = {
    name: PARAMS.model_copy(update={"name": name} | DIFFERENT.get(name, {})) for name in get_args(NAMES)
}


def small(name: str, channels: int = 3, n_classes: int = 4) -> Segmenter:
    """The small model of that name, the same weights each time."""
    torch.manual_seed(0)
    built = build(SMALL[name], channels, n_logits_for(n_classes))
    return Segmenter(built.network, built.stride, [0.4] * channels, [0.2] * channels)


def images(count: int, channels: int, height: int, width: int) -> Tensor:
    """Random values in [0, 1], the same each time."""
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))

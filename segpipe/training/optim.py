"""optim.name to torch's optimizer."""

from collections.abc import Callable, Iterable

import torch
from torch import nn

from segpipe.params import OptimParams

Parameters = Iterable[nn.Parameter]

OPTIMIZERS: dict[str, Callable[[Parameters, OptimParams], torch.optim.Optimizer]] = {
    "sgd": lambda weights, params: torch.optim.SGD(
        weights, lr=params.lr, momentum=params.momentum, weight_decay=params.weight_decay
    ),
    "adam": lambda weights, params: torch.optim.Adam(weights, lr=params.lr, weight_decay=params.weight_decay),
    "adamw": lambda weights, params: torch.optim.AdamW(weights, lr=params.lr, weight_decay=params.weight_decay),
}


def build(params: OptimParams, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer that `params.name` names, over all weights that can learn."""
    return OPTIMIZERS[params.name]((weight for weight in model.parameters() if weight.requires_grad), params)

"""optim.name to torch's optimizer."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from segpipe.errors import PipelineError
from segpipe.params.schema import OptimParams

Groups = Iterable[dict[str, Any]]

OPTIMIZERS: dict[str, Callable[[Groups, OptimParams], torch.optim.Optimizer]] = {
    "sgd": lambda groups, params: torch.optim.SGD(
        groups, lr=params.lr, momentum=params.momentum, weight_decay=params.weight_decay
    ),
    "adam": lambda groups, params: torch.optim.Adam(groups, lr=params.lr, weight_decay=params.weight_decay),
    "adamw": lambda groups, params: torch.optim.AdamW(groups, lr=params.lr, weight_decay=params.weight_decay),
}


def build(params: OptimParams, model: nn.Module, encoder: nn.Module | None = None) -> torch.optim.Optimizer:
    """The optimizer that `params.name` names, over all weights that can learn.

    The encoder's form a group of their own, which is left out where its rate is 0. Each group's `lr_scale` is what
    the schedule's learning rate is multiplied by. Raises PipelineError where no weight can learn.
    """
    # By identity, since == between tensors compares their numbers.
    inside = {id(weight) for weight in encoder.parameters()} if encoder else set()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    parts = (
        (params.encoder_rate, [weight for weight in weights if id(weight) in inside]),
        (1.0, [weight for weight in weights if id(weight) not in inside]),
    )
    groups = [{"params": part, "lr_scale": scale} for scale, part in parts if part and scale]
    if not groups:
        raise PipelineError("no weight of the network can learn: all are frozen. Write an optim.encoder_rate above 0.")
    return OPTIMIZERS[params.name](groups, params)

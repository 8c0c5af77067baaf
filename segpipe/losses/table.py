"""loss.name to the file of that name. Each loss returns one value an image, so batches may be cut anywhere."""

from collections.abc import Callable
from importlib import import_module
from typing import get_args

from torch import Tensor

from segpipe.params import LossParams

Loss = Callable[[Tensor, Tensor], Tensor]
"""(N, K, H, W) logits and (N, H, W) class ids, 255 ignored, to (N,)."""

LOSSES: tuple[str, ...] = get_args(LossParams.model_fields["name"].annotation)


def build(params: LossParams, has_background: bool) -> Loss:
    """The loss of `segpipe/losses/<name>.py`: what its `from_params` makes. No other loss's file is read."""
    loss: Loss = import_module(f"segpipe.losses.{params.name}").from_params(params, has_background)
    return loss

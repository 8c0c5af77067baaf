"""model.name to the file of that name."""

from dataclasses import dataclass
from importlib import import_module
from typing import get_args

from torch import nn

from segpipe.params.schema import ModelParams

MODELS: tuple[str, ...] = get_args(ModelParams.model_fields["name"].annotation)


@dataclass(frozen=True)
class Built:
    """A network, the number its image sizes must be a multiple of, and the SHA-256 of its encoder's first weights, if any.

    The network's logits have a `reduction`-th of the height and width of what it is given.
    """

    network: nn.Module
    stride: int
    weights_sha256: str | None
    reduction: int = 1


def build(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """What `from_params` of `segpipe/models/<name>.py` makes; no other model's file is read.

    Raises PipelineError for an encoder or weights that are not to be had.
    """
    built: Built = import_module(f"segpipe.models.{params.name}").from_params(params, in_channels, n_logits)
    return built

"""loss.name to the file of that name. Each loss returns one value an image, so batches may be cut anywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import get_args

import torch
from torch import Tensor

from segpipe.params.schema import LossParams

Loss = Callable[[Tensor, Tensor], Tensor]
"""(N, K, H, W) logits and (N, H, W) class ids, 255 ignored, to (N,)."""

Losses = dict[str, Tensor]
"""`loss`, (N,), and where it is a mixture each of its terms by name, unweighted."""

LossFunction = Callable[[Tensor, Tensor], Losses]
"""What training lowers: logits and class ids to losses. Logits may have a first axis more: the branches of deep supervision."""

LOSSES: tuple[str, ...] = get_args(LossParams.model_fields["name"].annotation)


@dataclass(frozen=True)
class Classes:
    """What a loss knows of the classes: whether class 0 is background, and a weight each, none being all alike."""

    has_background: bool
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Mixture:
    """Losses by name with the weight of each; itself a loss, their weighted sum."""

    terms: dict[str, tuple[float, Loss]]

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.losses(logits, target)["loss"]

    def losses(self, logits: Tensor, target: Tensor) -> Losses:
        """The sum as `loss`, and each term as loss_NAME."""
        found = {name: loss(logits, target) for name, (_, loss) in self.terms.items()}
        total = torch.stack([weight * found[name] for name, (weight, _) in self.terms.items()]).sum(dim=0)
        return {"loss": total} | {f"loss_{name}": each for name, each in found.items()}


def build(params: LossParams, classes: Classes) -> LossFunction:
    """The loss of `segpipe/losses/<name>.py`: what its `from_params` makes. No other loss's file is read."""
    loss: Loss = import_module(f"segpipe.losses.{params.name}").from_params(params, classes)

    def losses(logits: Tensor, target: Tensor) -> Losses:
        return loss.losses(logits, target) if isinstance(loss, Mixture) else {"loss": loss(logits, target)}

    def loss_function(logits: Tensor, target: Tensor) -> Losses:
        if logits.ndim == 4:
            return losses(logits, target)
        # Deep supervision: the mean over the branches, each against the same target (Zhou et al. 2018, equation 2).
        branches = [losses(branch, target) for branch in logits]
        return {name: torch.stack([each[name] for each in branches]).mean(dim=0) for name in branches[0]}

    return loss_function

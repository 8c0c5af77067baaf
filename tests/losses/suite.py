"""Logits and targets for the tests of losses, by hand and at random."""

from collections.abc import Mapping
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from segpipe.losses.table import LOSSES, Classes, Loss, build
from segpipe.params.schema import LossMix, LossParams
from segpipe.record import IGNORE
from tests import plain_params

NAMES = [*LOSSES]
PER_IMAGE = [name for name in NAMES if name != "dice_pooled"]
REGIONS = ["dice", "dice_pooled", "iou", "tversky", "focal_tversky", "lovasz"]
PIXELS = ["cross_entropy", "bce", "focal"]

PARAMS = plain_params.PARAMS.loss


def loss_named(name: str, has_background: bool = True, weights: tuple[float, ...] = (), **keys: Any) -> Loss:
    """The loss of params.yaml under another name, with other keys."""
    objective = build(params_with(name=name, **keys), Classes(has_background, weights))
    return lambda logits, target: objective(logits, target)["loss"]


def params_with(mix: Mapping[str, float] | None = None, **keys: Any) -> LossParams:
    """The loss section of params.yaml with other keys; `mix` names the parts that are not 0."""
    parts = dict.fromkeys(LossMix.model_fields, 0.0) | dict(mix) if mix else PARAMS.mix.model_dump()
    return LossParams.model_validate(PARAMS.model_dump() | {"mix": parts} | keys)


def random_case(seed: int, count: int, n_logits: int, ignored: float = 0.2, size: int = 6) -> tuple[Tensor, Tensor]:
    """Logits (count, n_logits, size, size + 1) and targets, a share of them ignored."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(count, n_logits, size, size + 1, generator=generator)
    target = torch.randint(0, max(2, n_logits), (count, size, size + 1), generator=generator)
    left_out = torch.rand(target.shape, generator=generator) < ignored
    return logits, target.masked_fill(left_out, IGNORE)


def perfect(target: Tensor, n_logits: int, certainty: float = 30.0) -> Tensor:
    """Logits that say the target, whatever stands where it is ignored."""
    ids = torch.tensor([1] if n_logits == 1 else range(n_logits))
    return certainty * (2 * (target[:, None] == ids.view(1, -1, 1, 1)).float() - 1)


def gradient(loss: Loss, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The losses, and the gradient of their mean."""
    leaf = logits.detach().clone().requires_grad_()
    losses = loss(leaf, target)
    (found,) = torch.autograd.grad(losses.mean(), leaf)
    return losses.detach(), found


cases = st.tuples(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([1, 3, 5]))
"""Seed, number of images, number of logits."""

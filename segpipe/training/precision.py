"""fp32, bf16 or fp16: how the forward pass computes and how a gradient becomes a step."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from segpipe.errors import PipelineError
from segpipe.training.not_finite import NotFiniteError

Scaler = torch.amp.GradScaler | None
Step = Callable[[], None]
"""Clips the gradients that the weights hold, and makes the optimizer's step."""


def autocast(precision: str, device: torch.device) -> Callable[[], AbstractContextManager[object]]:
    """What the forward pass runs under."""
    if precision == "fp32":
        return nullcontext
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    return lambda: torch.autocast(device.type, dtype=dtype)


def scaler(precision: str, device: torch.device) -> Scaler:
    """fp16's small gradients vanish unless the loss is scaled up before backward; the other precisions need none.

    Raises PipelineError for fp16 without a GPU.
    """
    if precision != "fp16":
        return None
    if device.type != "cuda":
        raise PipelineError("train.precision: fp16 needs a GPU, and there is none. Write bf16 or fp32.")
    return torch.amp.GradScaler("cuda")


def stepper(model: nn.Module, optimizer: torch.optim.Optimizer, clip: float, scaling: Scaler) -> Step:
    """The step from gradients that were scaled by `scaling`, or were not. Its NotFiniteError says that one is not."""
    if scaling:
        return _scaled(model, optimizer, clip, scaling)

    def step() -> None:
        # An infinite bound clips nothing and still gives the norm.
        norm = nn.utils.clip_grad_norm_(model.parameters(), clip or math.inf)
        # One number tells of all: the norm is not finite where a single gradient is not.
        if not bool(norm.isfinite()):
            raise NotFiniteError(
                "gradient",
                "a gradient is not a finite number, so the optimizer was not let near the weights. "
                "Lower optim.lr, or set train.precision to fp32.",
            )
        optimizer.step()

    return step


def _scaled(model: nn.Module, optimizer: torch.optim.Optimizer, clip: float, scaling: torch.amp.GradScaler) -> Step:
    def step() -> None:
        if clip:
            # The bound is for the gradients' own size, and not for the scaled one.
            scaling.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        scaling.step(optimizer)
        scaling.update()
        # It leaves out a step whose gradient is not finite and halves its scale; below 1 it is no longer the scale's fault.
        if scaling.get_scale() < 1:
            # What it was for this step, which may be repeated.
            scaling.update(scaling.get_scale() / scaling.get_backoff_factor())
            raise NotFiniteError(
                "gradient",
                "the gradients are not finite numbers in fp16, however small the loss is made, so no step is taken any more. "
                "Lower optim.lr, or set train.precision to bf16 or fp32.",
            )

    return step

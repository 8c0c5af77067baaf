"""How a loss becomes a step, in each precision."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from segpipe.errors import PipelineError
from segpipe.training import precision
from tests.training.suite import CPU


def take(layer: nn.Module, step: precision.Step, loss: torch.Tensor) -> None:
    """Backward and a step."""
    layer.zero_grad()
    loss.sum().backward()
    step()


def one_step(kind: str, clip: float, gradient: float = 1.0) -> torch.Tensor:
    """How far a layer of 4 weights moves by SGD of rate 1, when the loss has this slope in each weight."""
    layer = nn.Linear(4, 1, bias=False)
    before = layer.weight.detach().clone()
    step = precision.stepper(layer, torch.optim.SGD(layer.parameters(), lr=1.0), clip, None)
    with precision.autocast(kind, CPU)():
        loss = layer(torch.full((1, 4), gradient)).float()
    take(layer, step, loss)
    return before - layer.weight.detach()


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_a_step_follows_the_gradient_of_this_loss_alone(kind: str) -> None:
    torch.testing.assert_close(one_step(kind, clip=0), torch.ones(1, 4))


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
@pytest.mark.parametrize(("gradient", "moved"), [(10.0, 0.5), (0.25, 0.25)])
def test_a_long_gradient_is_cut_and_a_short_one_is_not(kind: str, gradient: float, moved: float) -> None:
    torch.testing.assert_close(one_step(kind, clip=1.0, gradient=gradient), torch.full((1, 4), moved), rtol=1e-5, atol=1e-6)


def test_no_clipping_where_none_is_asked_for() -> None:
    torch.testing.assert_close(one_step("fp32", clip=0, gradient=1000.0), torch.full((1, 4), 1000.0))


@pytest.mark.parametrize(("kind", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_what_the_forward_pass_computes_in_and_the_weights_stay_in(kind: str, dtype: torch.dtype) -> None:
    layer = nn.Conv2d(1, 1, 1)
    with precision.autocast(kind, CPU)():
        assert layer(torch.zeros(1, 1, 2, 2)).dtype == dtype
    assert layer.weight.dtype == torch.float32
    with precision.autocast(kind, CPU)():
        assert layer(torch.zeros(1, 1, 2, 2)).dtype == dtype, "it must hold for each batch anew"


@pytest.mark.parametrize("clip", [0, 1.0])
def test_a_gradient_that_is_not_finite_never_reaches_the_weights(clip: float) -> None:
    layer = nn.Linear(4, 1, bias=False)
    before = layer.weight.detach().clone()
    step = precision.stepper(layer, torch.optim.SGD(layer.parameters(), lr=1.0), clip, None)
    with pytest.raises(PipelineError, match="a gradient is not a finite number"):
        take(layer, step, layer(torch.full((1, 4), 1e30)) * 1e30)
    assert torch.equal(layer.weight, before)


def test_fp16_needs_a_gpu() -> None:
    assert precision.scaler("fp32", CPU) is None
    with pytest.raises(PipelineError, match="fp16 needs a GPU"):
        precision.scaler("fp16", CPU)


class _NoNumber(torch.autograd.Function):
    """A loss that is finite, and whose gradient is not."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * math.nan


@pytest.mark.parametrize("clip", [0, 1.0])
def test_a_scaler_that_leaves_out_every_step_is_told_and_one_that_leaves_out_some_is_not(clip: float) -> None:
    layer = nn.Linear(4, 1, bias=False)
    before = layer.weight.detach().clone()
    optimizer, scaler = torch.optim.SGD(layer.parameters(), lr=1.0), torch.amp.GradScaler("cpu")
    step = precision.stepper(layer, optimizer, clip, scaler)
    for _ in range(16):
        take(layer, step, scaler.scale(_NoNumber.apply(layer(torch.ones(1, 4)))))
    assert torch.equal(layer.weight, before)
    with pytest.raises(PipelineError, match=r"not finite numbers in fp16, however small the loss is made.*set train\.precision"):
        take(layer, step, scaler.scale(_NoNumber.apply(layer(torch.ones(1, 4)))))
    assert scaler.get_scale() == 1, "that of the step, which may be repeated"
    scaler = torch.amp.GradScaler("cpu")
    fresh = precision.stepper(layer, optimizer, clip, scaler)
    take(layer, fresh, scaler.scale(_NoNumber.apply(layer(torch.ones(1, 4)))))
    take(layer, fresh, scaler.scale(layer(torch.ones(1, 4))))
    assert not torch.equal(layer.weight, before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_fp16_scales_the_loss_and_not_the_step() -> None:
    cuda = torch.device("cuda")
    layer = nn.Linear(4, 1, bias=False).to(cuda)
    before = layer.weight.detach().clone()
    scaler = precision.scaler("fp16", cuda)
    assert scaler
    step = precision.stepper(layer, torch.optim.SGD(layer.parameters(), lr=1.0), 1.0, scaler)
    with precision.autocast("fp16", cuda)():
        loss = layer(torch.full((1, 4), 10.0, device=cuda)).float()
    take(layer, step, scaler.scale(loss))
    torch.testing.assert_close(before - layer.weight.detach(), torch.full((1, 4), 0.5, device=cuda), rtol=1e-3, atol=1e-3)

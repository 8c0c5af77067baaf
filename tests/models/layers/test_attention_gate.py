"""The additive gate against equations 1 and 2 of Oktay et al. 2018."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from segpipe.models.layers.attention_gate import AttentionGate


def test_value_by_hand() -> None:
    """Two channels above, one below, so one inside: q = 2 relu(0.5 * 4 - 3 * 1 + 1.5) - 1 = 0, and alpha = 1 / 2."""
    gate = AttentionGate(2, 1)
    for weight, value in [(gate.skip.weight, 0.25), (gate.below.weight, -3.0), (gate.below.bias, 1.5)]:
        torch.nn.init.constant_(weight, value)
    torch.nn.init.constant_(gate.psi.weight, 2.0)
    torch.nn.init.constant_(gate.psi.bias, -1.0)
    skip = torch.tensor([[[[1.0, 2.0], [3.0, 2.0]], [[0.0, 0.0], [-1.0, 1.0]]]])
    assert skip.sum() == 8  # times 0.25: 2
    assert torch.equal(gate.attention(skip, torch.ones(1, 1, 1, 1)), torch.full((1, 1, 2, 2), 0.5))
    assert torch.equal(gate(skip, torch.ones(1, 1, 1, 1)), 0.5 * skip)
    # Negative before the relu, whatever is below: only psi's bias is left.
    shut = gate.attention(skip, torch.full((1, 1, 1, 1), 9.0))
    torch.testing.assert_close(shut, torch.full((1, 1, 2, 2), 1 / (1 + math.e)))


def test_it_is_the_equation_pixel_by_pixel() -> None:
    """The coarse alpha by loops over numpy arrays; at each corner of the fine one the nearest coarse value stands alone."""
    gate = AttentionGate(6, 5)
    skip, below = torch.randn(1, 6, 4, 6), torch.randn(1, 5, 2, 3)
    w_x, w_g, b_g, psi, b_psi = (
        weight.detach().double().numpy()
        for weight in (gate.skip.weight, gate.below.weight, gate.below.bias, gate.psi.weight, gate.psi.bias)
    )
    x, g = skip[0].double().numpy(), below[0].double().numpy()
    coarse = np.zeros((2, 3))
    for row in range(2):
        for column in range(3):
            square = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            inner = [max(0.0, (w_x[f] * square).sum() + w_g[f, :, 0, 0] @ g[:, row, column] + b_g[f]) for f in range(3)]
            coarse[row, column] = 1 / (1 + math.exp(-(psi[0, :, 0, 0] @ inner + b_psi[0])))
    alpha = gate.attention(skip, below)[0, 0].detach().numpy()
    np.testing.assert_allclose(alpha[[0, 0, -1, -1], [0, -1, 0, -1]], coarse[[0, 0, -1, -1], [0, -1, 0, -1]], rtol=1e-5)
    np.testing.assert_allclose(alpha[1, 2], 0.75 * (0.75 * coarse[0, 1] + 0.25 * coarse[0, 0])
                               + 0.25 * (0.75 * coarse[1, 1] + 0.25 * coarse[1, 0]), rtol=1e-5)  # fmt: skip


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1e-3, 1.0, 1e4]))
@settings(max_examples=30)
def test_alpha_is_one_number_in_0_to_1_a_pixel_and_multiplies_the_skip(
    seed: int, channels: int, rows: int, columns: int, scale: float
) -> None:
    torch.manual_seed(seed)
    gate = AttentionGate(channels, 3)
    skip, below = scale * torch.randn(2, channels, 2 * rows, 2 * columns), scale * torch.randn(2, 3, rows, columns)
    alpha = gate.attention(skip, below)
    assert alpha.shape == (2, 1, 2 * rows, 2 * columns)
    assert ((alpha >= 0) & (alpha <= 1)).all()
    assert torch.equal(gate(skip, below), skip * alpha)


@pytest.mark.parametrize(("channels", "inner"), [(1, 1), (2, 1), (7, 3), (64, 32)])
def test_size(channels: int, inner: int) -> None:
    wanted = {
        "skip.weight": (inner, channels, 2, 2),
        "below.weight": (inner, 5, 1, 1),
        "below.bias": (inner,),
        "psi.weight": (1, inner, 1, 1),
        "psi.bias": (1,),
    }
    assert {name: tuple(weight.shape) for name, weight in AttentionGate(channels, 5).named_parameters()} == wanted


def test_gradient_in_double_precision() -> None:
    torch.manual_seed(0)
    gate = AttentionGate(4, 3).double()
    skip, below = torch.randn(1, 4, 4, 2, dtype=torch.float64), torch.randn(1, 3, 2, 1, dtype=torch.float64)

    def forward(skip: Tensor, below: Tensor) -> Tensor:
        return gate(skip, below)

    assert torch.autograd.gradcheck(forward, (skip.requires_grad_(), below.requires_grad_()))

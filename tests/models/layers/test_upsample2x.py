"""Twice the size, bilinearly: the library's numbers, of operations that repeat themselves."""

import pytest
import torch
from torch.nn import functional as F

from segpipe.models.layers.upsample2x import upsample2x_bilinear


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 1, 5), (2, 1, 7, 4)])
def test_value_and_gradient_are_the_librarys(shape: tuple[int, ...]) -> None:
    features = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(shape[0], shape[1], 2 * shape[2], 2 * shape[3], dtype=torch.float64)
    ours, theirs = upsample2x_bilinear(features), F.interpolate(features, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad((found * weights).sum(), features)[0] for found in (ours, theirs)]
    torch.testing.assert_close(*gradients)

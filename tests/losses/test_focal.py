"""Focal loss by hand, against torchvision's and smp's for two classes, and against its formula for more."""

import math

import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import sigmoid_focal_loss

from segpipe.losses.cross_entropy import cross_entropy
from segpipe.losses.focal import focal
from segpipe.record import IGNORE
from tests.losses.suite import cases, gradient, random_case


def test_by_hand() -> None:
    one = torch.tensor([[[[math.log(3), 0.0, 50.0]]]])
    wanted = (-((1 / 4) ** 2) * math.log(3 / 4) - (1 / 2) ** 2 * math.log(1 / 2)) / 2
    assert focal(one, torch.tensor([[[1, 0, IGNORE]]]), 2.0).item() == pytest.approx(wanted)
    three = torch.tensor([0.0, 0.0, math.log(2)]).view(1, 3, 1, 1)
    assert focal(three, torch.tensor([[[1]]]), 3.0).item() == pytest.approx(-((3 / 4) ** 3) * math.log(1 / 4))
    assert focal(three, torch.tensor([[[1]]]), 3.0, (1.0, 5.0, 1.0)).item() == pytest.approx(-5 * (3 / 4) ** 3 * math.log(1 / 4))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 5), st.floats(0.05, 0.95))
def test_for_two_classes_it_is_torchvisions_and_smps(seed: int, gamma: float, alpha: float) -> None:
    logits, target = random_case(seed, 1, 1)
    valid = target != IGNORE
    theirs = sigmoid_focal_loss(logits[:, 0][valid], target[valid].float(), alpha=alpha, gamma=gamma).mean()
    torch.testing.assert_close(focal(logits, target, gamma, (1 - alpha, alpha))[0], theirs, rtol=1e-4, atol=1e-6)
    theirs = smp.losses.FocalLoss("binary", gamma=gamma, ignore_index=IGNORE)(logits, target)
    torch.testing.assert_close(focal(logits, target, gamma)[0], theirs, rtol=1e-4, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(cases)
def test_for_more_it_is_its_formula_on_softmax(case: tuple[int, int, int]) -> None:
    logits, target = random_case(case[0], case[1], 4, ignored=0)
    sure = logits.double().softmax(dim=1).gather(1, target[:, None])[:, 0]
    wanted = (-((1 - sure) ** 2.5) * sure.log()).mean(dim=(1, 2))
    torch.testing.assert_close(focal(logits, target, 2.5).double(), wanted, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(cases)
def test_without_focus_it_is_cross_entropy(case: tuple[int, int, int]) -> None:
    logits, target = random_case(*case)
    torch.testing.assert_close(focal(logits, target, 0.0), cross_entropy(logits, target))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_logits", [1, 2])
def test_the_surest_pixel_has_a_finite_slope(gamma: float, n_logits: int) -> None:
    logits = torch.full((1, n_logits, 2, 2), 200.0)
    logits[:, : n_logits - 1] = -200
    losses, slope = gradient(lambda given, truth: focal(given, truth, gamma), logits, torch.ones(1, 2, 2, dtype=torch.long))
    assert losses.tolist() == [0]
    assert slope.isfinite().all()

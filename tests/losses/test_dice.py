"""Dice by hand, against smp's (which smooths half of the fraction), and what it says of images without objects."""

import math

import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from segpipe.losses.dice import dice
from segpipe.losses.regions import SMOOTH, class_probabilities
from segpipe.record import IGNORE
from tests.losses.suite import cases, gradient, perfect, random_case

LOG3 = math.log(3)
"""The logit of the probability 3/4."""


def cost(overlap: float, total: float) -> float:
    return 1 - (2 * overlap + 2 * SMOOTH) / (total + 2 * SMOOTH)


def test_one_logit_by_hand() -> None:
    logits = torch.tensor([[[[LOG3, -LOG3, 0.0, 40.0]]]])
    target = torch.tensor([[[1, 1, 0, IGNORE]]])
    wanted = cost(overlap=3 / 4 + 1 / 4, total=(3 / 4 + 1 / 4 + 1 / 2) + 2)
    assert dice(logits, target, has_background=True).tolist() == pytest.approx([wanted])


def test_three_classes_by_hand() -> None:
    logits = torch.tensor([[0.0, LOG3], [0.0, 0.0], [math.log(2), 0.0]]).view(1, 3, 1, 2)
    target = torch.tensor([[[2, 1]]])
    # Probabilities: 1/4, 1/4, 2/4 at the first pixel; 3/5, 1/5, 1/5 at the second.
    one, two = cost(1 / 5, 1 / 4 + 1 / 5 + 1), cost(2 / 4, 2 / 4 + 1 / 5 + 1)
    assert dice(logits, target, has_background=True).tolist() == pytest.approx([(one + two) / 2])
    assert dice(logits, target, has_background=False).tolist() == pytest.approx([(one + two) / 2])


def test_only_the_images_own_classes_count() -> None:
    logits, target = torch.zeros(1, 3, 2, 2), torch.tensor([[[1, 1], [0, 0]]])
    one, background = cost(2 / 3, 4 / 3 + 2), cost(2 / 3, 4 / 3 + 2)
    assert dice(logits, target, has_background=True).tolist() == pytest.approx([one])
    assert dice(logits, target, has_background=False).tolist() == pytest.approx([(one + background) / 2])


@pytest.mark.parametrize("n_logits", [1, 3])
def test_without_objects_the_background_counts_alone(n_logits: int) -> None:
    target = torch.tensor([[[0, 0, 0, IGNORE]]])
    logits = torch.zeros(1, n_logits, 1, 4)
    share = 1 / max(2, n_logits)
    wanted = cost(3 * share, 3 * share + 3)
    assert dice(logits, target, has_background=True).tolist() == pytest.approx([wanted])
    inventing = perfect(torch.ones_like(target), n_logits)
    assert dice(inventing, target, True) > dice(logits, target, True) > dice(perfect(target, n_logits), target, True)
    assert dice(perfect(target, n_logits), target, True).item() == pytest.approx(0, abs=1e-6)


def test_where_class_0_is_an_object_it_counts_beside_the_others() -> None:
    target = torch.tensor([[[0, 1]]])
    only_one_right = perfect(torch.tensor([[[1, 1]]]), 2)
    assert dice(only_one_right, target, has_background=False).item() > dice(only_one_right, target, has_background=True).item()


def test_an_almost_perfect_image_with_2_of_21_classes_costs_about_nothing() -> None:
    target = torch.zeros(1, 64, 64, dtype=torch.long)
    target[:, 16:40, 16:40] = 15
    logits = perfect(target, 21, certainty=6.0)
    logits[0, :, 20, 20] = 0
    assert 0 < dice(logits, target, has_background=True).item() < 0.01


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3]))
def test_on_an_image_with_every_class_it_is_smps(seed: int, ignored: float) -> None:
    logits, target = random_case(seed, 1, 4, ignored)
    target.flatten()[:4] = torch.arange(4)
    for background, classes in ((True, [1, 2, 3]), (False, [0, 1, 2, 3])):
        theirs = smp.losses.DiceLoss("multiclass", classes=classes, smooth=SMOOTH, ignore_index=IGNORE)(logits, target)
        torch.testing.assert_close(dice(logits, target, background)[0], theirs, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_with_absent_classes_it_is_smps_over_those_that_are_there(seed: int, present: int) -> None:
    logits, target = random_case(seed, 1, 6)
    target = torch.where(target == IGNORE, target, 1 + target % present)
    there = sorted(set(target[target != IGNORE].tolist()))
    theirs = smp.losses.DiceLoss("multiclass", classes=there, smooth=SMOOTH, ignore_index=IGNORE)(logits, target)
    torch.testing.assert_close(dice(logits, target, True)[0], theirs, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_with_one_logit_it_is_smps_binary_dice(seed: int) -> None:
    logits, target = random_case(seed, 1, 1)
    target.flatten()[0] = 1
    theirs = smp.losses.DiceLoss("binary", smooth=SMOOTH, ignore_index=IGNORE)(logits, target)
    torch.testing.assert_close(dice(logits, target, True)[0], theirs, rtol=1e-5, atol=1e-6)


def in_double(logits: Tensor, target: Tensor) -> float:
    """The mean of the images' Dice losses, from its formula, pixel by pixel in double precision."""
    total = 0.0
    for image, truth in zip(logits.double(), target, strict=True):
        probability = torch.softmax(torch.cat([torch.zeros_like(image), image]) if len(image) == 1 else image, dim=0)
        objects = [number for number in range(1, len(probability)) if (truth == number).any()]
        counted = objects or ([0] if (truth == 0).any() else [])
        for number in counted:
            overlap = probability[number][truth == number].sum().item()
            area = probability[number][truth != IGNORE].sum().item() + (truth == number).sum().item()
            total += cost(overlap, area) / len(counted)
    return total / len(logits)


@settings(max_examples=10, deadline=None)
@given(cases)
def test_value_and_gradient_follow_from_the_formula(case: tuple[int, int, int]) -> None:
    logits, target = random_case(*case, size=3)
    losses, found = gradient(lambda given, truth: dice(given, truth, True), logits, target)
    assert losses.double().mean().item() == pytest.approx(in_double(logits, target), abs=1e-6)
    step = torch.zeros_like(logits, dtype=torch.float64)
    for place in range(0, logits.numel(), 7):
        step.zero_().flatten()[place] = 1e-5
        slope = (in_double(logits + step, target) - in_double(logits - step, target)) / 2e-5
        assert found.flatten()[place].item() == pytest.approx(slope, abs=2e-6)


def test_a_single_logit_becomes_two_probabilities() -> None:
    found = class_probabilities(torch.tensor([[[[LOG3, -200.0, 200.0]]]]))
    torch.testing.assert_close(found, torch.tensor([[[[0.25, 1.0, 0.0]], [[0.75, 0.0, 1.0]]]]))

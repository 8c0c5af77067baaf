"""Cross entropy by hand and against torch's own."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from segpipe.losses.bce import binary_cross_entropy
from segpipe.losses.cross_entropy import cross_entropy
from segpipe.losses.pixels import mean_over_valid, one_hot
from segpipe.record import IGNORE
from tests.losses.suite import cases, gradient, random_case


def test_three_classes_by_hand() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, 0.0, 0.0, math.log(2)]).view(1, 2, 3).permute(0, 2, 1)[..., None]
    target = torch.tensor([[[0], [2]]])
    first = -math.log(math.exp(2) / (math.exp(2) + math.exp(1) + 1))
    second = -math.log(2 / 4)
    assert cross_entropy(logits, target).tolist() == pytest.approx([(first + second) / 2])


def test_one_logit_by_hand() -> None:
    logits = torch.tensor([[[[math.log(3), 0.0, -math.log(3), 50.0]]]])
    target = torch.tensor([[[1, 1, 0, IGNORE]]])
    wanted = (-math.log(3 / 4) - math.log(1 / 2) - math.log(3 / 4)) / 3
    assert cross_entropy(logits, target).tolist() == pytest.approx([wanted])


def test_each_class_against_the_rest_by_hand() -> None:
    logits = torch.tensor([0.0, math.log(3), -math.log(3)]).view(1, 3, 1, 1)
    wanted = (math.log(2) - math.log(3 / 4) - math.log(3 / 4)) / 3
    assert binary_cross_entropy(logits, torch.tensor([[[1]]])).tolist() == pytest.approx([wanted])


@settings(max_examples=25, deadline=None)
@given(cases)
def test_a_single_image_costs_what_torch_says(case: tuple[int, int, int]) -> None:
    seed, _, n_logits = case
    logits, target = random_case(seed, 1, n_logits)
    if n_logits == 1:
        valid = target != IGNORE
        wanted = F.binary_cross_entropy_with_logits(logits[:, 0][valid], target[valid].float())
    else:
        wanted = F.cross_entropy(logits, target, ignore_index=IGNORE)
    torch.testing.assert_close(cross_entropy(logits, target)[0], wanted, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(cases)
def test_the_gradient_is_probability_minus_truth(case: tuple[int, int, int]) -> None:
    logits, target = random_case(*case)
    _, found = gradient(cross_entropy, logits, target)
    probability = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
    valid = (target != IGNORE)[:, None]
    pixels = valid.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    wanted = (probability - one_hot(target, logits.shape[1]).float()) * valid / pixels / len(logits)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(cases)
def test_two_logits_0_and_z_cost_what_the_one_logit_z_costs(case: tuple[int, int, int]) -> None:
    logits, target = random_case(case[0], case[1], 1)
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(cross_entropy(logits, target), cross_entropy(two, target), rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(cases)
def test_many_classes_against_the_rest_are_the_mean_of_each(case: tuple[int, int, int]) -> None:
    logits, target = random_case(case[0], case[1], 4)
    each = [
        binary_cross_entropy(logits[:, [number]], torch.where(target == IGNORE, target, (target == number).long()))
        for number in range(4)
    ]
    torch.testing.assert_close(binary_cross_entropy(logits, target), torch.stack(each).mean(dim=0), rtol=1e-5, atol=1e-6)


def test_planes_of_classes() -> None:
    target = torch.tensor([[[0, 1, 2, IGNORE]]])
    assert one_hot(target, 3).int().tolist() == [[[[1, 0, 0, 0]], [[0, 1, 0, 0]], [[0, 0, 1, 0]]]]
    assert one_hot(target.clamp(max=1).masked_fill(target == IGNORE, IGNORE), 1).int().tolist() == [[[[0, 1, 1, 0]]]]


def test_the_mean_is_each_images_own() -> None:
    losses = torch.tensor([[[1.0, 3.0]], [[5.0, 7.0]], [[9.0, 9.0]]])
    target = torch.tensor([[[0, 1]], [[0, IGNORE]], [[IGNORE, IGNORE]]])
    assert mean_over_valid(losses, target).tolist() == [2.0, 5.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.9), st.booleans())
def test_weights_and_smoothing_are_torchs(seed: int, smoothing: float, weighted: bool) -> None:
    logits, target = random_case(seed, 3, 4)
    weights = (0.2, 1.0, 3.0, 0.0) if weighted else ()
    weight = torch.tensor(weights) if weighted else None
    keys = {"weight": weight, "ignore_index": IGNORE, "label_smoothing": smoothing}
    wanted = F.cross_entropy(logits, target, reduction="none", **keys).sum(dim=(1, 2)) / (target != IGNORE).sum(dim=(1, 2))
    torch.testing.assert_close(cross_entropy(logits, target, weights, smoothing), wanted, rtol=1e-5, atol=1e-6)


def test_smoothing_by_hand() -> None:
    logits, target = torch.tensor([0.0, 0.0, math.log(2)]).view(1, 3, 1, 1), torch.tensor([[[2]]])
    wanted = -(0.7 + 0.1) * math.log(2 / 4) - 0.1 * math.log(1 / 4) * 2
    assert cross_entropy(logits, target, smoothing=0.3).item() == pytest.approx(wanted)
    one = torch.tensor([[[[math.log(3)]]]])
    wanted = -0.85 * math.log(3 / 4) - 0.15 * math.log(1 / 4)
    assert cross_entropy(one, target.clamp(max=1), smoothing=0.3).item() == pytest.approx(wanted)
    wanted = -0.85 * 5 * math.log(3 / 4) - 0.15 * 2 * math.log(1 / 4)
    assert cross_entropy(one, target.clamp(max=1), (2.0, 5.0), 0.3).item() == pytest.approx(wanted)


@settings(max_examples=25, deadline=None)
@given(cases, st.floats(0, 0.9))
def test_each_class_against_the_rest_is_torchs_bce_on_planes(case: tuple[int, int, int], smoothing: float) -> None:
    logits, target = random_case(case[0], case[1], 4)
    truth = one_hot(target, 4).float() * (1 - smoothing) + smoothing / 2
    each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(dim=1)
    pixel_weights = torch.tensor([0.5, 2.0, 1.0, 0.0])[target.where(target != IGNORE, 0)]
    wanted = mean_over_valid(each * pixel_weights, target)
    found = binary_cross_entropy(logits, target, (0.5, 2.0, 1.0, 0.0), smoothing)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)

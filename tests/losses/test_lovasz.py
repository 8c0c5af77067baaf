"""Lovász-Softmax: the set function on whole answers, the extension by its definition, smp's on images of every class."""

import itertools

import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from segpipe.losses.lovasz import lovasz, steps_by_pixel
from segpipe.record import IGNORE
from tests.losses.suite import gradient, random_case


def jaccard_loss(truth: list[bool], wrong: set[int]) -> float:
    """1 - IoU of a class where `wrong` pixels are taken for what they are not (equation 4 of the paper)."""
    right = {number for number, true in enumerate(truth) if true} - wrong
    return 1 - len(right) / len({number for number, true in enumerate(truth) if true} | wrong)


def extension(truth: list[bool], errors: list[float]) -> float:
    """Equation 8: the pixels join by falling error, each counts its error times what it adds to the set's loss."""
    order = sorted(range(len(errors)), key=lambda number: -errors[number])
    losses = [jaccard_loss(truth, set(order[:count])) for count in range(len(order) + 1)]
    return sum(errors[new] * (after - before) for new, before, after in zip(order, losses, losses[1:], strict=False))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_it_is_the_definition_for_each_image_and_class(seed: int) -> None:
    logits, target = random_case(seed, 2, 4, size=3)
    wanted = []
    for image, mask in zip(logits.double().softmax(dim=1), target, strict=True):
        valid = mask != IGNORE
        costs = []
        for number in sorted({*mask[valid].tolist()} - {0}):
            truth = (mask[valid] == number).tolist()
            errors = [abs(float(true) - p) for true, p in zip(truth, image[number][valid].tolist(), strict=True)]
            costs.append(extension(truth, errors))
        wanted.append(sum(costs) / len(costs))
    assert lovasz(logits, target, True).tolist() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("truth", [[True, False, False, True], [True, True, True, True], [True, False, False, False]])
def test_on_whole_answers_it_is_the_jaccard_loss(truth: list[bool]) -> None:
    for seen in itertools.product([True, False], repeat=4):
        logits = torch.where(torch.tensor(seen), 200.0, -200.0).view(1, 1, 2, 2)
        wrong = {number for number in range(4) if seen[number] != truth[number]}
        found = lovasz(logits, torch.tensor(truth).long().view(1, 2, 2), True)
        assert found.item() == pytest.approx(jaccard_loss(truth, wrong))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3]))
def test_with_every_class_counted_it_is_smps_and_so_is_its_gradient(seed: int, ignored: float) -> None:
    logits, target = random_case(seed, 3, 4, ignored)
    theirs = smp.losses.LovaszLoss("multiclass", per_image=True, ignore_index=IGNORE)
    mine, slope = gradient(lambda given, truth: lovasz(given, truth, False), logits, target)
    other, other_slope = gradient(lambda given, truth: theirs(given, truth)[None], logits, target)
    torch.testing.assert_close(mine.mean(), other[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(slope, other_slope, rtol=1e-3, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_one_logit_is_the_two_logits_0_and_z(seed: int) -> None:
    logits, target = random_case(seed, 3, 1)
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    for background in (True, False):
        torch.testing.assert_close(lovasz(logits, target, background), lovasz(two, target, background), rtol=1e-5, atol=1e-6)


def test_without_objects_it_is_the_mean_probability_of_an_object() -> None:
    logits, target = random_case(1, 1, 3, ignored=0)
    wanted = 1 - logits.softmax(dim=1)[:, 0].mean()
    torch.testing.assert_close(lovasz(logits, torch.zeros_like(target), True)[0], wanted)


def drawn(errors: list[float], truth: list[bool]) -> Tensor:
    return steps_by_pixel(torch.tensor([errors]), torch.tensor([truth]))[0]


def test_steps_by_hand() -> None:
    # By falling error: other (1 of 3 in the union), class (1 of 3 left), other (of 4), class (of 4).
    assert drawn([0.9, 0.5, 0.2, 0.7], [False, False, True, True]).tolist() == pytest.approx([1 / 3, 1 / 12, 1 / 4, 1 / 3])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40))
def test_steps_are_no_less_than_0_and_add_up_to_the_loss_of_all(pixels: list[tuple[float, bool]]) -> None:
    truth = [true for _, true in pixels]
    truth[0] = True
    steps = drawn([error for error, _ in pixels], truth)
    assert steps.min() >= 0
    assert steps.sum().item() == pytest.approx(1)


def test_a_million_pixels_lose_no_digit() -> None:
    """A difference of two losses near 1 would keep one digit or two of a step of a millionth."""
    errors, truth = torch.linspace(1, 0, 10**6)[None], torch.zeros(1, 10**6, dtype=torch.bool)
    truth[0, ::2] = True
    passed = truth.cumsum(dim=1).double()
    union = 5e5 + torch.arange(1, 10**6 + 1) - passed
    loss = 1 - (5e5 - passed) / union
    wanted = loss.diff(dim=1, prepend=torch.zeros(1, 1, dtype=torch.double))
    torch.testing.assert_close(steps_by_pixel(errors, truth).double(), wanted, rtol=1e-5, atol=1e-12)

"""The table of losses, and what every loss in it must do whatever its name."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.losses.cross_entropy import cross_entropy
from segpipe.losses.dice import dice
from segpipe.record import IGNORE
from tests.losses.suite import NAMES, cases, gradient, loss_named, perfect, random_case

Case = tuple[int, int, int]
each_loss = pytest.mark.parametrize("name", NAMES)
examples = settings(max_examples=25, deadline=None)


@each_loss
@examples
@given(case=cases)
def test_ignored_pixels_change_neither_loss_nor_gradient(name: str, case: Case) -> None:
    loss, (logits, target) = loss_named(name), random_case(*case)
    ignored = (target == IGNORE)[:, None].expand_as(logits)
    losses, slope = gradient(loss, logits, target)
    others, other_slope = gradient(loss, logits.masked_fill(ignored, 1e4), target)
    assert torch.equal(losses, others)
    assert torch.equal(slope, other_slope)
    assert not slope[ignored].any()


@each_loss
@examples
@given(case=cases)
def test_an_ignored_border_changes_nothing(name: str, case: Case) -> None:
    loss, (logits, target) = loss_named(name), random_case(*case)
    around = (2, 1, 3, 2)
    wider = loss(torch.nn.functional.pad(logits, around, value=5.0), torch.nn.functional.pad(target, around, value=IGNORE))
    torch.testing.assert_close(loss(logits, target), wider, rtol=1e-5, atol=1e-6)


@each_loss
@examples
@given(case=cases)
def test_a_batch_is_its_images_and_may_be_cut_anywhere(name: str, case: Case) -> None:
    seed, _, n_logits = case
    loss, (logits, target) = loss_named(name), random_case(seed, 5, n_logits)
    whole, slope = gradient(loss, logits, target)
    halves = [gradient(loss, logits[part], target[part]) for part in (slice(0, 2), slice(2, 5))]
    torch.testing.assert_close(whole, torch.cat([losses for losses, _ in halves]), rtol=1e-5, atol=1e-7)
    pieces = torch.cat([2 / 5 * halves[0][1], 3 / 5 * halves[1][1]])
    torch.testing.assert_close(slope, pieces, rtol=1e-5, atol=1e-7)


@each_loss
@pytest.mark.parametrize("n_logits", [1, 2, 7])
@examples
@given(seed=st.integers(0, 10**6))
def test_a_perfect_prediction_costs_nothing_and_its_opposite_much(name: str, n_logits: int, seed: int) -> None:
    _, target = random_case(seed, 3, n_logits)
    loss, right = loss_named(name), perfect(target, n_logits)
    assert loss(right, target).abs().max() < 1e-6
    assert loss(-right, target).min() > 0.4


@each_loss
@examples
@given(seed=st.integers(0, 10**6), order=st.permutations(range(1, 5)))
def test_the_order_of_the_classes_of_objects_does_not_matter(name: str, seed: int, order: list[int]) -> None:
    loss, (logits, target) = loss_named(name), random_case(seed, 2, 5)
    new_place = torch.full((256,), IGNORE)
    new_place[[0, *order]] = torch.arange(5)
    torch.testing.assert_close(loss(logits, target), loss(logits[:, [0, *order]], new_place[target]), rtol=1e-5, atol=1e-6)


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_an_image_ignored_everywhere_costs_nothing_and_teaches_nothing(name: str, n_logits: int) -> None:
    logits, target = random_case(3, 2, n_logits)
    target[0] = IGNORE
    losses, slope = gradient(loss_named(name), logits, target)
    assert losses[0] == 0
    assert not slope[0].any()
    assert losses[1] > 0
    assert slope[1].any()


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_an_image_without_objects_has_a_loss_that_can_be_lowered(name: str, n_logits: int) -> None:
    logits, target = random_case(4, 1, n_logits)
    losses, slope = gradient(loss_named(name), logits, torch.zeros_like(target))
    assert math.isfinite(losses.item())
    lower, _ = gradient(loss_named(name), logits - 10 * slope, torch.zeros_like(target))
    assert lower < losses


@each_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("n_logits", [1, 3])
def test_a_million_pixels_of_half_precision_do_not_overflow(name: str, dtype: torch.dtype, n_logits: int) -> None:
    logits = torch.full((1, n_logits, 1024, 1024), 9.0, dtype=dtype)
    logits[:, :1] = -9.0
    target = torch.zeros(1, 1024, 1024, dtype=torch.long)
    target[:, :, :512] = 1
    losses, slope = gradient(loss_named(name), logits, target)
    wanted, _ = gradient(loss_named(name), logits[..., 508:516].float(), target[..., 508:516])
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, wanted, rtol=1e-3, atol=1e-3)
    assert slope.isfinite().all()


@pytest.mark.parametrize("has_background", [True, False])
@examples
@given(case=cases, weight=st.floats(0, 1))
def test_the_weight_goes_from_the_pixel_loss_to_dice(has_background: bool, case: Case, weight: float) -> None:
    logits, target = random_case(*case)
    pixel, region = cross_entropy(logits, target), dice(logits, target, has_background)
    assert torch.equal(loss_named("dice_ce", 0.0, has_background)(logits, target), pixel)
    assert torch.equal(loss_named("dice_ce", 1.0, has_background)(logits, target), region)
    mixed = loss_named("dice_ce", weight, has_background)(logits, target)
    torch.testing.assert_close(mixed, weight * region + (1 - weight) * pixel)


def test_each_name_is_the_loss_it_says() -> None:
    logits, target = random_case(5, 2, 1)
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    assert torch.equal(loss_named("bce")(logits, target), loss_named("cross_entropy")(logits, target))
    assert not torch.allclose(loss_named("bce")(two, target), loss_named("cross_entropy")(two, target))
    assert torch.equal(loss_named("cross_entropy")(two, target), cross_entropy(two, target))
    assert torch.equal(loss_named("dice")(two, target), dice(two, target, True))
    assert torch.equal(loss_named("dice", has_background=False)(two, target), dice(two, target, False))

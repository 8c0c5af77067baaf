"""The table of losses, and what every loss in it must do whatever its name."""

import math
from importlib import import_module

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.diagnostics.deterministic_ops import operations, warnings
from segpipe.losses.cross_entropy import cross_entropy
from segpipe.losses.dice import dice
from segpipe.losses.mix import PARTS
from segpipe.losses.table import Classes, build
from segpipe.params.schema import LossMix
from segpipe.record import IGNORE
from tests.losses.suite import NAMES, PER_IMAGE, PIXELS, REGIONS, cases, gradient, loss_named, params_with, perfect, random_case

Case = tuple[int, int, int]
each_loss = pytest.mark.parametrize("name", NAMES)
examples = settings(max_examples=10, deadline=None)


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
@pytest.mark.parametrize("n_logits", [1, 2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_logit_that_is_no_number_shows_in_the_loss_of_its_image(name: str, n_logits: int, weighted: bool) -> None:
    logits, target = random_case(5, 3, n_logits)
    row, column = (target[1] != IGNORE).nonzero()[4].tolist()
    logits[1, -1, row, column] = math.nan
    losses = loss_named(name, weights=(0.5, 2.0, 1.0, 1.0)[: max(2, n_logits)] if weighted else ())(logits, target)
    assert losses.isnan().tolist() == ([True] * 3 if name == "dice_pooled" else [False, True, False])


@pytest.mark.parametrize("name", PER_IMAGE)
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
@pytest.mark.parametrize("seed", range(5))
def test_a_perfect_prediction_costs_nothing_and_its_opposite_much(name: str, n_logits: int, seed: int) -> None:
    _, target = random_case(seed, 3, n_logits)
    loss, right = loss_named(name), perfect(target, n_logits)
    assert loss(right, target).abs().max() < 1e-6
    assert loss(-right, target).min() > 0.4


@each_loss
@examples
@given(seed=st.integers(0, 10**6), order=st.permutations(range(1, 5)), weights=st.sampled_from([(), (0.3, 1.0, 2.0, 0.5, 0.0)]))
def test_the_order_of_the_classes_of_objects_does_not_matter(
    name: str, seed: int, order: list[int], weights: tuple[float, ...]
) -> None:
    logits, target = random_case(seed, 2, 5)
    new_place = torch.full((256,), IGNORE)
    new_place[[0, *order]] = torch.arange(5)
    moved = loss_named(name, weights=tuple(weights[number] for number in [0, *order]) if weights else ())
    there = moved(logits[:, [0, *order]], new_place[target])
    torch.testing.assert_close(loss_named(name, weights=weights)(logits, target), there, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("bce", "dice_bce")])
@examples
@given(seed=st.integers(0, 10**6), background=st.booleans(), weights=st.sampled_from([(), (0.3, 2.0), (0.0, 1.0)]))
def test_one_logit_costs_what_the_two_logits_0_and_z_cost(
    name: str, seed: int, background: bool, weights: tuple[float, ...]
) -> None:
    logits, target = random_case(seed, 3, 1)
    loss = loss_named(name, background, weights, label_smoothing=0.1)
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(loss(logits, target), loss(two, target), rtol=1e-5, atol=1e-6)


@each_loss
@pytest.mark.parametrize("n_logits", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_value(name: str, n_logits: int, weighted: bool) -> None:
    logits, target = random_case(7, 2, n_logits, ignored=0.3, size=3)
    weights = (0.4, 1.5, 3.0)[: max(2, n_logits)] if weighted else ()
    loss = loss_named(name, weights=weights, label_smoothing=0.1 if weighted else 0.0)
    assert torch.autograd.gradcheck(lambda given: loss(given, target), logits.double().requires_grad_())


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_equal_weights_change_nothing(name: str, n_logits: int) -> None:
    logits, target = random_case(8, 3, n_logits)
    n_classes = max(2, n_logits)
    plain = loss_named(name)(logits, target)
    torch.testing.assert_close(loss_named(name, weights=(1.0,) * n_classes)(logits, target), plain)
    if name in PIXELS + REGIONS:
        factor = 3 if name in PIXELS else 1  # a mean over pixels scales with the weights, one over classes is relative
        torch.testing.assert_close(loss_named(name, weights=(3.0,) * n_classes)(logits, target), factor * plain)


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_a_class_of_weight_0_teaches_nothing_at_its_own_pixels_or_none(name: str, n_logits: int) -> None:
    logits, target = random_case(9, 1, n_logits)
    weights = (1.0, 0.0, 1.0, 1.0)[: max(2, n_logits)]
    alone = torch.where(target == IGNORE, target, 1)
    losses, slope = gradient(loss_named(name, weights=weights), logits, alone)
    assert losses.tolist() == [0]
    assert not slope.any()


@pytest.mark.parametrize("name", PIXELS)
def test_a_heavy_class_counts_as_often_as_its_weight_says(name: str) -> None:
    logits, target = random_case(10, 3, 3)
    each = [loss_named(name, weights=tuple(float(number == one) for number in range(3)))(logits, target) for one in range(3)]
    weighted = loss_named(name, weights=(0.5, 2.0, 3.0))(logits, target)
    torch.testing.assert_close(weighted, 0.5 * each[0] + 2 * each[1] + 3 * each[2])
    torch.testing.assert_close(loss_named(name)(logits, target), sum(each[1:], each[0]))


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_an_image_ignored_everywhere_costs_nothing_and_teaches_nothing(name: str, n_logits: int) -> None:
    logits, target = random_case(3, 2, n_logits)
    target[0] = IGNORE
    losses, slope = gradient(loss_named(name), logits, target)
    assert losses[0] == (losses[1] if name == "dice_pooled" else 0)
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
@pytest.mark.parametrize(("dtype", "n_logits"), [(torch.float16, 1), (torch.float16, 3), (torch.bfloat16, 3)])
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


def test_a_dice_in_half_precision_would_overflow() -> None:
    ones = torch.ones(1024, 1024, dtype=torch.float16)
    assert ones.sum() == math.inf
    assert (2 * ones.sum() / (ones.sum() + ones.sum())).isnan()


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_logits_may_lie_with_their_channels_last_as_in_training(name: str, n_logits: int) -> None:
    logits, target = random_case(14, 2, n_logits)
    losses, slope = gradient(loss_named(name), logits, target)
    leaf = logits.contiguous(memory_format=torch.channels_last).requires_grad_()
    others = loss_named(name)(leaf, target)
    others.mean().backward()
    assert leaf.grad is not None
    torch.testing.assert_close(others.detach(), losses)
    torch.testing.assert_close(leaf.grad, slope)


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_a_gpu_can_repeat_every_operation(name: str, n_logits: int) -> None:
    logits, target = random_case(11, 2, n_logits)
    loss = loss_named(name, weights=(0.5, 2.0, 1.0, 1.0)[: max(2, n_logits)], label_smoothing=0.1)
    names = operations(lambda: gradient(loss, logits, target))
    assert len(names) > 5
    assert warnings(names) == []


@pytest.mark.parametrize("has_background", [True, False])
@examples
@given(case=cases, weight=st.floats(0, 1))
def test_the_weight_goes_from_the_pixel_loss_to_dice(has_background: bool, case: Case, weight: float) -> None:
    logits, target = random_case(*case)
    pixel, region = cross_entropy(logits, target), dice(logits, target, has_background)
    assert torch.equal(loss_named("dice_ce", has_background, dice_weight=0.0)(logits, target), pixel)
    assert torch.equal(loss_named("dice_ce", has_background, dice_weight=1.0)(logits, target), region)
    mixed = loss_named("dice_ce", has_background, dice_weight=weight)(logits, target)
    torch.testing.assert_close(mixed, weight * region + (1 - weight) * pixel)


@examples
@given(case=cases, weights=st.lists(st.floats(0.1, 5), min_size=len(LossMix.model_fields), max_size=len(LossMix.model_fields)))
def test_a_mix_is_the_weighted_sum_and_tells_its_parts(case: Case, weights: list[float]) -> None:
    logits, target = random_case(*case)
    mix = dict(zip(LossMix.model_fields, weights, strict=True))
    found = build(params_with(name="mix", mix=mix), Classes(True))(logits, target)
    alone = {name: loss_named(name)(logits, target) for name in mix}
    assert list(found) == ["loss", *(f"loss_{name}" for name in mix)]
    for name, value in alone.items():
        assert torch.equal(found[f"loss_{name}"], value)
    wanted = torch.stack([mix[name] * value.double() for name, value in alone.items()]).sum(dim=0)
    torch.testing.assert_close(found["loss"].double(), wanted, rtol=1e-5, atol=1e-5)


def test_a_mix_leaves_out_what_has_the_weight_0_and_may_be_dice_ce() -> None:
    logits, target = random_case(12, 2, 3)
    found = build(params_with(name="mix", mix={"dice": 0.3, "cross_entropy": 0.7}), Classes(True))(logits, target)
    assert set(found) == {"loss", "loss_dice", "loss_cross_entropy"}
    torch.testing.assert_close(found["loss"], loss_named("dice_ce", dice_weight=0.3)(logits, target))


def test_a_mix_knows_every_single_loss() -> None:
    assert set(LossMix.model_fields) == set(PARTS) == set(NAMES) - {"mix", "dice_ce", "dice_bce"}


def test_each_name_is_the_loss_it_says() -> None:
    logits, target = random_case(5, 2, 1)
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    assert torch.equal(loss_named("bce")(logits, target), loss_named("cross_entropy")(logits, target))
    assert not torch.allclose(loss_named("bce")(two, target), loss_named("cross_entropy")(two, target))
    assert torch.equal(loss_named("cross_entropy")(two, target), cross_entropy(two, target))
    assert torch.equal(loss_named("dice")(two, target), dice(two, target, True))
    assert torch.equal(loss_named("dice", False)(two, target), dice(two, target, False))
    for name in REGIONS + PIXELS:
        alone = import_module(f"segpipe.losses.{name}").from_params(params_with(), Classes(True))
        assert torch.equal(loss_named(name)(two, target), alone(two, target))
    assert len({loss_named(name)(two, target).mean().item() for name in NAMES}) == len(NAMES) - 1  # the mix is dice_ce

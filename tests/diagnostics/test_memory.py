"""The memory of a training step: what is computed is what torch's allocator gives out, and the largest batch is the largest."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.profiler import ProfilerActivity, profile

from segpipe.diagnostics import memory
from segpipe.diagnostics.dry_run import TrainingShape, dry_run
from segpipe.diagnostics.fake_tensors import shapes_only
from segpipe.diagnostics.memory import Growth, Meter
from segpipe.errors import PipelineError
from segpipe.losses.table import LOSSES
from segpipe.models.segmenter import Segmenter
from segpipe.models.table import MODELS
from tests.models.suite import small
from tests.training.suite import CPU, PARAMS

MOMENTS = st.frozensets(st.tuples(st.integers(0, 10_000), st.integers(0, 50)), min_size=1).map(lambda found: found | {(1, 1)})
QUICK = ("unet",)


def setting(crop: int = 32, precision: str = "fp32", ema: float = 0.0, **optim: Any) -> TrainingShape:
    train = PARAMS.train.model_copy(update={"precision": precision, "ema": ema})
    return TrainingShape(crop, 3, 4, True, PARAMS.loss, PARAMS.optim.model_copy(update=optim), train)


def network(name: str) -> Segmenter:
    return small(name).to(memory_format=torch.channels_last)


def peak_of(segmenter: Segmenter, how: TrainingShape, batch_size: int) -> int:
    return max(memory.timeline(segmenter, how, batch_size))


def given_out(segmenter: Segmenter, how: TrainingShape, batch_size: int) -> int:
    """The most bytes that torch's allocator had given out at one moment of a real training of two steps."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        dry_run(copy.deepcopy(segmenter), how, batch_size, CPU)
    now = most = 0
    for event in watched.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


def test_bytes_by_hand() -> None:
    meter = Meter()
    with shapes_only(), meter:
        ten = torch.zeros(10)
        part = ten[:5]
        assert meter.now == 40, "a view takes nothing"
        double = ten.double()
        assert meter.now == 40 + 80
        del ten, double
        part.add_(1)
        assert meter.now == 40, "a view keeps the whole"
        del part
        torch.zeros(2, dtype=torch.uint8)
    assert (max(meter.bytes_alive), meter.bytes_alive[-1], meter.now) == (120, 2, 0)


def test_what_backward_needs_is_kept_until_it_ran() -> None:
    meter = Meter()
    with shapes_only(), meter:
        weight = torch.zeros(100, requires_grad=True)
        squared = (weight * 2).sin().sum()  # sin keeps the product of 400 bytes
        before = meter.now
        squared.backward()
        del squared
        torch.zeros(0)
    assert before == 400 + 400 + 4
    assert meter.now == 400 + 400  # the weight and its gradient


@given(MOMENTS, st.integers(0, 100_000))
def test_the_largest_batch_fits_and_one_image_more_does_not(moments: frozenset[tuple[int, int]], room: int) -> None:
    growth = Growth(moments)
    largest = growth.largest_batch(room)
    assert largest == 0 or growth.peak(largest) <= room
    assert growth.peak(largest + 1) > room
    assert growth.largest_batch(room + 1) >= largest


def test_two_batch_sizes_tell_all_others() -> None:
    segmenter, how = network("simple_unet"), setting()
    growth = memory.computed(segmenter, how)
    assert [growth.peak(size) for size in (1, 9)] == [peak_of(segmenter, how, size) for size in (1, 9)]


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MODELS])
@pytest.mark.parametrize("batch_size", [pytest.param(2, marks=pytest.mark.slow), 7])
def test_the_allocator_gives_out_what_was_computed(name: str, batch_size: int) -> None:
    """Within 5 %: what an operation takes for itself alone is not computed, and more to be felt the smaller the network.

    smp's is mostly weights at this size, of the largest of which a convolution's backward pass makes two copies: 12 %.
    """
    segmenter, how, within = network(name), setting(64), 0.12 if name == "smp" else 0.05
    assert memory.computed(segmenter, how).peak(batch_size) == pytest.approx(given_out(segmenter, how, batch_size), rel=within)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"name": "sgd"}, {"encoder_rate": 0.0}, {"ema": 0.99}])
def test_so_it_does_in_half_precision_by_another_optimizer_with_a_frozen_encoder_and_an_average(changes: dict[str, Any]) -> None:
    segmenter, how = network("unet"), setting(64, **changes)
    assert memory.computed(segmenter, how).peak(7) == pytest.approx(given_out(segmenter, how, 7), rel=0.05)


@pytest.mark.parametrize("name", LOSSES)
def test_no_loss_asks_for_numbers_that_are_not_there(name: str) -> None:
    """Lovász asks which classes an image holds; computed is what all of them take, which the made-up targets hold."""
    loss = PARAMS.loss.model_copy(update={"name": name})
    segmenter, how = network("simple_unet"), replace(setting(64), loss=loss)
    assert memory.computed(segmenter, how).peak(7) == pytest.approx(given_out(segmenter, how, 7), rel=0.05)


def test_the_settings_count() -> None:
    segmenter = network("unet")
    adamw, sgd, bf16, frozen, averaged = (
        peak_of(segmenter, how, 8)
        for how in (setting(), setting(name="sgd"), setting(precision="bf16"), setting(encoder_rate=0.0), setting(ema=0.99))
    )
    weights = sum(weight.nbytes for weight in segmenter.parameters())
    # One moment instead of two, and no step counter beside each weight.
    assert adamw - sgd == pytest.approx(weights, rel=0.02)
    assert averaged - adamw == pytest.approx(weights, rel=0.02)
    assert bf16 < 0.8 * adamw
    assert frozen < 0.9 * adamw


def test_a_batch_in_parts_takes_little_more_than_one_of_them() -> None:
    segmenter, how = network("unet"), setting(64)
    cut = replace(how, train=how.train.model_copy(update={"accumulate": 3}))
    growth, whole = memory.computed(segmenter, cut), memory.computed(segmenter, how)
    assert growth.peak(9) == pytest.approx(given_out(segmenter, cut, 9), rel=0.05)
    assert growth.peak(7) == growth.peak(9), "its largest part decides"
    # The batch itself, its targets of 8 bytes a pixel, and gradients that are there already.
    assert whole.peak(3) < growth.peak(9) < 0.6 * whole.peak(9)
    room = whole.peak(5)
    assert growth.largest_batch(room) % 3 == 0
    assert growth.peak(growth.largest_batch(room)) <= room < growth.peak(growth.largest_batch(room) + 1)
    assert growth.largest_batch(growth.peak(3) - 1) == 0


def test_computing_trains_nothing() -> None:
    segmenter = network("unet")
    before = {name: tensor.clone() for name, tensor in segmenter.state_dict().items()}
    memory.timeline(segmenter, setting(), 2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in segmenter.state_dict().items())
    assert all(weight.grad is None for weight in segmenter.parameters())


def test_a_network_that_treats_batches_unlike_is_refused() -> None:
    class Unlike(nn.Conv2d):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return super().forward(image if len(image) < 3 else image + 0)

    segmenter = Segmenter(Unlike(3, 4, 1), 1, [0.5] * 3, [0.5] * 3)
    with pytest.raises(PipelineError, match="other operations for other batch sizes"):
        memory.computed(segmenter, setting())


def test_the_room_is_the_machines_or_its_containers(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, none = tmp_path / "memory.max", tmp_path / "unlimited"
    none.write_text("max\n")
    monkeypatch.setattr(memory, "LIMITS", (str(none), str(limit)))
    machine = memory.available_memory(CPU)
    assert machine > 2**28
    limit.write_text("1000000\n")
    assert memory.available_memory(CPU) == 1_000_000

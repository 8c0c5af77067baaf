"""Each line that is proposed makes the step fit by itself, and the next larger value of it does not."""

from dataclasses import replace
from typing import Any

import pytest

from segpipe.diagnostics import lower_memory, memory
from segpipe.diagnostics.dry_run import TrainingShape
from segpipe.models.segmenter import Segmenter
from tests.diagnostics.test_memory import network, setting


def shape(crop: int = 128, pooled: bool = False, **train: Any) -> TrainingShape:
    found = setting(crop)
    loss = found.loss.model_copy(update={"name": "dice_pooled"}) if pooled else found.loss
    return replace(found, loss=loss, train=found.train.model_copy(update={"batch_size": 8} | train))


def lines(segmenter: Segmenter, how: TrainingShape, share: float) -> dict[str, Any]:
    """The values by key for so much of what the step takes."""
    step = lower_memory.step_memory(segmenter, how)
    return {line.key: line.value for line in lower_memory.lines(segmenter, how, step, int(step.taken * share))}


def taken(segmenter: Segmenter, how: TrainingShape, key: str, value: Any) -> int:
    """What the step takes with this line, computed for the whole step anew."""
    section, name = key.split(".")
    changed = replace(how, crop=value) if section == "input" else lower_memory._with_train(how, **{name: value})
    return memory.computed(segmenter, changed).peak(changed.train.batch_size)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return network("unet")


def test_every_line_fits_and_says_no_less_than_it_must(segmenter: Segmenter) -> None:
    how = shape()
    whole, found = taken(segmenter, how, "train.batch_size", 8), lines(segmenter, how, 0.8)
    assert [*found] == ["train.accumulate", "train.precision", "train.batch_size", "input.crop"]
    assert all(taken(segmenter, how, key, value) <= 0.8 * whole for key, value in found.items())
    assert taken(segmenter, how, "train.batch_size", found["train.batch_size"] + 1) > 0.8 * whole
    assert (found["train.accumulate"], found["train.precision"]) == (2, "bf16")
    assert found["input.crop"] >= 96 and found["input.crop"] % segmenter.stride == 0


def test_where_it_should_have_fitted_half_is_proposed(segmenter: Segmenter) -> None:
    step = lower_memory.step_memory(segmenter, shape())
    found = {line.key: line.value for line in lower_memory.lines(segmenter, shape(), step, 2 * step.taken)}
    assert found["train.batch_size"] == step.largest_part(step.taken // 2, 1) < 8


def test_where_nothing_fits_nothing_is_proposed(segmenter: Segmenter) -> None:
    assert lines(segmenter, shape(), 0.01) == {}


def test_parts_are_not_proposed_for_a_loss_of_the_whole_batch(segmenter: Segmenter) -> None:
    assert "train.accumulate" not in lines(segmenter, shape(pooled=True), 0.5)


def test_a_batch_in_parts_gets_more_of_them(segmenter: Segmenter) -> None:
    how = shape(accumulate=2)
    found, whole = lines(segmenter, how, 0.6), taken(segmenter, how, "train.batch_size", 8)
    assert found["train.accumulate"] == 4 and found["train.batch_size"] % 2 == 0
    assert taken(segmenter, how, "train.accumulate", 4) <= 0.6 * 1.2 * whole

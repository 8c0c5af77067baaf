"""Times of a step's parts: all of the time is somewhere, a slow part is slow by its own name, and the training is the same."""

import dataclasses
import gzip
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.diagnostics import step_times
from segpipe.diagnostics.step_times import BACKWARD, COPYING, FIRST, FORWARD, LOSS, PARTS, REST, STEP, WAITING
from segpipe.losses.table import Losses
from segpipe.training import accumulate, loop
from tests.training.suite import batches, run


class Time:
    """A clock that only what is slow moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def before(self, work: Callable[..., Any], seconds: float = 1.0) -> Callable[..., Any]:
        """The work, which takes longer by so much."""

        def slow(*given: Any) -> Any:
            self.now += seconds
            return work(*given)

        return slow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def slow_batches(clock: Time, slow: int) -> Callable[[int, int], Iterable[Batch]]:
    """An epoch's batches, of which the one of this number takes a second."""

    def found(epoch: int, first: int) -> Iterable[Batch]:
        for number, batch in enumerate(batches(epoch, first)):
            clock.now += number == slow
            yield batch

    return found


def slow_copy(clock: Time) -> Callable[[int, int], Iterable[Batch]]:
    """Batches whose targets take a second to copy."""

    class Slow(torch.Tensor):
        def to(self, *given: Any, **named: Any) -> Any:
            # Not of what is computed from it.
            clock.now += self.dtype == torch.int64
            return self.as_subclass(torch.Tensor)

    return lambda epoch, first: [
        dataclasses.replace(batch, target=batch.target.as_subclass(Slow)) for batch in batches(epoch, first)
    ]


def slow_backward(clock: Time, plain: loop.Run) -> Callable[[Tensor, Tensor], Losses]:
    def loss(logits: Tensor, target: Tensor) -> Losses:
        logits.register_hook(clock.before(lambda gradient: gradient))
        return plain.loss(logits, target)

    return loss


def slow_in(part: str, clock: Time, plain: loop.Run) -> loop.Run:
    """The run with a part that takes a second longer."""
    if part == FORWARD:
        next(module for module in plain.model.modules() if isinstance(module, torch.nn.Dropout2d)).register_forward_pre_hook(
            clock.before(lambda module, given: None)
        )
        return plain
    changes: dict[str, Any] = {
        FIRST: {"batches": slow_batches(clock, 0)},
        WAITING: {"batches": slow_batches(clock, 1)},
        COPYING: {"batches": slow_copy(clock)},
        LOSS: {"loss": clock.before(plain.loss)},
        BACKWARD: {"loss": slow_backward(clock, plain)},
        STEP: {"step": clock.before(plain.step)},
        REST: {"at_epoch": clock.before(plain.at_epoch)},
    }
    return dataclasses.replace(plain, **changes[part])


@pytest.mark.parametrize("part", PARTS)
def test_a_slow_part_is_slow_by_its_own_name_and_no_other_is(part: str, clock: Time) -> None:
    found = step_times.time_steps(slow_in(part, clock, run()), 1, 4)
    assert found == {each: float(each == part) for each in PARTS}


def test_parts_of_a_batch_that_comes_in_parts_add_up(clock: Time) -> None:
    plain = run()
    plain = dataclasses.replace(plain, backward=accumulate.backward(2, None, plain.model))
    found = step_times.time_steps(dataclasses.replace(plain, loss=clock.before(plain.loss)), 0, 4)
    assert found == {each: 2.0 * (each == LOSS) for each in PARTS}


def test_the_parts_add_up_to_the_whole() -> None:
    start = time.perf_counter()
    found = step_times.time_steps(run(), 0, 8)
    whole = time.perf_counter() - start
    # Four epochs of two batches.
    others = sum(found[part] for part in PARTS if part not in (FIRST, WAITING))
    assert 0.8 * whole < 4 * (found[FIRST] + found[WAITING] + 2 * others) <= whole


def test_the_steps_of_the_warm_up_do_not_count(clock: Time) -> None:
    plain, taken = run(), [0]

    def step() -> None:
        clock.now += 5 if taken[0] < 3 else 1
        taken[0] += 1

    assert step_times.time_steps(dataclasses.replace(plain, step=step), 3, 2)[STEP] == 1
    assert taken == [5]


def test_it_trains_as_without_it_and_leaves_no_hook() -> None:
    plain, timed = run(), run()
    step_times.to_last_epoch(plain)
    loop.train_epoch(plain)
    step_times.time_steps(timed, 1, 1)
    for one, other in zip(plain.model.state_dict().values(), timed.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert not timed.model._forward_hooks and not timed.model._forward_pre_hooks


def test_a_trace_shows_operations_under_the_parts(tmp_path: Path) -> None:
    file = tmp_path / "traces" / "one.json.gz"
    step_times.write_trace(run(), 2, file)
    events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    named = [event for event in events if event.get("ph") == "X"]
    (forward, *more) = [event for event in named if event["name"] == FORWARD]
    assert len(more) == 1
    inside = [
        event["name"]
        for event in named
        if forward["ts"] <= event["ts"] <= event["ts"] + event["dur"] <= forward["ts"] + forward["dur"]
    ]
    assert "aten::conv2d" in inside
    assert [path.name for path in file.parent.iterdir()] == ["one.json.gz"]

"""Traces of a training: equal for equal trainings, and where something differs its first place is named."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segpipe.diagnostics import trace
from segpipe.diagnostics.compare_traces import first_difference
from segpipe.training import first_steps, loop
from tests.training.suite import batches, model, run


def traced(steps: int, **parts: Any) -> trace.Trace:
    """The trace of a small training, three layers of which have names that a reader can find."""
    found = trace.Trace()
    watched = trace.watched(run(**parts), found, steps)
    try:
        loop.fit(watched)
    except trace.EnoughError:
        watched.validate(watched, {})
    return found


def difference(one: trace.Trace, other: trace.Trace) -> str:
    pair = [{"entries": [[*entry] for entry in each.entries]} for each in (one, other)]
    return first_difference(*pair)


def changed_batches(change: Callable[[Any], Any]) -> Callable[[int, int], list[Any]]:
    return lambda epoch, first: [change(batch) if number == 1 else batch for number, batch in enumerate(batches(epoch, first))]


def test_equal_trainings_have_equal_traces() -> None:
    assert traced(3).entries == traced(3).entries
    assert difference(traced(3), traced(3)) == ""


def test_it_trains_as_without_it() -> None:
    plain, watched = run(), run()
    loop.fit(plain)
    loop.fit(trace.watched(watched, trace.Trace(), 0))
    assert all(
        torch.equal(a, b) for a, b in zip(plain.model.state_dict().values(), watched.model.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(("steps", "batches_seen"), [(1, 1), (2, 2), (3, 3), (4, 4)])
def test_it_ends_after_the_steps_asked_for_across_epochs(steps: int, batches_seen: int) -> None:
    assert len({where for where, what, _ in traced(steps).entries if what == "loss"}) == batches_seen


def test_without_steps_it_trains_to_the_end_and_writes_weights_and_scores() -> None:
    assert [what for _, what, _ in traced(0).entries] == 2 * ["weights", "weights", "val_dice", "weights"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda batch: dataclasses.replace(batch, ids=batch.ids[::-1]), "epoch 1, batch 2: order of the images differs"),
        (lambda batch: dataclasses.replace(batch, image=batch.image ^ 1), "epoch 1, batch 2: augmented images differs"),
        (lambda batch: dataclasses.replace(batch, target=batch.target.clamp(max=1)), "epoch 1, batch 2: augmented masks differs"),
    ],
)
def test_a_batch_that_differs_is_named(change: Callable[[Any], Any], named: str) -> None:
    assert difference(traced(4), traced(4, batches=changed_batches(change))).startswith(named)


class Drifting(nn.Module):
    """A layer whose output, or whose gradient alone, is another each time."""

    def __init__(self, forward: float, backward: float) -> None:
        super().__init__()
        self.amount, self.slope = forward, backward

    def forward(self, image: Tensor) -> Tensor:
        if self.slope:
            image.register_hook(lambda gradient: gradient * (1 + self.slope))
        return image + self.amount


@pytest.mark.parametrize(
    ("drift", "named"),
    [((1e-3, 0.0), "output of network.head.1, Drifting differs"), ((0.0, 1e-3), "gradient of network.head.0.bias differs")],
)
def test_the_layer_that_differs_is_named_with_its_kind(drift: tuple[float, float], named: str) -> None:
    def with_drift(forward: float, backward: float) -> Any:
        segmenter: Any = model()
        segmenter.network.head = nn.Sequential(segmenter.network.head, Drifting(forward, backward))
        return segmenter

    parts = []
    for amounts in ((0.0, 0.0), drift):
        segmenter = with_drift(*amounts)
        fresh = run(model=segmenter)
        parts.append(traced(2, model=segmenter, optimizer=fresh.optimizer, step=fresh.step))
    found = difference(*parts)
    assert found.startswith(f"epoch 1, batch 1: {named}")
    assert "does not repeat itself" in found


def test_code_that_words_the_place_in_another_way_computes_the_same() -> None:
    one, other = ({"entries": [[where, "loss", "1"]]} for where in ("epoch 0, batch 0", "epoch 1, batch 1"))
    assert first_difference(one, other) == ""
    other["entries"][0][2] = "2"
    assert first_difference(one, other).startswith("epoch 1, batch 1: loss differs (1 and 2)")


def test_a_score_that_differs_is_named() -> None:
    other = traced(2, validate=lambda run, record: {"val_dice": 0.25})
    assert "val_dice differs (0.5 and 0.25); the validation does not repeat itself" in difference(traced(2), other)


def test_the_first_steps_are_noted_once_and_follow_from_the_weights() -> None:
    first, again, other = run(), run(), run(seed=43)
    for each in (first, again, other):
        loop.fit(dataclasses.replace(each, save_state=first_steps.noting(lambda run: None)))
    assert first.progress.first_steps == again.progress.first_steps != other.progress.first_steps
    watched = trace.Trace()
    loop.fit(trace.watched(run(), watched, 0))
    # Two batches an epoch are fewer than FIRST, so the last of the first epoch counts.
    assert repr(first.progress.first_steps) == [value for _, what, value in watched.entries if what == trace.WEIGHTS][1]


def test_the_slowdown_is_a_ratio_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    now, mode = [0.0], [True]
    monkeypatch.setattr(trace.time, "perf_counter", lambda: now[0])

    def step() -> None:
        now[0] += 3.0 if mode[0] else 2.0

    assert trace.determinism_slowdown(step, lambda on: mode.__setitem__(0, on)) == 1.5
    assert mode == [True], "the setting is put back"

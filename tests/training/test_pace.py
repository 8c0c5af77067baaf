"""How long what is left of a training takes."""

import time

import pytest

from segpipe.training.pace import Pace, TimeLeft, minutes
from segpipe.training.validation_plan import ValidationPlan


def pace(monkeypatch: pytest.MonkeyPatch, plan: ValidationPlan, ended: int, epochs: int) -> Pace:
    """After so many epochs, where training takes 40 s and the validation of an image 10 s."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    found = Pace(plan)
    for epoch in range(ended):
        now[0] += 40.0 + 10.0 * len(plan.images(epoch, epochs))
        found.ended(epoch, epochs, 40.0)
    return found


def test_within_an_epoch_its_rest_its_validation_and_all_later_epochs_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ValidationPlan(["a", "b"], [], every=1)
    assert pace(monkeypatch, plan, 2, 5).within(2, 5, rest_s=10.0, epoch_s=99.0) == TimeLeft(10 + 20 + 2 * (40 + 20), False)


def test_in_the_first_epoch_its_own_batches_are_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ValidationPlan(["a", "b"], [], every=1)
    left = pace(monkeypatch, plan, 0, 5).within(0, 5, rest_s=30.0, epoch_s=50.0)
    assert left == TimeLeft(30 + 4 * 50, at_least=True) and str(left) == "more than 4 min"


def test_the_last_epoch_has_no_epochs_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ValidationPlan(["a", "b"], [], every=1)
    assert pace(monkeypatch, plan, 4, 5).within(4, 5, rest_s=7.0, epoch_s=40.0) == TimeLeft(27.0, False)
    assert pace(monkeypatch, plan, 5, 5).after(4, 5) == TimeLeft(0.0, False)


@pytest.mark.parametrize(("skipped", "took_s"), [(0.75, 10.0), (0.0, 40.0)])
def test_of_an_epoch_that_was_resumed_only_the_rest_was_trained(
    skipped: float, took_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pace(monkeypatch, ValidationPlan(["a"], [], every=3), 0, 9)
    found.skipped = skipped
    found.last -= took_s
    found.ended(0, 9, took_s)
    assert found.after(0, 9) == TimeLeft(8 * 40.0, at_least=True)
    found.last -= 40.0
    found.ended(1, 9, 40.0)
    assert found.after(1, 9) == TimeLeft(7 * 40.0, at_least=True)


def test_of_an_epoch_that_was_resumed_at_its_validation_nothing_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pace(monkeypatch, ValidationPlan(["a"], [], every=1), 0, 2)
    found.skipped = 1.0
    found.last -= 10.0
    found.ended(0, 2, 0.0)
    assert found.within(1, 2, rest_s=20.0, epoch_s=40.0) == TimeLeft(20.0 + 10.0, at_least=False)


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0 s"), (119.4, "119 s"), (120.0, "2 min"), (5400.0, "90 min")])
def test_a_time_is_told_in_seconds_or_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text

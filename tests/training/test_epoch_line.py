"""The console's line an epoch."""

import time

import pytest

from segpipe.training import epoch_line, loop
from segpipe.training.pace import Pace
from segpipe.training.validation_plan import ValidationPlan
from tests.training.suite import run

SPEED = loop.Speed(images_per_s=12.4, data_wait=0.256, seconds=3.0)
DENSE = ValidationPlan(["a", "b", "c", "d"], [], every=1)


def shown(monitor: str, record: loop.Record, capsys: pytest.CaptureFixture[str], plan: ValidationPlan = DENSE) -> str:
    training = run(epochs=10)
    training.progress.history.extend([record, record])
    epoch_line.hook(monitor, Pace(plan))(record, SPEED, training)
    return capsys.readouterr().out


def test_the_console_has_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"epoch": 1, "lr": 0.1, "train_loss": 0.12345, "val_loss": 0.5, "val_miou": 0.25, "val_dice": 0.75, "val_recall": 1}
    line = shown("dice", record, capsys)
    assert line.startswith("epoch 2/10  train loss 0.1235 | validation  loss 0.500  miou 0.250  dice 0.750 | 12 images/s")
    assert line.endswith(", 26% waiting for data, 0 s left\n")


def test_the_console_leaves_out_a_score_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    line = shown("miou", {"epoch": 1, "train_loss": 0.1, "val_loss": 0.5}, capsys)
    assert "validation  loss 0.500 | 12 images/s" in line


def test_the_console_says_where_nothing_was_learned_or_scored(capsys: pytest.CaptureFixture[str]) -> None:
    assert "train loss none | validation  none | 12 images/s" in shown("dice", {"epoch": 1, "lr": 0.1}, capsys)


def test_the_console_says_which_images_were_validated(capsys: pytest.CaptureFixture[str]) -> None:
    plan, record = ValidationPlan(["a", "b"], ["b"], every=2), {"epoch": 1, "train_loss": 0.1, "subset_loss": 0.5}
    assert "| validation of the subset  loss 0.500 | 12 images/s" in shown("dice", record, capsys, plan)
    assert "| validation  loss 0.250 | 12 images/s" in shown("dice", record | {"val_loss": 0.25}, capsys, plan)
    assert "| not validated | 12 images/s" in shown("dice", {"epoch": 2, "train_loss": 0.1}, capsys, plan)


def times_left(
    plan: ValidationPlan, epochs: int, first: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What is said after each epoch from `first` on, where training takes 40 s and the validation of an image 10 s."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    report, training = epoch_line.hook("dice", Pace(plan)), run(epochs=epochs)
    for epoch in range(first, epochs):
        now[0] += 40.0 + 10.0 * len(plan.images(epoch, epochs))
        training.progress.history[:] = [{"epoch": epoch, "train_loss": 0.1}] * (epoch + 1)
        report(training.progress.history[-1], loop.Speed(1.0, 0.0, 40.0), training)
    return [line.rpartition("waiting for data, ")[2] for line in capsys.readouterr().out.splitlines()]


def test_the_time_left_follows_from_the_time_taken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # 4 epochs are left after the first, of 80 s each.
    assert times_left(DENSE, 5, 0, monkeypatch, capsys) == ["5 min left", "4 min left", "3 min left", "80 s left", "0 s left"]


def test_the_time_left_of_a_resumed_training_follows_from_its_own_epochs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert times_left(DENSE, 5, 3, monkeypatch, capsys) == ["80 s left", "0 s left"]


def test_the_time_left_tells_epochs_that_are_validated_on_all_on_few_and_not_at_all_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ValidationPlan([*"abcdefghijklmnopqrst"], ["a"], every=2)
    # Until an image was validated nobody knows how long it takes. The last epoch has all 20, which take 200 s.
    assert times_left(plan, 4, 0, monkeypatch, capsys) == ["more than 2 min left", "5 min left", "4 min left", "0 s left"]

"""What watches a training."""

import time

import pytest

from segpipe.training import hooks, loop
from tests.training.suite import run

SPEED = loop.Speed(images_per_s=12.4, data_wait=0.256)


def stopped_after(patience: int, values: list[float]) -> int:
    """How many epochs are trained until early stopping has enough, or all."""
    stop = hooks.early_stop(patience, loop.monitored_score("dice"))
    history = [{"val_dice": value} for value in values]
    return next((done for done in range(len(values)) if stop(history[:done])), len(values))


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [
        (2, [0.1, 0.3, 0.2, 0.2, 0.9], 4),
        (2, [0.1, 0.3, 0.2, 0.4, 0.3, 0.3, 0.3], 6),
        (1, [0.3, 0.3, 0.3], 2),
        (3, [0.1, 0.2, 0.3, 0.4], 4),
        (0, [0.9, 0.1, 0.1, 0.1, 0.1], 5),
    ],
)
def test_early_stopping_counts_epochs_without_a_better_value(patience: int, values: list[float], epochs: int) -> None:
    assert stopped_after(patience, values) == epochs


def test_early_stopping_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    stopped_after(1, [0.3, 0.2, 0.1])
    assert capsys.readouterr().out == "stopped early: no better epoch for 1 epochs (train.early_stop)\n"


def shown(monitor: str, record: loop.Record, capsys: pytest.CaptureFixture[str]) -> str:
    training = run(epochs=10)
    training.progress.history.extend([record, record])
    hooks.console(monitor)(record, SPEED, training)
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


def test_the_time_left_follows_from_the_time_taken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    report, training = hooks.console("dice"), run(epochs=10)
    for elapsed, done in ((15.0, 1), (30.0, 2), (600.0, 5)):
        now[0] = 100.0 + elapsed
        training.progress.history[:] = [{"epoch": 0, "train_loss": 0.1}] * done
        report(training.progress.history[-1], SPEED, training)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.endswith(", 2 min left")
    assert second.endswith(", 2 min left")
    assert third.endswith("10 min left")

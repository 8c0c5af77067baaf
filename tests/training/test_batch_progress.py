"""Progress within an epoch: a line now and then where stderr is no terminal, a live one where it is, and the log."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from segpipe.training import batch_progress, loop
from segpipe.training.batch_progress import BatchProgress
from segpipe.training.pace import Pace
from segpipe.training.run_log import RunLog
from segpipe.training.validation_plan import ValidationPlan
from tests.training.suite import run

PLAN = ValidationPlan(["a", "b"], [], every=2)


class Clock:
    """A time that goes on by a second a batch, and by what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(batch_progress.time, "monotonic", lambda: self.now)


def after_batches(showing: Any, training: loop.Run, clock: Clock, batches: int, seconds: float = 10.0) -> None:
    """Four images a batch, which take so long."""
    for _ in range(batches):
        clock.now += seconds
        training.progress.batch += 1
        training.progress.seen += 4
        training.progress.sums["loss"] = training.progress.sums.get("loss", 0.0) + 2.0
        showing(training)


def events(log: RunLog) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()] if log.path.exists() else []


def test_a_line_is_printed_and_logged_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, training, log = Clock(monkeypatch), run(n_batches=20, epochs=3), RunLog(tmp_path / "a.jsonl")
    showing = BatchProgress(Pace(PLAN), log).showing(lambda run: None)
    after_batches(showing, training, clock, 7)
    out, err = capsys.readouterr()
    # After 30 and 60 s. Rates count from the end of the first batch on.
    assert err.splitlines() == [
        "epoch 1/3  batch 3/20  loss 0.5000  0.4 images/s  3 min left, more than 10 min in all",
        "epoch 1/3  batch 6/20  loss 0.5000  0.4 images/s  2 min left, more than 9 min in all",
    ]
    assert out == ""
    first, second = events(log)
    assert {name: first[name] for name in ("event", "epoch", "batch", "batches", "train_loss", "images_per_s")} == {
        "event": "batch",
        "epoch": 0,
        "batch": 3,
        "batches": 20,
        "train_loss": 0.5,
        "images_per_s": 0.4,
    }
    assert (first["epoch_left_s"], first["left_s"], second["epoch_left_s"]) == (170.0, 170.0 + 2 * 200.0, 140.0)


def test_a_short_epoch_has_no_line_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, training, log = Clock(monkeypatch), run(n_batches=20, epochs=8), RunLog(tmp_path / "a.jsonl")
    showing = BatchProgress(Pace(PLAN), log).showing(lambda run: None)
    for epoch in range(8):
        after_batches(showing, training, clock, 20, seconds=1.4)
        training.progress.epoch, training.progress.batch, training.progress.seen = epoch + 1, 0, 0
        showing(training)
    assert capsys.readouterr().err == ""
    # Every second one is validated.
    assert [(each["event"], each["epoch"], each["images"]) for each in events(log)] == [
        ("validation", epoch, 2) for epoch in (1, 3, 5, 7)
    ]


def test_the_rates_of_a_resumed_training_are_those_of_its_own_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, training, log = Clock(monkeypatch), run(n_batches=1000, epochs=3), RunLog(tmp_path / "a.jsonl")
    training.progress.batch, training.progress.seen, training.progress.sums["loss"] = 800, 3200, 1600.0
    showing = BatchProgress(Pace(PLAN), log).showing(lambda run: None)
    # The first batch waits for the workers to start, and has no rate yet.
    after_batches(showing, training, clock, 1, seconds=100.0)
    after_batches(showing, training, clock, 100, seconds=1.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "epoch 1/3  batch 801/1000  loss 0.5000"
    assert lines[1].startswith("epoch 1/3  batch 831/1000  loss 0.5000  4.0 images/s  3 min left")


def test_where_nothing_was_learned_there_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, training, log = Clock(monkeypatch), run(n_batches=20), RunLog(tmp_path / "a.jsonl")
    showing = BatchProgress(Pace(PLAN), log).showing(lambda run: None)
    clock.now += 40.0
    training.progress.batch = 1
    showing(training)
    assert capsys.readouterr().err == "epoch 1/2  batch 1/20\n"
    assert events(log)[0]["train_loss"] is None


def test_the_state_is_saved_first_and_the_training_is_the_same(tmp_path: Path) -> None:
    saved: list[tuple[int, int]] = []
    showing = BatchProgress(Pace(PLAN), RunLog(tmp_path / "a.jsonl"))
    state = showing.showing(lambda run: saved.append((run.progress.epoch, run.progress.batch)))
    watched, plain = run(save_state=state), run()
    with showing:
        loop.fit(watched)
    loop.fit(plain)
    assert saved == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert watched.progress.history == plain.progress.history


class Line:
    """Stands for the line at the bottom of a terminal."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int, int, str]] = []
        self.is_open = False

    def show(self, *texts: Any) -> None:
        self.shown.append(texts)
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_progress, "on_terminal", lambda: True)
    monkeypatch.setattr(batch_progress, "LiveLine", Line)


@pytest.mark.usefixtures("on_terminal")
def test_a_terminal_has_a_live_line_that_is_gone_when_the_epochs_line_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, training, log = Clock(monkeypatch), run(n_batches=500, epochs=3), RunLog(tmp_path / "a.jsonl")
    progress = BatchProgress(Pace(PLAN), log)
    showing, line = progress.showing(lambda run: None), progress.line
    assert isinstance(line, Line)
    # 16 batches a second, of which every eighth is shown; the log has its own, sparse interval.
    after_batches(showing, training, clock, 496, seconds=1 / 16)
    assert len(line.shown) == 496 / 8 and line.is_open
    assert line.shown[-1] == ("epoch 1/3", 496, 500, "496/500  loss 0.5000  64 images/s  0 s left, more than 63 s in all")
    assert [each["batch"] for each in events(log)] == [480]
    after_batches(showing, training, clock, 4, seconds=1 / 16)
    assert not line.is_open
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("on_terminal")
def test_the_live_line_is_gone_when_a_training_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    progress = BatchProgress(Pace(PLAN), RunLog(tmp_path / "a.jsonl"))
    line = progress.line
    assert isinstance(line, Line)

    def killed(run: loop.Run) -> None:
        clock.now += 1.0
        if run.progress.batch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress:
        loop.fit(dataclasses.replace(run(), save_state=progress.showing(killed)))
    assert line.shown and not line.is_open

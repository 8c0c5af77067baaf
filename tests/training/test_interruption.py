"""A training that a signal stops, wherever it is, saves the state of its last batch and goes on to the same bytes."""

import dataclasses
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from segpipe.console import stop_signals
from segpipe.console.stop_signals import Stopped
from segpipe.dataset.loader import Batch
from segpipe.training import interruption, loop, resume
from tests.training.suite import batches
from tests.training.test_resume import ended, fresh, resumed

Place = tuple[int, int]


def asked() -> None:
    signal.raise_signal(signal.SIGTERM)


def stopped(folder: Path, ways: Callable[[loop.Run], loop.Run]) -> Place:
    """Where a training goes on that saves a state only when it is stopped; `ways` lets the signal come."""
    states, training = resume.SavedStates(folder, 1e9), ways(fresh())
    with stop_signals.listening() as request, pytest.raises(Stopped):
        loop.fit(interruption.interruptible(training, request, lambda trained: states.save(trained, None)))
    names = [path.stem for path in sorted(folder.glob("*.state"))]
    assert len(names) == 1
    epoch, batch = map(int, names[0].split("-"))
    return epoch, batch


def in_step(training: loop.Run) -> loop.Run:
    def step() -> None:
        if training.progress.epoch == 1:
            asked()
        training.step()

    return dataclasses.replace(training, step=step)


def at_batch(number: int) -> Callable[[loop.Run], loop.Run]:
    def ways(training: loop.Run) -> loop.Run:
        def of_epoch(epoch: int, first: int) -> Iterable[Batch]:
            for each, batch in enumerate(batches(epoch, first), first):
                if (epoch, each) == (1, number):
                    asked()
                yield batch

        return dataclasses.replace(training, batches=of_epoch)

    return ways


def with_dead_workers(training: loop.Run) -> loop.Run:
    """The signal came while a batch was trained, and has ended the loader's workers too."""

    def of_epoch(epoch: int, first: int) -> Iterable[Batch]:
        yield batches(epoch, first)[0]
        if epoch == 1:
            raise RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly")
        yield from batches(epoch, first)[1:]

    return dataclasses.replace(in_step(training), batches=of_epoch)


def in_validation(training: loop.Run) -> loop.Run:
    def validate(run: loop.Run, record: loop.Record) -> loop.Record:
        if record["epoch"] == 1:
            asked()
        return training.validate(run, record)

    return dataclasses.replace(training, validate=validate)


def in_hook(epoch: int) -> Callable[[loop.Run], loop.Run]:
    def ways(training: loop.Run) -> loop.Run:
        return dataclasses.replace(training, hooks=(lambda record, speed, run: asked() if record["epoch"] == epoch else None,))

    return ways


@pytest.mark.parametrize(
    ("ways", "place"),
    [
        pytest.param(in_step, (1, 1), id="in a step"),
        pytest.param(with_dead_workers, (1, 1), id="in a step, with the loader's workers"),
        pytest.param(at_batch(0), (1, 0), id="waiting for an epoch's first batch"),
        pytest.param(at_batch(1), (1, 1), id="waiting for another batch"),
        pytest.param(in_validation, (1, 2), id="in a validation"),
        pytest.param(in_hook(1), (2, 0), id="in a hook"),
        pytest.param(in_hook(2), (3, 0), id="in the last hook"),
    ],
)
def test_stopped_anywhere_it_ends_in_the_same_bytes(ways: Callable[[loop.Run], loop.Run], place: Place, tmp_path: Path) -> None:
    assert stopped(tmp_path, ways) == place
    assert ended(resumed(tmp_path)) == ended(fresh())


def test_an_error_without_a_signal_stays_one(tmp_path: Path) -> None:
    training = dataclasses.replace(with_dead_workers(fresh()), step=fresh().step)
    with stop_signals.listening() as request, pytest.raises(RuntimeError, match="DataLoader worker"):
        loop.fit(interruption.interruptible(training, request, lambda trained: pytest.fail("there is nothing to save")))


def test_before_the_first_batch_there_is_nothing_to_save() -> None:
    with stop_signals.listening() as request, pytest.raises(Stopped):
        asked()
        loop.fit(interruption.interruptible(fresh(), request, lambda trained: pytest.fail("nothing was trained")))


def test_without_a_signal_nothing_changes() -> None:
    with stop_signals.listening() as request:
        watched = interruption.interruptible(fresh(), request, lambda trained: pytest.fail("nobody asked"))
        assert ended(watched) == ended(fresh())

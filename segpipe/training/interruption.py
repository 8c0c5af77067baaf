"""A training that a signal asks to stop saves its state, and ends between two batches, where it waits for one, or validates."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from segpipe.console.stop_signals import Stopped, StopRequest
from segpipe.dataset.loader import Batch
from segpipe.training.loop import Record, Run, Speed


def interruptible(run: Run, request: StopRequest, save: Callable[[Run], None]) -> Run:
    """The run that, once `request` has come, saves its state by `save` and raises Stopped.

    A batch that is being trained is waited for, up to the call of `save_state` that follows it.
    """
    # What `save_state` was given last: the run as it is trained. Nothing is there to be saved before.
    trained: Run | None = None
    training = False

    @contextmanager
    def at_rest() -> Iterator[None]:
        """What changes nothing that a state holds: it may end anywhere, and the state is as `save_state` found it."""
        if training:
            yield
            return
        try:
            with request.at_once():
                yield
        except (Stopped, Exception) as error:
            # Any other error after the request is that of loader workers, which the same signal has ended.
            if not request.number:
                raise
            if trained is not None:
                save(trained)
            raise error if isinstance(error, Stopped) else Stopped(request.number) from None

    def batches(epoch: int, first: int) -> Iterable[Batch]:
        nonlocal training
        with at_rest():
            source = iter(run.batches(epoch, first))
        while True:
            with at_rest():
                batch = next(source, None)
            if batch is None:
                return
            training = True
            yield batch

    def save_state(current: Run) -> None:
        nonlocal trained, training
        run.save_state(current)
        trained, training = current, False

    def validate(current: Run, record: Record) -> Record:
        with at_rest():
            return run.validate(current, record)

    def end_of_epoch(record: Record, speed: Speed, current: Run) -> None:
        with at_rest():
            pass

    return replace(run, batches=batches, save_state=save_state, validate=validate, hooks=(*run.hooks, end_of_epoch))

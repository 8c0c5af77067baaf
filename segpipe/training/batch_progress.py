"""How far the epoch is: a live line on a terminal, a line now and then elsewhere, and the same in the log."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from segpipe.console.progress import LiveLine, on_terminal
from segpipe.training.loop import Run
from segpipe.training.pace import Pace, TimeLeft, minutes
from segpipe.training.run_log import RunLog

REFRESH_S = 0.5
"""Between two looks of the live line."""
EVERY_S = 30.0
"""Between two lines, and two events of the log, at least."""


class BatchProgress:
    """Reads from `Progress` what the loop holds in any case: no number is fetched from a GPU for it.

    A block around the training takes the live line away, however it ends.
    """

    def __init__(self, pace: Pace, log: RunLog) -> None:
        self.pace, self.log = pace, log
        self.line = LiveLine() if on_terminal() else None
        self._shown = self._told = time.monotonic()
        # Of this process's part of the epoch: which epoch, and time, batch and images when its first batch was done.
        self._epoch, self._start = -1, (0.0, 0, 0)

    def __enter__(self) -> None:
        self._told = time.monotonic()

    def __exit__(self, *ending: object) -> None:
        if self.line:
            self.line.close()

    def showing(self, save_state: Callable[[Run], None]) -> Callable[[Run], None]:
        """A `Run.save_state` that shows after each batch how far the epoch is."""

        def show(run: Run) -> None:
            save_state(run)
            self._batch(run)

        return show

    def _batch(self, run: Run) -> None:
        progress, now = run.progress, time.monotonic()
        if progress.batch == 0:
            # The end of an epoch, which has a line of its own.
            self._told = now
            return
        if progress.epoch != self._epoch or progress.batch < self._start[1]:
            # The first batch is in no rate: loader workers start for it, and the hooks of the epoch before went by.
            self._epoch, self._start = progress.epoch, (now, progress.batch, progress.seen)
        if progress.batch == run.n_batches:
            self._trained(run)
            return
        if self.line and now - self._shown >= REFRESH_S:
            self._shown, moment = now, self._moment(run, now)
            self.line.show(_name(moment), moment.batch, moment.batches, moment.line())
        if now - self._told >= EVERY_S:
            self._told, moment = now, self._moment(run, now)
            self.log.add("batch", **moment.event())
            if not self.line:
                print(f"{_name(moment)}  batch {moment.line()}", file=sys.stderr, flush=True)

    def _trained(self, run: Run) -> None:
        """The epoch's batches are done, and its validation follows, which shows its own progress."""
        if self.line:
            self.line.close()
        if images := len(self.pace.plan.images(run.progress.epoch, run.epochs)):
            self.log.add("validation", epoch=run.progress.epoch, images=images)

    def _moment(self, run: Run, now: float) -> "Moment":
        progress, (start, batch, seen) = run.progress, self._start
        loss = progress.sums["loss"] / progress.seen if progress.seen else None
        place = progress.epoch, run.epochs, progress.batch, run.n_batches, loss
        if progress.batch == batch or now == start:
            return Moment(*place)
        batch_s = (now - start) / (progress.batch - batch)
        rest_s = batch_s * (run.n_batches - progress.batch)
        left = self.pace.within(progress.epoch, run.epochs, rest_s, batch_s * run.n_batches)
        return Moment(*place, (progress.seen - seen) / (now - start), rest_s, left)


@dataclass(frozen=True)
class Moment:
    """How far a training is: the epoch is counted from 0, `batch` batches of it are done, `loss` is the mean of their images.

    Speed and time left are None after the first batch, the loss where all pixels were ignored.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float | None
    images_per_s: float | None = None
    epoch_left_s: float | None = None
    left: TimeLeft | None = None

    def line(self) -> str:
        """For the console, without the epoch."""
        texts = [f"{self.batch}/{self.batches}"]
        texts += [] if self.loss is None else [f"loss {self.loss:.4f}"]
        if self.images_per_s is not None:
            # Of large images it is seconds an image.
            texts += [f"{self.images_per_s:.{0 if self.images_per_s >= 10 else 1}f} images/s"]
        if self.epoch_left_s is not None:
            texts += [f"{minutes(self.epoch_left_s)} left, {self.left} in all"]
        return "  ".join(texts)

    def event(self) -> dict[str, float | None]:
        """For the log, named as the columns of history.csv are."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "batches": self.batches,
            "train_loss": self.loss,
            "images_per_s": self.images_per_s,
            "epoch_left_s": self.epoch_left_s,
            "left_s": self.left.seconds if self.left else None,
        }


def _name(moment: Moment) -> str:
    return f"epoch {moment.epoch + 1}/{moment.epochs}"

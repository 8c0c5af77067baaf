"""Where the time of training steps goes: the parts of the loop by the clock, and a trace of every operation."""

import contextlib
import gzip
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity

from segpipe.console.progress import track
from segpipe.dataset.loader import Batch
from segpipe.losses.table import Losses
from segpipe.storage import files
from segpipe.training import loop
from segpipe.training.loop import ImageLosses, Run

FIRST, WAITING = "first batch", "waiting for data"
COPYING, FORWARD, LOSS, BACKWARD, STEP, REST = "copying", "forward", "loss", "backward", "step", "rest of the loop"
PARTS = (FIRST, WAITING, COPYING, FORWARD, LOSS, BACKWARD, STEP, REST)
"""Of a training step, in their order. The first batch of an epoch is waited for longer, since no worker is ahead yet."""
UNTRACED = 2
"""Steps before those of a trace: the profiler's own start is slow."""


class EnoughError(Exception):
    """As many steps as were asked for are done."""


class Clock:
    """Gives the time that passes to one part after the other, so that the parts of a step add up to all of it.

    `steps` holds the seconds of each part of each step that has ended. On a GPU it waits at each border for the work that was
    begun, or the time of one part would be counted as another's.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.steps: list[dict[str, float]] = []
        self._step: dict[str, float] = defaultdict(float)
        self._part, self._since = REST, time.perf_counter()
        self._label = torch.profiler.record_function(REST)
        self._label.__enter__()

    def enter(self, part: str) -> None:
        """From now on the time is that of `part`."""
        synchronize(self.device)
        now = time.perf_counter()
        self._step[self._part] += now - self._since
        self._part, self._since = part, now
        # The parts are seen in a trace too.
        self._label.__exit__(None, None, None)
        self._label = torch.profiler.record_function(part)
        self._label.__enter__()

    def end_step(self) -> None:
        """The step ends here; what comes belongs to the next one."""
        self.enter(REST)
        self.steps.append(dict(self._step))
        self._step.clear()

    def close(self) -> None:
        """Ends the last part's label."""
        self._label.__exit__(None, None, None)


def synchronize(device: torch.device) -> None:
    """Waits until the device has done what it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_steps(run: Run, warm_up: int, steps: int) -> dict[str, float]:
    """Trains `warm_up` and then `steps` batches; returns the mean seconds of each of `PARTS`.

    The batches are those of the last epoch, when all is on, over and over. `FIRST` is once an epoch, and that of the warm-up
    counts; each other batch of an epoch has `WAITING`; all else is once a batch.
    """
    clock = Clock(run.device)
    _train(run, clock, warm_up + steps)
    times = {part: [each[part] for each in clock.steps[warm_up:] if part in each] for part in PARTS}
    times[FIRST] = [each[FIRST] for each in clock.steps if FIRST in each]
    # An epoch's end looks for one batch more, which is no wait of a step.
    times[WAITING] = [each[WAITING] for each in clock.steps[warm_up:] if FIRST not in each]
    return {part: statistics.mean(found) if found else 0.0 for part, found in times.items()}


def write_trace(run: Run, steps: int, file: Path) -> None:
    """Writes torch.profiler's trace of so many steps, in Chrome's format, gzipped: each operation, under the part it is of.

    Raises PipelineError where the file cannot be written.
    """
    # The profiler's own library tells of its starts and ends, and of GPUs that are not there.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if run.device.type == "cuda" else [])]
    schedule = torch.profiler.schedule(wait=UNTRACED - 1, warmup=1, active=steps, repeat=1)
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "trace.json"
        with torch.profiler.profile(
            activities=activities, schedule=schedule, on_trace_ready=lambda ready: ready.export_chrome_trace(str(plain))
        ) as profiler:
            _train(run, Clock(run.device), UNTRACED + steps, profiler.step)
        files.write_with(file, lambda temporary: temporary.write_bytes(gzip.compress(plain.read_bytes(), mtime=0)))


def _train(run: Run, clock: Clock, steps: int, after_step: Callable[[], object] = lambda: None) -> None:
    """Trains so many batches of the last epoch, over and over where it has fewer."""
    shown = track(range(steps), "steps")

    def ended(trained: Run) -> None:
        clock.end_step()
        after_step()
        next(shown)
        if len(clock.steps) >= steps:
            raise EnoughError

    with _watched(run, clock) as watched, contextlib.suppress(EnoughError):
        while True:
            to_last_epoch(run)
            loop.train_epoch(replace(watched, save_state=ended))
    clock.close()


def to_last_epoch(run: Run) -> None:
    """Sets the progress to the beginning of the last epoch."""
    run.progress.epoch, run.progress.batch, run.progress.sums, run.progress.seen = run.epochs - 1, 0, {}, 0


@contextlib.contextmanager
def _watched(run: Run, clock: Clock) -> Iterator[Run]:
    """The run with parts that tell the clock when they begin and end, as long as the block runs."""

    def batches(epoch: int, first: int) -> Iterable[Batch]:
        clock.enter(FIRST)
        for batch in run.batches(epoch, first):
            clock.enter(REST)
            yield batch
            clock.enter(WAITING)

    def autocast() -> AbstractContextManager[object]:
        # The loop opens it right before it copies the image, and copies the target right after the forward pass.
        clock.enter(COPYING)
        return run.autocast()

    def loss(logits: Tensor, target: Tensor) -> Losses:
        clock.enter(LOSS)
        losses = run.loss(logits, target)
        # Where a batch comes in parts, each goes forward and backward.
        clock.enter(BACKWARD)
        return losses

    def backward(trained: Run, batch: Batch) -> ImageLosses:
        found = run.backward(trained, batch)
        clock.enter(REST)
        return found

    def step() -> None:
        clock.enter(STEP)
        run.step()
        clock.enter(REST)

    handles = [
        run.model.register_forward_pre_hook(lambda *_: clock.enter(FORWARD)),
        run.model.register_forward_hook(lambda *_: clock.enter(COPYING)),
    ]
    try:
        yield replace(run, batches=batches, autocast=autocast, loss=loss, backward=backward, step=step)
    finally:
        for handle in handles:
            handle.remove()

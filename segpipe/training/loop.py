"""The training loop, on one screen. What differs between runs is which parts a `Run` holds, never a branch in here."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from segpipe.dataset.loader import Batch, unit_values
from segpipe.errors import PipelineError
from segpipe.losses.table import Loss
from segpipe.randomness import seed_of

Record = dict[str, float]
"""An epoch's numbers: epoch, lr, train_loss, and val_... of each score that exists."""


Batches = Callable[[int], Iterable[Batch]]
"""The batches of an epoch; their number is known beforehand."""


@dataclass(frozen=True)
class Speed:
    """How fast an epoch trained. Times never enter a tracked file."""

    images_per_s: float
    data_wait: float


@dataclass(frozen=True)
class Run:
    """The prepared parts of one training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss
    batches: Batches
    validate: Callable[[], Record]
    autocast: Callable[[], AbstractContextManager[object]]
    step: Callable[[Tensor], None]
    rate: Callable[[float, list[float]], float]
    gain: Callable[[Record], float]
    device: torch.device
    epochs: int
    seed: int
    fold: int
    hooks: tuple["Hook", ...] = ()
    history: list[Record] = field(default_factory=list)


Hook = Callable[[Record, Speed, Run], bool]
"""Called at the end of each epoch; observes, and stops training by returning True."""


@dataclass(frozen=True)
class Best:
    """The epoch of the largest gain and its weights."""

    epoch: int
    gain: float
    weights: dict[str, Any]


def fit(run: Run) -> Best:
    """Trains all epochs or until a hook stops; returns the best epoch and fills `run.history`."""
    best: Best | None = None
    for epoch in range(run.epochs):
        record, speed = train_epoch(run, epoch)
        record |= run.validate()
        run.history.append(record)
        gain = run.gain(record)
        if best is None or gain > best.gain:
            best = Best(epoch, gain, copy.deepcopy(run.model.state_dict()))
        stops = [hook(record, speed, run) for hook in run.hooks]
        if any(stops):
            break
    assert best is not None, "params allow no training without epochs"
    return best


def train_epoch(run: Run, epoch: int) -> tuple[Record, Speed]:
    """One pass over the training images; returns the mean loss of an image, and the speed."""
    run.model.train()
    total, seen, rate = 0.0, 0, 0.0
    gains = [run.gain(record) for record in run.history]
    clock = _Clock()
    for number, (share, batch) in enumerate(clock.waits(run.batches(epoch))):
        torch.manual_seed(seed_of(run.seed, run.fold, epoch, number, "dropout"))
        rate = run.rate(epoch + share, gains)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        with run.autocast():
            logits = run.model(_to_device(batch.image, run.device))
        losses = run.loss(logits, batch.target.to(run.device, non_blocking=True))
        _refuse_non_finite(losses, epoch, number, batch.ids)
        run.step(losses.mean())
        total += float(losses.detach().double().sum())
        seen += len(batch.ids)
    return {"epoch": epoch, "lr": rate, "train_loss": total / seen}, clock.speed(seen)


def _to_device(image: Tensor, device: torch.device) -> Tensor:
    """Channels last: faster on a CPU (bench/training_step.py), and what tensor cores want."""
    return unit_values(image.to(device, non_blocking=True)).contiguous(memory_format=torch.channels_last)


def _refuse_non_finite(losses: Tensor, epoch: int, number: int, ids: tuple[str, ...]) -> None:
    """Raises PipelineError before the optimizer's step could carry the damage into the weights."""
    finite = losses.detach().isfinite()
    if bool(finite.all()):
        return
    guilty = [item for item, good in zip(ids, finite.tolist(), strict=True) if not good]
    raise PipelineError(
        f"the loss is not a finite number in epoch {epoch}, batch {number}, images {', '.join(guilty)}. "
        "Lower optim.lr, set optim.clip_norm to 1, or train.precision to fp32; the weights were not touched by it."
    )


class _Clock:
    """Measures how long the loop waited for data, and all of it."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.waited = 0.0

    def waits(self, batches: Iterable[Batch]) -> Iterator[tuple[float, Batch]]:
        """The batches, each with the share of the epoch that lies before it."""
        length = len(batches)  # type: ignore[arg-type]
        iterator = iter(batches)
        for number in range(length):
            asked = time.perf_counter()
            batch = next(iterator)
            self.waited += time.perf_counter() - asked
            yield number / length, batch
        # Workers end their epoch only when asked for one batch more.
        next(iterator, None)

    def speed(self, images: int) -> Speed:
        elapsed = max(time.perf_counter() - self.start, 1e-9)
        return Speed(images / elapsed, min(1.0, self.waited / elapsed))


def gain_of(monitor: str) -> Callable[[Record], float]:
    """How good a record is by the monitored number, larger being better; one that is not finite is as bad as can be.

    Raises PipelineError for a record without the number: the validation part has none, in this epoch or any other.
    """
    sign = -1.0 if monitor == "loss" else 1.0

    def gain(record: Record) -> float:
        if f"val_{monitor}" not in record:
            raise PipelineError(
                f"train.monitor: the validation part has no {monitor}, since it holds no object. "
                "Look at what `dvc repro split` prints, or set train.monitor to loss or pixel_accuracy."
            )
        value = sign * record[f"val_{monitor}"]
        # No number is larger than a NaN, so one that came first would stay the best.
        return value if math.isfinite(value) else -math.inf

    return gain

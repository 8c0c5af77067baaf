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
from segpipe.losses.table import Costs, Objective
from segpipe.reproducibility.seeds import seed_of
from segpipe.training.counted_images import counted_images, mean_over_images, sum_over_images

Record = dict[str, float]
"""An epoch's numbers: epoch, lr, train_loss and those of its parts, and val_... of each score that exists.

Images of which every pixel is ignored are in none of them; where there is no other, train_loss is missing.
"""


Batches = Callable[[int, int], Iterable[Batch]]
"""The batches of an epoch, from one of them on."""


@dataclass(frozen=True)
class Speed:
    """How fast an epoch trained. Times never enter a tracked file."""

    images_per_s: float
    data_wait: float


@dataclass(frozen=True)
class Best:
    """The epoch of the largest gain and its weights."""

    epoch: int
    gain: float
    weights: dict[str, Any]


@dataclass
class Progress:
    """How far a training is: `batch` of `epoch` comes next. With weights and optimizer, all that a resume needs.

    `first_steps` is the hash of the weights after a few batches, by which another machine sees soon whether it repeats them.
    """

    epoch: int = 0
    batch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seen: int = 0
    history: list[Record] = field(default_factory=list)
    best: Best | None = None
    first_steps: str = ""


@dataclass(frozen=True)
class Run:
    """The prepared parts of one training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Objective
    batches: Batches
    n_batches: int
    validate: Callable[[], Record]
    autocast: Callable[[], AbstractContextManager[object]]
    step: Callable[[Tensor], None]
    rate: Callable[[float, list[float]], float]
    gain: Callable[[Record], float]
    device: torch.device
    epochs: int
    seed: int
    fold: int
    enter: Callable[[float], None] = lambda epoch: None
    stop: Callable[[list[float]], bool] = lambda gains: False
    keep: Callable[[Progress], None] = lambda progress: None
    hooks: tuple["Hook", ...] = ()
    progress: Progress = field(default_factory=Progress)


Hook = Callable[[Record, Speed, Run], None]
"""Called at the end of each epoch, after `keep`; observes."""


def fit(run: Run) -> Best:
    """Trains from `run.progress` to the last epoch or until `run.stop` says so; returns the best epoch."""
    progress = run.progress
    while progress.epoch < run.epochs and not run.stop(gains(run)):
        record, speed = train_epoch(run)
        _refuse_broken_weights(run)
        record |= run.validate()
        progress.history.append(record)
        gain = run.gain(record)
        if progress.best is None or gain > progress.best.gain:
            progress.best = Best(progress.epoch, gain, copy.deepcopy(run.model.state_dict()))
        progress.epoch, progress.batch, progress.sums, progress.seen = progress.epoch + 1, 0, {}, 0
        run.keep(progress)
        for hook in run.hooks:
            hook(record, speed, run)
    assert progress.best is not None, "params allow no training without epochs"
    return progress.best


def train_epoch(run: Run) -> tuple[Record, Speed]:
    """The epoch's batches that are still to come; returns the mean costs of an image over all of them, and the speed.

    An image of which every pixel is ignored is in no mean and no gradient; a batch of such images makes no step.
    """
    run.model.train()
    progress, past, clock = run.progress, gains(run), _Clock()
    for batch in clock.waits(run.batches(progress.epoch, progress.batch), run.n_batches - progress.batch):
        torch.manual_seed(seed_of(run.seed, run.fold, progress.epoch, progress.batch, "dropout"))
        now = progress.epoch + progress.batch / run.n_batches
        run.enter(now)
        for group in run.optimizer.param_groups:
            group["lr"] = run.rate(now, past) * group["share"]
        costs = forward(run, batch)
        _refuse_non_finite(costs["loss"], progress, batch.ids)
        counted = counted_images(batch.target)
        if counted.any():
            run.step(mean_over_images(costs["loss"], counted))
        for name, values in costs.items():
            progress.sums[name] = progress.sums.get(name, 0.0) + sum_over_images(values, counted)
        progress.seen += int(counted.sum())
        progress.batch += 1
        run.keep(progress)
    last_rate = run.rate(progress.epoch + (run.n_batches - 1) / run.n_batches, past)
    means = {f"train_{name}": total / progress.seen for name, total in progress.sums.items() if progress.seen}
    return {"epoch": progress.epoch, "lr": last_rate} | means, clock.speed()


def forward(run: Run, batch: Batch) -> Costs:
    """The costs of each image of the batch: `loss`, (N,), and its parts."""
    with run.autocast():
        logits = run.model(_to_device(batch.image, run.device))
    return run.loss(logits, batch.target.to(run.device, non_blocking=True))


def gains(run: Run) -> list[float]:
    """The gain of each epoch so far."""
    return [run.gain(record) for record in run.progress.history]


def _to_device(image: Tensor, device: torch.device) -> Tensor:
    """Channels last: faster on a CPU (bench/training_step.py), and what tensor cores want."""
    return unit_values(image.to(device, non_blocking=True)).contiguous(memory_format=torch.channels_last)


def _refuse_non_finite(losses: Tensor, progress: Progress, ids: tuple[str, ...]) -> None:
    """Raises PipelineError before the optimizer's step could carry the damage into the weights."""
    finite = losses.detach().isfinite()
    if bool(finite.all()):
        return
    guilty = [item for item, good in zip(ids, finite.tolist(), strict=True) if not good]
    raise PipelineError(
        f"the loss is not a finite number in epoch {progress.epoch}, batch {progress.batch}, images {', '.join(guilty)}. "
        "Lower optim.lr, set optim.clip_norm to 1, or train.precision to fp32; the weights were not touched by it."
    )


def _refuse_broken_weights(run: Run) -> None:
    """Raises PipelineError where a step, or a statistic of a finite loss, went beyond what a float can hold."""
    broken = [name for name, tensor in run.model.state_dict().items() if not bool(tensor.isfinite().all())]
    if broken:
        raise PipelineError(
            f"the model holds numbers that are not finite after epoch {run.progress.epoch} (in {', '.join(broken[:3])}). "
            "Lower optim.lr, set optim.clip_norm to 1, or train.precision to fp32."
        )


class _Clock:
    """Measures how long the loop waited for data, and all of it."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.waited = 0.0
        self.images = 0

    def waits(self, batches: Iterable[Batch], count: int) -> Iterator[Batch]:
        """The batches, of which there are `count`."""
        iterator = iter(batches)
        for _ in range(count):
            asked = time.perf_counter()
            batch = next(iterator)
            self.waited += time.perf_counter() - asked
            self.images += len(batch.ids)
            yield batch
        # Workers end their epoch only when asked for one batch more.
        next(iterator, None)

    def speed(self) -> Speed:
        elapsed = max(time.perf_counter() - self.start, 1e-9)
        return Speed(self.images / elapsed, min(1.0, self.waited / elapsed))


def gain_of(monitor: str) -> Callable[[Record], float]:
    """How good a record is by the monitored number, larger being better; one that is not finite is as bad as can be.

    Where the validation part has no pixel that is not ignored, nothing tells the epochs apart, and the later is the better.
    Raises PipelineError for a record without the number but with others: the validation part has none, in any epoch.
    """
    sign = -1.0 if monitor == "loss" else 1.0

    def gain(record: Record) -> float:
        if not any(name.startswith("val_") for name in record):
            return record["epoch"]
        if f"val_{monitor}" not in record:
            raise PipelineError(
                f"train.monitor: the validation part has no {monitor}, since it holds no object. "
                "Look at what `dvc repro split` prints, or set train.monitor to loss or pixel_accuracy."
            )
        value = sign * record[f"val_{monitor}"]
        # No number is larger than a NaN, so one that came first would stay the best.
        return value if math.isfinite(value) else -math.inf

    return gain

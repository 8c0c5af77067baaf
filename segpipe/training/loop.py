"""The training loop, on one screen. What differs between runs is which parts a `Run` holds, never a branch in here."""

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from segpipe.dataset.loader import Batch
from segpipe.images.to_tensor import unit_values
from segpipe.losses.table import Losses, LossFunction
from segpipe.reproducibility.seeds import seed_of
from segpipe.training.counted_images import sum_over_images
from segpipe.training.not_finite import NotFiniteError, broken_names

Record = dict[str, float]
"""An epoch's numbers: epoch, lr, train_loss and those of its terms, and val_... of each score that exists.

`val_` is the whole validation part, `subset_` a fixed subset of it: an epoch that is not validated on them has none of these.
Images of which every pixel is ignored are in no number; where there is no other, train_loss is missing.
"""

Batches = Callable[[int, int], Iterable[Batch]]
"""The batches of an epoch, from one of them on."""

ImageLosses = tuple[Losses, Tensor]
"""The losses of a batch's images, each (N,), and which of them count, (N,) booleans."""

Sums = dict[str, float]
"""Numbers that add up over images, by name."""


@dataclass(frozen=True)
class Speed:
    """How fast an epoch trained, the share of its time, 0 to 1, in which it waited for data, and how long it took, without
    its validation. Never in a tracked file.
    """

    images_per_s: float
    data_wait: float
    seconds: float


@dataclass(frozen=True)
class Best:
    """The epoch of the best monitored score, counted from 0, and a copy of its weights by their names in the model file."""

    epoch: int
    score: float
    weights: dict[str, Any]


@dataclass
class Progress:
    """How far a training is: `batch` of `epoch` comes next. With weights and optimizer, all that a resume needs.

    `sums` of the losses are over the `seen` images of this epoch so far.
    `first_steps` is the hash of the weights after a few batches, by which another machine sees soon whether it repeats them.
    """

    epoch: int = 0
    batch: int = 0
    sums: Sums = field(default_factory=dict)
    seen: int = 0
    history: list[Record] = field(default_factory=list)
    best: Best | None = None
    first_steps: str = ""

    @property
    def place(self) -> str:
        """What comes next in words, for people, who count from 1."""
        return f"epoch {self.epoch + 1}, batch {self.batch + 1}"


@dataclass(frozen=True)
class Run:
    """The prepared parts of one training.

    A way of training (accumulated, on many GPUs, private, averaged, federated) is other parts in here, put in by
    `dataclasses.replace` before the loop starts; the loop knows of none.
    """

    model: nn.Module
    """Maps images to logits. Its whole state dict is saved, so a part that has a state of its own belongs into it."""

    optimizer: torch.optim.Optimizer
    """Each of its groups has `lr_scale`, which `learning_rate` is multiplied by."""

    weights: Callable[[], dict[str, Tensor]]
    """The weights to keep as they are now, by their names in the model file: the model's own, unwrapped, or averaged."""

    loss: LossFunction
    """(N, K, H, W) logits and (N, H, W) targets to `loss`, (N,), and its terms, each (N,)."""

    batches: Batches
    """The batches of an epoch. Another process may get other images of the same batches."""

    n_batches: int
    """How many batches an epoch has."""

    validate: Callable[["Run", Record], Record]
    """The val_... and subset_... numbers at the end of an epoch, none where it is not validated; the same in every process.

    It is given the run as it is trained and the epoch's record so far, since an epoch after which `epochs` or `stop` ends the
    training is always validated on the whole part: so there is a best epoch, whatever ends the training.
    """

    autocast: Callable[[], AbstractContextManager[object]]
    """What the forward pass runs under."""

    backward: Callable[["Run", Batch], ImageLosses]
    """Computes the losses of the whole batch's images, and leaves the gradient of their mean in the weights, in every process.

    The mean goes over the images that count, of the whole batch: batches differ by an image in size, so a mean of the means of
    ranks or of accumulated parts is not the mean. What the weights held of another batch is gone.
    """

    step: Callable[[], None]
    """The optimizer's step from these gradients, which it may clip. Raises NotFiniteError where they are not finite."""

    learning_rate: Callable[[float, Sequence[Record]], float]
    """The learning rate at an epoch, a fraction inside one, after the epochs of the history."""

    score: Callable[[Record], float | None]
    """The monitored score of an epoch, larger being better: which epoch's weights are kept.

    None where the epoch was not validated on the whole part, so that it cannot be compared with those that were.
    """

    device: torch.device
    """Where the model lies, and batches go."""

    epochs: int
    """How many epochs a training has that nothing stops."""

    seed: int
    """Dropout draws from this, the fold, the epoch and the batch."""

    fold: int
    """Which fold is trained."""

    at_epoch: Callable[[float], None] = lambda epoch: None
    """Sets the network up for the batch that comes at this epoch, a fraction inside one: what is frozen, what drops."""

    stop: Callable[[Sequence[Record]], bool] = lambda history: False
    """Whether the history so far ends the training."""

    save_state: Callable[["Run"], None] = lambda run: None
    """Called after each batch and each epoch; saves what a resume needs when it is time.

    It is given the run as it is trained, so that it can be put in before the parts that change the run.
    """

    hooks: tuple["Hook", ...] = ()
    """Called in this order at the end of each epoch."""

    progress: Progress = field(default_factory=Progress)
    """Where the training is; the one part that changes."""


Hook = Callable[[Record, Speed, Run], None]
"""Called at the end of each epoch, after `save_state`; observes."""


def fit(run: Run) -> Best:
    """Trains from `run.progress` to the last epoch or until `run.stop` says so; returns the best epoch."""
    progress = run.progress
    while progress.epoch < run.epochs and not run.stop(progress.history):
        record, speed = train_epoch(run)
        # Before any score is compared: every comparison with a NaN is false.
        _refuse_broken_weights(run)
        record |= run.validate(run, record)
        progress.history.append(record)
        score = run.score(record)
        # Strictly larger: the first of equal epochs stays the best, and a resume cannot change which.
        if score is not None and (progress.best is None or score > progress.best.score):
            # A copy, since a state dict shares its memory with the weights that go on learning.
            progress.best = Best(progress.epoch, score, copy.deepcopy(run.weights()))
        # Before the state is saved, so that a resume begins with the next epoch.
        progress.epoch, progress.batch, progress.sums, progress.seen = progress.epoch + 1, 0, {}, 0
        run.save_state(run)
        for hook in run.hooks:
            hook(record, speed, run)
    assert progress.best is not None, "there is an epoch, and the last is validated on the whole part"
    return progress.best


def train_epoch(run: Run) -> tuple[Record, Speed]:
    """The epoch's batches that are still to come; returns the mean losses of an image over all of them, and the speed.

    An image of which every pixel is ignored is in no mean and no gradient.
    """
    run.model.train()
    progress, clock = run.progress, _Clock()
    for batch in clock.waits(run.batches(progress.epoch, progress.batch), run.n_batches - progress.batch):
        # At each batch, so that dropout after a resume inside an epoch is that of the whole run.
        torch.manual_seed(seed_of(run.seed, run.fold, progress.epoch, progress.batch, "dropout"))
        now = progress.epoch + progress.batch / run.n_batches
        run.at_epoch(now)
        for group in run.optimizer.param_groups:
            group["lr"] = run.learning_rate(now, progress.history) * group["lr_scale"]
        losses, counted = run.backward(run, batch)
        # Before the step, whose damage no later check could undo.
        _refuse_non_finite(run, losses["loss"].detach(), batch.ids)
        # Where no image counts weights stay as they are, and no decay shrinks them.
        if images := int(counted.sum()):
            run.step()
        for name, values in losses.items():
            progress.sums[name] = progress.sums.get(name, 0.0) + sum_over_images(values, counted)
        progress.seen += images
        progress.batch += 1
        run.save_state(run)
    means = {f"train_{name}": total / progress.seen for name, total in progress.sums.items() if progress.seen}
    # Computed and not kept: a resume may find the epoch's batches all done.
    last_rate = run.learning_rate(progress.epoch + (run.n_batches - 1) / run.n_batches, progress.history)
    return {"epoch": progress.epoch, "lr": last_rate} | means, clock.speed()


def compute_losses(run: Run, batch: Batch) -> Losses:
    """The losses of each image of the batch: `loss`, (N,), and its terms."""
    with run.autocast():
        logits = run.model(_to_device(batch.image, run.device))
    # Outside autocast: half precision cannot hold a sum over the pixels of an image.
    return run.loss(logits, batch.target.to(run.device, non_blocking=True))


def _to_device(image: Tensor, device: torch.device) -> Tensor:
    """Channels last: faster on a CPU (bench/training_step.py), and what tensor cores want."""
    return unit_values(image.to(device, non_blocking=True)).contiguous(memory_format=torch.channels_last)


def _refuse_non_finite(run: Run, losses: Tensor, ids: tuple[str, ...]) -> None:
    """Raises NotFiniteError before the optimizer's step could carry the damage into the weights."""
    finite = losses.isfinite()
    if not bool(finite.all()):
        guilty = [item for item, good in zip(ids, finite.tolist(), strict=True) if not good]
        raise NotFiniteError(
            "loss",
            f"the loss is not a finite number in {run.progress.place}, images {', '.join(guilty)}. "
            "Lower optim.lr, set optim.clip_norm to 1, or train.precision to fp32; the weights were not touched by it.",
        )


def _refuse_broken_weights(run: Run) -> None:
    """Raises NotFiniteError where a step, or a statistic of a finite loss, went beyond what a float can hold."""
    if broken := broken_names(run.model.state_dict() | run.weights()):
        raise NotFiniteError(
            "weights",
            f"the model holds numbers that are not finite after epoch {run.progress.epoch + 1} "
            f"(in {', '.join(broken[:3])}). "
            "Lower optim.lr, set optim.clip_norm to 1, or train.precision to fp32.",
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
        return Speed(self.images / elapsed, min(1.0, self.waited / elapsed), elapsed)

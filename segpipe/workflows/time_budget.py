"""How many epochs fit into some minutes on this machine, by a trial of the very training; and what makes its epochs faster."""

import bisect
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch

from segpipe.annotations import convert
from segpipe.annotations.detect.starting_point import Advice
from segpipe.annotations.examination.result import Examination
from segpipe.dataset import pack
from segpipe.params.schema import Params, SplitParams
from segpipe.params.stage_keys import TrainKeys
from segpipe.record import Record
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import device as devices
from segpipe.training import loop
from segpipe.workflows.assemble import Training, assemble
from segpipe.workflows.training_data import TrainingData

STEPS = 6
"""Optimizer steps of a round of the trial: a step takes the same time at any point of a training."""
MOST_PIXELS = 3 * 10**8
"""Of the trial's images together, so that large photos are decoded for seconds and not for minutes."""
VALIDATED = 6
"""Images of a round of validation."""
WORTH = 1.1
"""How many times faster a choice must be to be taken: other last digits and more processes are for no gain."""
START_S = 20.0
"""What a training takes before its first step and after its last: imports, MLflow, the model file."""
MOST_EPOCHS = 1000
VALIDATION_SHARE = Fraction(1, 6)
"""Of the time, at most; the last tenth of the epochs is always validated whole."""


@dataclass(frozen=True)
class Pace:
    """Seconds of a training image once it was decoded, of one that is decoded first, and of one that is validated."""

    train: float
    first: float
    validate: float


@dataclass(frozen=True)
class Plan:
    """Epochs, every how many of them are validated, and the images of that (0: all)."""

    epochs: int
    validate_every: int
    validate_images: int


def suggest(params: Params, examination: Examination, minutes: float) -> list[Advice]:
    """Trains for some steps as `params` say and returns what they should say instead, each with what was measured.

    Precision and loader workers are those that train fastest here; the epochs are those that take `minutes`.
    """
    n_train, n_validation = part_sizes(examination.records, params.split)
    with tempfile.TemporaryDirectory() as scratch:
        data = _trial_data(Path(scratch) / "prepared", examination, params)
        device = devices.select_device(params.runtime.device)
        devices.configure_determinism(params.threads, params.train.deterministic)

        def measure(keys: TrainKeys) -> Pace:
            return _pace(assemble(keys, data, device, {}), Path(scratch))

        keys = TrainKeys.of(params)
        precision, keys, pace = _precision(keys, device, measure)
        workers, keys, pace = _workers(keys, pace, measure)
    found = plan(pace, n_train, n_validation, minutes * 60)
    epoch_s = pace.train * n_train
    fits = f"{minutes:g} minutes at {_seconds(epoch_s)} an epoch here"
    checked = f"{_seconds(pace.validate * n_validation)} for all {n_validation} images"
    return [
        *precision,
        *workers,
        Advice("train.epochs", found.epochs, fits),
        Advice("train.validate_every", found.validate_every, checked),
        Advice("train.validate_images", found.validate_images, checked),
    ]


def plan(pace: Pace, n_train: int, n_validation: int, seconds: float) -> Plan:
    """The most epochs that fit, one at least, with validation of a sixth of the time at most, but for the one at the end."""
    epoch, first, whole = pace.train * n_train, pace.first * n_train, pace.validate * n_validation
    # The whole part is validated once in any case; where twice is more than the share, what comes before sees a subset.
    fitting = int(n_validation * float(VALIDATION_SHARE) * seconds / (4 * whole))
    subset = min(n_validation, max(1, fitting)) if 2 * whole > float(VALIDATION_SHARE) * seconds else n_validation

    def every(epochs: int) -> int:
        share = float(VALIDATION_SHARE / (1 - VALIDATION_SHARE)) * epoch * epochs
        return next((n for n in range(1, epochs) if _validated(epochs, n, subset, n_validation) * pace.validate <= share), epochs)

    def total(epochs: int) -> float:
        images = _validated(epochs, every(epochs), subset, n_validation)
        return START_S + first + (epochs - 1) * epoch + images * pace.validate

    epochs = max(1, bisect.bisect_right(range(1, MOST_EPOCHS + 1), seconds, key=total))
    return Plan(epochs, every(epochs), subset if subset < n_validation else 0)


def part_sizes(records: Sequence[Record], split: SplitParams) -> tuple[int, int]:
    """About how many images a fold trains and validates on, one at least."""
    given = [record.given for record in records]
    rest = len(given) - (given.count("test") or round(len(given) * split.test_share))
    validation = given.count("val") or round(rest * (split.val_share or 1 / split.n_folds))
    return max(1, rest - validation), max(1, validation)


def _validated(epochs: int, every: int, subset: int, whole: int) -> int:
    """How many images are validated in all, by the rule of `validation_plan`: in the last tenth of the epochs the whole part."""
    before, last = 9 * epochs // 10 // every, epochs // every
    return before * subset + (last - before + (epochs % every > 0)) * whole


def _trial_data(folder: Path, examination: Examination, params: Params) -> TrainingData:
    """As many images as the trial needs, chosen as by lot, in a pack of their own: all train and some validate."""
    drawn = sorted(examination.records, key=lambda record: seed_of(params.seed, "trial", record.id))
    # Those with nothing to learn make no step.
    chosen = [record for record in drawn if sum(record.pixels)][: STEPS * params.train.batch_size]
    while len(chosen) > 2 and sum(record.width * record.height for record in chosen) > MOST_PIXELS:
        chosen.pop()
    pack.write(folder, chosen, convert.info_of(examination))
    ids = [record.id for record in chosen]
    return TrainingData(0, pack.open_pack(folder), ids, ids[:VALIDATED], "", "")


def _precision(
    keys: TrainKeys, device: torch.device, measure: Callable[[TrainKeys], Pace]
) -> tuple[list[Advice], TrainKeys, Pace]:
    """bf16 where the device computes in it and trains faster."""
    paces = {precision: measure(with_precision(keys, precision)) for precision in _precisions(device)}
    gain = paces["fp32"].train / paces["bf16"].train if "bf16" in paces else 0.0
    best = "bf16" if gain > WORTH else "fp32"
    reason = f"bf16 trains {gain:.2f} times as fast here" if gain else "no units for bf16 here"
    return [Advice("train.precision", best, reason)], with_precision(keys, best), paces[best]


def with_precision(keys: TrainKeys, precision: str) -> TrainKeys:
    """The keys with another `train.precision`."""
    return keys.model_copy(update={"train": keys.train.model_copy(update={"precision": precision})})


def _precisions(device: torch.device) -> list[str]:
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else devices.bf16_units()
    return ["fp32", "bf16"] if has_bf16 else ["fp32"]


def _workers(keys: TrainKeys, pace: Pace, measure: Callable[[TrainKeys], Pace]) -> tuple[list[Advice], TrainKeys, Pace]:
    """The loader's processes: none, or half of the cores up to all of them, where that trains faster."""
    cores = os.cpu_count() or 1
    paces = {keys.runtime.workers: pace}
    for count in sorted({0, min(8, max(1, cores // 2)), min(16, cores)} - paces.keys()):
        paces[count] = measure(keys.model_copy(update={"runtime": keys.runtime.model_copy(update={"workers": count})}))
    best = min(paces, key=lambda count: paces[count].train)
    # The fewest that are about as fast.
    best = min(count for count in paces if paces[count].train <= WORTH * paces[best].train)
    shown = ", ".join(f"{count}: {1 / paces[count].train:.1f}" for count in sorted(paces))
    reason = f"images a second here, by workers: {shown}"
    return [Advice("runtime.workers", best, reason)], keys, paces[best]


def _pace(training: Training, scratch: Path) -> Pace:
    """Two rounds of training and of validation: the first decodes and warms up, the second is what an epoch is like."""
    run, images = training.run, len(training.data.train_ids)
    with training.cache.opened(scratch):
        first, second = (_train_s(run, epoch) / images for epoch in (0, 1))
        record: loop.Record = {"epoch": run.epochs - 1}
        run.progress.epoch = run.epochs - 1
        _, validate = (_timed(lambda: run.validate(run, record)) for _ in range(2))
    return Pace(second, max(first, second), validate / len(training.data.validation_ids))


def _train_s(run: loop.Run, epoch: int) -> float:
    run.progress.epoch, run.progress.batch, run.progress.sums, run.progress.seen = epoch, 0, {}, 0
    return _timed(lambda: loop.train_epoch(run))


def _timed(work: Callable[[], object]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"

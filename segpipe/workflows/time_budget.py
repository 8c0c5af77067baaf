"""How many epochs fit into some minutes on this machine, by a trial of the very training; and what makes its epochs faster."""

import bisect
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from segpipe.annotations import convert
from segpipe.annotations.detect.starting_point import FEW_PASSES, Advice
from segpipe.annotations.examination.result import Examination
from segpipe.dataset import pack
from segpipe.params.schema import Params, SplitParams
from segpipe.params.stage_keys import TrainKeys
from segpipe.record import Record
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import device as devices
from segpipe.training import loop
from segpipe.workflows.assemble import Training, assemble, with_whole_passes
from segpipe.workflows.training_data import TrainingData

STEPS = 4
"""Optimizer steps of a round of the trial: a step takes the same time at any point of a training."""
ROUNDS = 3
"""That count, of each choice."""
MOST_PIXELS = 3 * 10**8
"""Of the trial's images together, so that large photos are decoded for seconds and not for minutes."""
VALIDATED = 3
"""Images of a round of validation."""
WORTH = 1.1
"""How many times faster a choice must be to be taken: other last digits and more processes are for no gain."""
START_S = 20.0
"""What a training takes before its first step and after its last: imports, MLflow, the model file."""
THREADS = (2, 4, 8, 16)
"""Those tried, as far as the machine has so many cores; two in any case."""
MOST_EPOCHS = 1000
VALIDATION_SHARE = 1 / 12
"""Of the time, at most; the last tenth of the epochs is always validated whole."""


@dataclass(frozen=True)
class Pace:
    """Seconds of a training image once it was decoded, of one that is decoded first, and of one that is validated.

    `work` is the processors' own time for a training image, which other programs do not lengthen; on a GPU the same as `train`.
    """

    train: float
    first: float
    validate: float
    work: float


Choice = str | int
Measure = Callable[[Mapping[Choice, TrainKeys]], dict[Choice, Pace]]
"""What trainings take that differ in one choice, by that choice."""


@dataclass(frozen=True)
class Plan:
    """Epochs, the steps of each (0: all images once), every how many are validated, and the images of that (0: all)."""

    epochs: int
    steps_per_epoch: int
    validate_every: int
    validate_images: int


def suggest(params: Params, examination: Examination, minutes: float) -> list[Advice]:
    """Trains for some steps as `params` say and returns what they should say instead, each with what was measured.

    Precision, threads and loader workers are those that train fastest here; the epochs are those that take `minutes`.
    """
    # torch's own number: of the cores that this process may use, where the user has not set another.
    cores = torch.get_num_threads()
    n_train, n_validation = part_sizes(examination.records, params.split)
    with tempfile.TemporaryDirectory() as scratch:
        data = _trial_data(Path(scratch) / "prepared", examination, params)
        device = devices.select_device(params.runtime.device)
        devices.configure_determinism(params.threads, params.train.deterministic)

        def measure(choices: Mapping[Choice, TrainKeys]) -> dict[Choice, Pace]:
            trainings = {choice: assemble(keys, data, device, {}) for choice, keys in choices.items()}
            return _paces(trainings, Path(scratch))

        # An earlier budget may have left its steps.
        keys = with_whole_passes(TrainKeys.of(params))
        precision, keys = _precision(keys, device, measure)
        threads, keys = _threads(keys, device, cores, measure)
        workers, pace = _workers(keys, measure)
    # The other ways of training count whole passes.
    cut = params.train.strategy == "single"
    found = plan(pace, n_train, n_validation, params.train.batch_size, minutes * 60, cut)
    fits = f"{minutes:g} min at {_seconds(pace.train * n_train)} for all {n_train} images here"
    seen = _passes(found.epochs, found.steps_per_epoch, params.train.batch_size, n_train)
    steps = f"{seen:.2g} times all images in {minutes:g} min" if found.steps_per_epoch else "each image once an epoch"
    checked = f"{_seconds(pace.validate * n_validation)} for all {n_validation} images"
    return [
        threads,
        precision,
        workers,
        Advice("train.epochs", found.epochs, fits),
        Advice("train.steps_per_epoch", found.steps_per_epoch, steps),
        # In a short training a whole epoch of small rates would be a large part of it.
        Advice("optim.warmup_epochs", min(params.optim.warmup_epochs, found.epochs // 4), f"of {found.epochs} epochs"),
        Advice("train.validate_every", found.validate_every, checked),
        Advice("train.validate_images", found.validate_images, checked),
    ]


def plan(pace: Pace, n_train: int, n_validation: int, batch_size: int, seconds: float, cut: bool = True) -> Plan:
    """The most epochs that fit, or steps where these would be few; validation takes its share at most, the last one aside.

    Without `cut` an epoch is a whole pass, and there is one at least.
    """
    whole = pace.validate * n_validation
    # The whole part is validated once in any case; where twice is more than the share, what comes before sees a subset.
    fitting = int(n_validation * VALIDATION_SHARE * seconds / (4 * whole))
    subset = min(n_validation, max(1, fitting)) if 2 * whole > VALIDATION_SHARE * seconds else n_validation

    def every(epochs: int, images: int) -> int:
        share = VALIDATION_SHARE / (1 - VALIDATION_SHARE) * epochs * images * pace.train
        return next((n for n in range(1, epochs) if _validated(epochs, n, subset, n_validation) * pace.validate <= share), epochs)

    def total(epochs: int, images: int) -> float:
        seen, validated = epochs * images, _validated(epochs, every(epochs, images), subset, n_validation)
        # What is decoded for the first time takes longer.
        extra = min(seen, n_train) * (pace.first - pace.train)
        return START_S + seen * pace.train + extra + validated * pace.validate

    def planned(epochs: int, steps: int) -> Plan:
        images = steps * batch_size or n_train
        return Plan(epochs, steps, every(epochs, images), subset if subset < n_validation else 0)

    epochs = bisect.bisect_right(range(1, MOST_EPOCHS + 1), seconds, key=lambda count: total(count, n_train))
    if epochs >= FEW_PASSES or not cut:
        return planned(max(1, epochs), 0)
    tried = range(1, -(-n_train // batch_size) + 1)
    steps = bisect.bisect_right(tried, seconds, key=lambda count: total(FEW_PASSES, count * batch_size))
    return planned(FEW_PASSES, max(1, steps))


def passes(params: Params, records: Sequence[Record]) -> float:
    """How often the training of `params` shows each image of its part."""
    train, (n_train, _) = params.train, part_sizes(records, params.split)
    return _passes(train.epochs, train.steps_per_epoch, train.batch_size, n_train)


def _passes(epochs: int, steps_per_epoch: int, batch_size: int, n_train: int) -> float:
    return epochs * steps_per_epoch * batch_size / n_train if steps_per_epoch else epochs


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


def _precision(keys: TrainKeys, device: torch.device, measure: Measure) -> tuple[Advice, TrainKeys]:
    """bf16 where the device computes in it and trains faster."""
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else devices.bf16_units()
    if not has_bf16:
        return Advice("train.precision", "fp32", "no units for bf16 here"), with_precision(keys, "fp32")
    # By one thread: several spin while they wait for each other, which would count as work where other programs run.
    alone = keys.model_copy(update={"threads": 1})
    paces = measure({precision: with_precision(alone, precision) for precision in ("fp32", "bf16")})
    gain = paces["fp32"].work / paces["bf16"].work
    best = "bf16" if gain > WORTH else "fp32"
    return Advice("train.precision", best, f"bf16 trains {gain:.2f} times as fast here"), with_precision(keys, best)


def with_precision(keys: TrainKeys, precision: str) -> TrainKeys:
    """The keys with another `train.precision`."""
    return keys.model_copy(update={"train": keys.train.model_copy(update={"precision": precision})})


def _threads(keys: TrainKeys, device: torch.device, cores: int, measure: Measure) -> tuple[Advice, TrainKeys]:
    """As few as train about as fast as more; two on a GPU, where they do not train."""
    counts = [count for count in THREADS if count <= max(cores, THREADS[0]) and device.type != "cuda"] or [THREADS[0]]
    if len(counts) == 1:
        reason = "the GPU trains" if device.type == "cuda" else f"{cores} {'core' if cores == 1 else 'cores'} here"
        return Advice("threads", counts[0], reason), keys.model_copy(update={"threads": counts[0]})
    paces = measure({count: keys.model_copy(update={"threads": count}) for count in counts})
    best, shown = _fastest(counts, paces)
    return Advice("threads", best, f"images a second here, by threads: {shown}"), keys.model_copy(update={"threads": best})


def _fastest(counts: Sequence[int], paces: Mapping[Choice, Pace]) -> tuple[int, str]:
    """The smallest count that is worth no more, and what each gives."""
    fastest = min(pace.train for pace in paces.values())
    best = next(count for count in counts if paces[count].train <= WORTH * fastest)
    return best, ", ".join(f"{count}: {1 / paces[count].train:.1f}" for count in counts)


def _workers(keys: TrainKeys, measure: Measure) -> tuple[Advice, Pace]:
    """The loader's processes: none, half of the cores, or all of them, where that trains faster; and the pace with them."""
    cores = os.cpu_count() or 1
    counts = sorted({0, min(8, max(1, cores // 2)), min(16, cores)})
    runtimes = {count: keys.runtime.model_copy(update={"workers": count}) for count in counts}
    paces = measure({count: keys.model_copy(update={"runtime": runtime}) for count, runtime in runtimes.items()})
    best, shown = _fastest(counts, paces)
    # Started workers would be a large part of a validation of so few images, and are little of a whole one.
    pace = replace(paces[best], validate=min(pace.validate for pace in paces.values()))
    return Advice("runtime.workers", best, f"images a second here, by workers: {shown}"), pace


def _paces(trainings: Mapping[Choice, Training], scratch: Path) -> dict[Choice, Pace]:
    """What each training takes, in turns, so that whatever else the machine does slows down all; the best round counts.

    The first round decodes and warms up, the others are what an epoch is like.
    """
    rounds: dict[Choice, list[tuple[float, float, float]]] = {choice: [] for choice in trainings}
    with contextlib.ExitStack() as caches:
        for training in trainings.values():
            caches.enter_context(training.cache.opened(scratch))
        for number in range(1 + ROUNDS):
            for choice, training in trainings.items():
                torch.set_num_threads(training.params.threads)
                before = time.process_time()
                train = _train_s(training.run, number)
                work = train if training.device.type == "cuda" else time.process_time() - before
                rounds[choice].append((train, _validate_s(training.run), work))
    return {choice: _pace(rounds[choice], trainings[choice].data) for choice in trainings}


def _pace(rounds: Sequence[tuple[float, float, float]], data: TrainingData) -> Pace:
    (first, _, _), *others = rounds
    train, validate, work = (min(seconds) for seconds in zip(*others, strict=True))
    images = len(data.train_ids)
    return Pace(train / images, max(first, train) / images, validate / len(data.validation_ids), work / images)


def _validate_s(run: loop.Run) -> float:
    # After the last epoch the whole part is validated.
    run.progress.epoch = run.epochs - 1
    return _timed(lambda: run.validate(run, {"epoch": run.epochs - 1}))


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

"""Measures where an epoch goes of the very training that `dvc repro` would run, changes nothing of it, and writes a trace."""

import itertools
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segpipe.dataset import image_cache
from segpipe.diagnostics import epoch_advice, epoch_costs, step_times
from segpipe.diagnostics.epoch_advice import Loading
from segpipe.diagnostics.epoch_costs import Cost, Counts
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility.seeds import seed_of
from segpipe.storage import workspace
from segpipe.training.norm_errors import translate_norm_errors
from segpipe.workflows import profile_text, profile_times
from segpipe.workflows.assemble import Training, validation_plan, with_images
from segpipe.workflows.train import prepare

WARM_UP, TRACED = 3, 3
"""Steps before those that count, and those of the trace."""
AHEAD = 2
"""Batches that each of the loader's workers makes in advance, as torch has it."""
OUTPUTS = ("data", "models", "reports", "metrics")


def profile(fold: int | None, steps: int, out: Path) -> tuple[str, str]:
    """Trains some steps of a fold, prints where the time goes, writes a trace into `out`; returns where, and how to see it.

    Raises PipelineError for whatever keeps the fold from training, and where `out` is no place for the trace.
    """
    params = load_params()
    chosen = params.folds[0] if fold is None else fold
    _require_own(out)
    training = prepare(TrainKeys.of(params), chosen)
    print(profile_text.about(training, steps), flush=True)
    mixed = _mixed(training)
    n_batches = WARM_UP + steps + AHEAD * training.params.runtime.workers
    run = with_images(mixed, n_batches * training.params.train.batch_size, 1).run
    with training.cache.opened(workspace.decoded_images()), translate_norm_errors():
        samples = profile_times.time_samples(mixed)
        profile_times.fill_cache(training, run)
        parts = step_times.time_steps(run, WARM_UP, steps)
        validation = profile_times.time_validation(mixed, run)
        counts = _counts(training)
        found = epoch_costs.costs(counts, samples, parts, validation, profile_times.time_saving(training, run))
        print("\n".join(["", *profile_text.lines(training, counts, found), *_advice(training, found)]), flush=True)
        file = _free_name(out, chosen)
        step_times.write_trace(run, TRACED, file)
    return f"{file}: {TRACED} steps, operation by operation", "open it at https://ui.perfetto.dev or chrome://tracing"


def _require_own(out: Path) -> None:
    """Raises PipelineError for a file, and for a folder that the pipeline makes."""
    if out.exists() and not out.is_dir():
        raise PipelineError(f"--out {out}: is a file. Name a folder; a new file is made in it.")
    if any(out.resolve().is_relative_to(Path(name).resolve()) for name in OUTPUTS):
        raise PipelineError(f"--out {out}: is what the pipeline makes, and DVC would see the trace there. Name another folder.")


def _mixed(training: Training) -> Training:
    """The training with its images in an order as by lot: those that follow one another are often alike in size."""
    data, seed = training.data, training.params.seed
    train_ids, validation_ids = (
        sorted(ids, key=lambda item: seed_of(seed, "profile", item)) for ids in (data.train_ids, data.validation_ids)
    )
    return replace(training, data=replace(data, train_ids=train_ids, validation_ids=validation_ids))


def _advice(training: Training, costs: Sequence[Cost]) -> list[str]:
    """What would make an epoch shorter."""
    params, data = training.params, training.data
    slots = image_cache.plan(data.pack.index, data.train_ids, data.pack.info.channels, params.input.long_side, sys.maxsize)
    on_gpu = training.device.type == "cuda"
    loading = Loading(
        workers=params.runtime.workers,
        cores=max(0, (os.cpu_count() or 1) - (1 if on_gpu else params.threads)),
        library=params.augment.library,
        on_gpu=on_gpu,
        images=len(data.train_ids),
        kept=_kept(training),
        cache_gib=math.ceil(max(slot.end for slot in slots.values()) / 2**30 * 10) / 10,
    )
    plan = validation_plan(params, data)
    return [f"advice: {each}" for each in epoch_advice.sentences(costs, loading, plan, params.train.epochs)]


def _kept(training: Training) -> int:
    """How many training images are decoded in the first epoch alone."""
    return len(training.data.train_ids) if training.params.augment.library == "torchvision" else len(training.cache.slots)


def _counts(training: Training) -> Counts:
    """How often an epoch has what."""
    params, whole = training.params, len(training.data.train_ids)
    images = params.train.steps_per_epoch * params.train.batch_size or whole
    epochs, plan = params.train.epochs, validation_plan(params, training.data)
    kept = _kept(training)
    validated = [len(plan.images(epoch, epochs)) for epoch in range(epochs)]
    return Counts(
        epochs=epochs,
        images=images,
        # Of the whole training: the measured run has fewer images.
        batches=training.run.n_batches,
        decoded=images * (1 - kept / whole) + kept * min(1 / epochs, images / whole),
        validations=sum(map(bool, validated)) / epochs,
        validated=sum(validated) / epochs,
    )


def _free_name(out: Path, fold: int) -> Path:
    """A file that is not there yet: earlier traces are kept, to compare with."""
    names = (out / f"fold{fold}-{number:03d}.json.gz" for number in itertools.count(1))
    return next(path for path in names if not path.exists())

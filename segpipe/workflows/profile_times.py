"""What a training takes beside its steps, measured by its own parts: samples, validation, a saved state."""

import copy
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from segpipe.dataset import augment, crops
from segpipe.dataset.held_crops import HeldCrops
from segpipe.dataset.image_cache import Sample
from segpipe.diagnostics import sample_times, step_times
from segpipe.diagnostics.epoch_costs import Saving
from segpipe.diagnostics.sample_times import SampleTimes, timed
from segpipe.storage import workspace
from segpipe.training import loop, resume
from segpipe.workflows.assemble import Training, training_crops, with_images

SAMPLES, MOST_SAMPLE_SECONDS = 32, 5.0
"""Images that are read, decoded and augmented by themselves, fewer where that takes long."""
VALIDATED, MOST_VALIDATION_SECONDS = 16, 10.0
"""Images of the validation that is measured, likewise."""


def time_samples(training: Training) -> SampleTimes:
    """What an image takes before the loop sees it, of one core, or of the device where that augments."""
    data, device, params = training.data, training.device, training.params
    ids, pack, epoch = data.train_ids[:SAMPLES], data.pack, params.train.epochs - 1
    draws = training_crops(params, replace(data, train_ids=ids), training.cache)

    def read(item: str) -> None:
        pack.images[item].read()
        pack.masks[item].read()

    def decode(item: str) -> Sample:
        image, mask = draws.decoded(item)
        return crops.padded(image), mask

    def change(item: str, sample: Sample) -> None:
        augment.apply(draws.augmentation, *sample, draws.seed_of(epoch, item, 0), *draws.classes(item))

    if params.augment.library == "albumentations":
        return sample_times.time_samples(ids, read, decode, change, MOST_SAMPLE_SECONDS)
    held = HeldCrops(draws, device)
    held.hold(params.runtime.workers)

    def change_held(item: str, sample: Sample) -> None:
        held.draw(epoch, item)
        step_times.synchronize(device)

    return sample_times.time_samples(ids, read, decode, change_held, MOST_SAMPLE_SECONDS)


def fill_cache(training: Training, run: loop.Run) -> None:
    """Starts the loader's workers, and decodes the images that are kept decoded, as the first epoch does."""
    # Where none are kept one batch is enough; the last, since workers that are left in the middle would still make others.
    for _ in run.batches(run.epochs - 1, 0 if training.cache.slots else run.n_batches - 1):
        pass


def time_validation(training: Training, run: loop.Run) -> tuple[float, float]:
    """The seconds that a validation takes before its first image, and those of each image; `run` validates one."""
    # The first time it warms up.
    for _ in range(2):
        one = _validated(run)
    count = min(VALIDATED, len(training.data.validation_ids), max(2, int(MOST_VALIDATION_SECONDS / one)))
    if count == 1:
        return 0.0, one
    several = with_images(training, training.params.train.batch_size, count).run
    image = max(0.0, _validated(several) - one) / (count - 1)
    return max(0.0, one - image), image


def _validated(run: loop.Run) -> float:
    step_times.to_last_epoch(run)
    seconds, _ = timed(lambda: run.validate(run, {"epoch": run.progress.epoch}))
    return seconds


def time_saving(training: Training, run: loop.Run) -> Saving:
    """What a state takes that holds all there is late in a training; it is saved beside the real ones, and deleted."""
    every = training.params.runtime.save_every
    run.progress.best = loop.Best(0, 0.0, copy.deepcopy(run.weights()))
    folder = workspace.main_root() / ".resume"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="profile-", dir=folder) as scratch:
        save: Callable[[loop.Run], None] = resume.SavedStates(Path(scratch), 0.0).saver(training.scaler)
        seconds, _ = timed(lambda: save(run))
    return Saving(seconds, max(every, seconds / resume.LARGEST_SHARE) if every else 0.0)

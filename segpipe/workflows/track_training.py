"""What MLflow is told of a training: what it is about, each epoch's numbers, and what the best model predicts."""

import os
from pathlib import Path

from segpipe import tracking
from segpipe.images import overlay
from segpipe.images.encode import encode_png
from segpipe.images.palette import colours
from segpipe.inference.predict import predict_classes
from segpipe.params.schema import OptimParams
from segpipe.params.stage_keys import NEVER_A_RESULT
from segpipe.reproducibility import git_revision
from segpipe.tracking import Tracker
from segpipe.training import encoder_schedule
from segpipe.training.loop import Hook, Progress, Record, Run, Speed
from segpipe.workflows.assemble import Training

EXPERIMENT = ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV")
"""What DVC sets in an experiment."""


def start(training: Training, where: str, class_weights: str, interrupted: bool) -> Tracker:
    """The MLflow run of the training; that of the one which was interrupted, if one was. `where` describes the device."""
    params, card = training.params, training.card
    named = {name: os.environ[name] for name in EXPERIMENT if name in os.environ}
    tags = {"data": card.training["data"], "folds": card.training["folds"], "fold": str(card.fold)}
    tags |= {tracking.FINGERPRINT: card.fingerprint, "device": where, "git": git_revision.describe()}
    name = f"{named.get('DVC_EXP_NAME', params.model.name)} fold {card.fold}"
    tracker = tracking.start(params.tracking.experiment, name, tags | named, interrupted)
    tracker.params(params.model_dump(exclude=NEVER_A_RESULT) | {"class_weights": class_weights or "none"})
    return tracker


def epoch_hook(tracker: Tracker, optim: OptimParams) -> Hook:
    """Logs each epoch's numbers, and how fast it was; not those that the run holds from before an interruption."""
    # Every epoch has an lr, whatever its validation part holds.
    last = tracker.last_step("lr")

    def log(record: Record, speed: Speed, run: Run) -> None:
        if record["epoch"] > last:
            speeds = {"images_per_s": speed.images_per_s, "data_wait": speed.data_wait}
            tracker.metrics(_values(record, optim) | speeds, int(record["epoch"]))

    return log


def replay(tracker: Tracker, progress: Progress, optim: OptimParams) -> None:
    """Logs the epochs of a resumed training that its MLflow run does not hold yet."""
    last = tracker.last_step("lr")
    for record in progress.history:
        if record["epoch"] > last:
            tracker.metrics(_values(record, optim), int(record["epoch"]))


def finish(tracker: Tracker, training: Training, model: Path, best_epoch: int) -> None:
    """Keeps the best model, and what it makes of some validation images; the segmenter holds its weights."""
    params, data = training.params, training.data
    tracker.metrics({"best_epoch": best_epoch})
    tracker.file(model, "model")
    palette = colours(len(data.pack.info.classes))
    segmenter = training.segmenter.eval()
    for item in data.validation_ids[: params.tracking.n_images]:
        image = data.pack.image(item)
        predicted = predict_classes(segmenter, image, params.infer, params.input.long_side, training.device, item)
        picture = overlay.panel(image, data.pack.mask(item), predicted.classes, palette)
        tracker.content(f"{item.replace('/', '-')}.png", encode_png(picture), "predictions")
    tracker.end()


def _values(record: Record, optim: OptimParams) -> Record:
    """What MLflow shows of an epoch."""
    values = {name: value for name, value in record.items() if name != "epoch"}
    return values | encoder_schedule.encoder_lr(record, optim)

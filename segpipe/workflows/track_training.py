"""What MLflow and TensorBoard are told of a training: what it is about, each epoch's numbers, and what the model predicts."""

import copy
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segpipe.errors import PipelineError
from segpipe.images import overlay
from segpipe.images.encode import encode_png
from segpipe.images.palette import colours
from segpipe.inference.predict import predict_classes
from segpipe.models.segmenter import Segmenter
from segpipe.params.schema import OptimParams
from segpipe.params.stage_keys import NEVER_A_RESULT
from segpipe.reproducibility import git_revision
from segpipe.storage.workspace import STUDY
from segpipe.tracking import event_files, mlflow_runs
from segpipe.tracking.event_files import EventFiles
from segpipe.tracking.mlflow_runs import Tracker
from segpipe.training import encoder_schedule
from segpipe.training.loop import Hook, Progress, Record, Run, Speed
from segpipe.workflows.assemble import Training

EXPERIMENT = ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV")
"""What DVC sets in an experiment."""


@dataclass(frozen=True)
class Told:
    """Who is told of a training: its MLflow run, and its event files where `tracking.tensorboard` asks for them.

    `known` is the last epoch that the run held before, counted from 0, or -1; event files know that themselves.
    """

    run: Tracker
    known: int
    events: EventFiles | None

    def metrics(self, values: Record, epoch: int) -> None:
        """An epoch's numbers, to whom does not have them from before an interruption."""
        if epoch > self.known:
            self.run.metrics(values, epoch)
        if self.events:
            self.events.metrics(values, epoch)

    def end(self, status: str = "FINISHED") -> None:
        """Marks the run as FINISHED, FAILED or KILLED."""
        self.run.end(status)
        if self.events:
            self.events.end()


def start(training: Training, where: str, class_weights: str, interrupted: bool) -> Told:
    """The MLflow run of the training; that of the one which was interrupted, if one was. `where` describes the device."""
    params, card = training.params, training.card
    named = {name: os.environ[name] for name in EXPERIMENT if name in os.environ}
    tags = {"data": card.training["data"], "folds": card.training["folds"], "fold": str(card.fold)}
    tags |= {mlflow_runs.FINGERPRINT: card.fingerprint, "device": where, "git": git_revision.describe()}
    name = f"{named.get('DVC_EXP_NAME', params.model.name)} fold {card.fold}"
    study = os.environ.get(STUDY, "")
    tracker = mlflow_runs.start(params.tracking.experiment, name, tags | named, interrupted, study)
    tracker.params(params.model_dump(exclude=NEVER_A_RESULT) | {"class_weights": class_weights or "none"})
    folder = event_files.folder_of(f"train-{card.fold}-{card.fingerprint[:16]}")
    events = EventFiles(folder, interrupted) if params.tracking.tensorboard else None
    # Every epoch has an lr, whatever its validation part holds.
    return Told(tracker, tracker.last_step("lr"), events)


def epoch_hook(told: Told, optim: OptimParams) -> Hook:
    """Logs each epoch's numbers, and how fast it was."""

    def log(record: Record, speed: Speed, run: Run) -> None:
        speeds = {"images_per_s": speed.images_per_s, "data_wait": speed.data_wait, "train_s": speed.seconds}
        told.metrics(_values(record, optim) | speeds, int(record["epoch"]))

    return log


def picture_hook(told: Told, training: Training) -> Hook:
    """Logs what the weights that are validated predict of some validation images, every `tracking.images_every` epochs.

    A copy of the model predicts: what is trained keeps its mode, its gradients and all that it draws.
    """
    every = training.params.tracking.images_every

    def show(record: Record, speed: Speed, run: Run) -> None:
        epoch = int(record["epoch"])
        if not every or (epoch + 1) % every:
            return
        segmenter = copy.deepcopy(training.segmenter)
        segmenter.load_state_dict(run.weights())
        try:
            _log_pictures(told, training, segmenter, f"epoch{epoch + 1:0{max(2, len(str(run.epochs)))}d}", epoch)
        except PipelineError as error:
            # Young weights may predict what is no number; that does not end a training which nobody validates yet.
            print(f"warning: no sample predictions of epoch {epoch + 1}: {error}", file=sys.stderr)

    return show


def replay(told: Told, progress: Progress, optim: OptimParams) -> None:
    """Logs the epochs of a resumed training that were not logged before it was interrupted."""
    for record in progress.history:
        told.metrics(_values(record, optim), int(record["epoch"]))


def finish(told: Told, training: Training, model: Path, best_epoch: int) -> None:
    """Keeps the best model, and what it makes of some validation images; the segmenter holds its weights."""
    told.run.metrics({"best_epoch": best_epoch})
    told.run.file(model, "model")
    _log_pictures(told, training, training.segmenter, "", best_epoch)
    told.end()


def _log_pictures(told: Told, training: Training, segmenter: Segmenter, folder: str, epoch: int) -> None:
    """To MLflow under predictions/`folder`, to TensorBoard as the step `epoch`; without a folder they are the best epoch's."""
    for item, png in _pictures(training, segmenter):
        told.run.content(f"{item.replace('/', '-')}.png", png, f"predictions/{folder}".rstrip("/"))
        if told.events:
            told.events.picture(f"{'predictions' if folder else 'best'}/{item}", png, epoch)


def _pictures(training: Training, segmenter: Segmenter) -> Iterator[tuple[str, bytes]]:
    """Ids of the first validation images, and as PNG: image, truth, prediction, errors."""
    params, data = training.params, training.data
    palette = colours(len(data.pack.info.classes))
    segmenter.eval()
    for item in data.validation_ids[: params.tracking.n_images]:
        image = data.pack.image(item)
        predicted = predict_classes(segmenter, image, params.infer, params.input.long_side, training.device, item)
        yield item, encode_png(overlay.panel(image, data.pack.mask(item), predicted.classes, palette))


def _values(record: Record, optim: OptimParams) -> Record:
    """What is shown of an epoch."""
    values = {name: value for name, value in record.items() if name != "epoch"}
    return values | encoder_schedule.encoder_lr(record, optim)

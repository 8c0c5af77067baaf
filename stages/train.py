"""Stage train: trains one fold and keeps the weights of its best epoch; logs to MLflow."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segpipe.console import command
from segpipe.params import schema
from segpipe.params.load import load_params
from stages import train_parts

if TYPE_CHECKING:
    from segpipe.models.model_file import Card
    from segpipe.models.segmenter import Segmenter
    from segpipe.tracking import Tracker
    from segpipe.training.loop import Hook, Progress, Record, Run, Speed
    from segpipe.training.resume import Keeper
    from segpipe.training.state import Scaler


def main(
    fold: Annotated[int, typer.Option(help="Which fold to train, 0 or more.")],
    trace: Annotated[Path | None, typer.Option(help="Train for comparison only: write hashes to this file, no model.")] = None,
    steps: Annotated[int, typer.Option(help="With --trace: batches to train, each layer hashed; 0 trains to the end.")] = 0,
    images: Annotated[int, typer.Option(help="With --trace: train and validate on the first so many images; 0 takes all.")] = 0,
) -> None:
    """Trains on all folds but one, validates on that one, and writes models/foldN; goes on where it was killed."""
    every = load_params()

    from segpipe.reproducibility import versions
    from segpipe.storage import lock, workspace
    from segpipe.training import device as devices
    from segpipe.training import norm_errors, resume

    installed = versions.check()
    device = devices.choose(every.runtime.device)
    devices.settle(every.threads, every.train.deterministic)
    task = train_parts.task_of(every, fold, device)
    segmenter, weights_sha256 = train_parts.segmenter_of(task)
    card = train_parts.card_of(task, installed, weights_sha256)
    with norm_errors.told():
        train_parts.require_repeatable(task, segmenter)
        if trace:
            _trace(task, segmenter, card, trace, steps, images)
            return
        folder = resume.folder_of(workspace.main_root(), fold, card.fingerprint)
        with lock.alone(folder.with_suffix(".lock"), f"the training of fold {fold}"):
            _train(task, segmenter, card, resume.Keeper(folder, every.runtime.save_every))


def _train(task: train_parts.Task, segmenter: "Segmenter", card: "Card", keeper: "Keeper") -> None:
    """From the saved state, or the start, to the model file."""
    from segpipe.diagnostics import trace as tracing
    from segpipe.models import model_file
    from segpipe.training import device as devices
    from segpipe.training import history, hooks, loop, precision

    every, where = task.every, devices.describe(task.device)
    print(f"fold {task.fold}: {len(task.train_ids)} images to train on, {len(task.validation_ids)} to validate, {where}")
    if small := train_parts.smaller_than_crop(task):
        print(f"warning: {small} of them are smaller than input.crop ({every.input.crop} pixels) and get padded; lower it")
    for line in train_parts.about_ignored(task):
        print(f"warning: {line}", file=sys.stderr)
    if weighted := train_parts.weights_sentence(task):
        print(f"class weights: {weighted}")
    scaler = precision.scaler(every.train.precision, task.device)
    tracker = _tracker(task, card, where, keeper.interrupted())
    for line in train_parts.about_encoder(task, segmenter):
        print(line)
    run = train_parts.run_of(task, segmenter, scaler, (hooks.console(every.train.monitor), _tracked(tracker, every.optim)))
    _go_on(run, scaler, keeper, card)
    run = replace(run, keep=tracing.noting(keeper.saver(run, scaler), run))
    _replay(tracker, run.progress, every.optim)
    try:
        best = loop.fit(run)
    except BaseException as error:
        tracker.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    segmenter.load_state_dict(best.weights)
    epochs = run.progress.history
    card = replace(card, training=card.training | _outcome(best.epoch, len(epochs), run.progress.first_steps))
    folder = Path(f"models/fold{task.fold}")
    history.write(folder / "history.csv", epochs)
    model_file.save(folder / "model.safetensors", segmenter, card)
    _log_result(task, tracker, segmenter, folder / "model.safetensors", best.epoch)
    score = epochs[best.epoch].get(f"val_{every.train.monitor}")
    shown = "none" if score is None else f"{every.train.monitor} {score:.4f}"
    command.done(f"{folder / 'model.safetensors'} (validation {shown} in epoch {best.epoch + 1})", "dvc repro")
    keeper.forget()


def _outcome(best_epoch: int, epochs: int, first_steps: str) -> dict[str, Any]:
    """What a model's card says of how its training went."""
    return {"best_epoch": best_epoch, "epochs": epochs, "first_steps": first_steps}


def _trace(task: train_parts.Task, segmenter: "Segmenter", card: "Card", path: Path, steps: int, images: int) -> None:
    """Trains some steps and writes the hash of all that they computed; for `segpipe verify` and `segpipe adopt`."""
    import copy

    from segpipe.diagnostics import deterministic_ops
    from segpipe.diagnostics import trace as tracing
    from segpipe.storage import files
    from segpipe.training import device as devices
    from segpipe.training import loop, precision

    few = images or (task.every.train.batch_size if steps else None)
    train_ids = task.train_ids[:images] if images else task.train_ids
    task = replace(task, train_ids=train_ids, validation_ids=task.validation_ids[:few])
    run = train_parts.run_of(task, segmenter, precision.scaler(task.every.train.precision, task.device), ())
    batch = next(iter(run.batches(0, 0)))
    trial = replace(run, model=copy.deepcopy(segmenter))

    def backward() -> None:
        loop.forward(trial, batch)["loss"].mean().backward()

    operations = deterministic_ops.operations(backward)
    trace = tracing.Trace()
    watched = tracing.watched(run, trace, steps)
    try:
        loop.fit(watched)
    except tracing.EnoughError:
        watched.validate()
    price = tracing.price(backward, lambda on: devices.settle(task.every.threads, on))
    found = {"card": card.to_dict(), "entries": trace.entries, "price": price, "n_batches": run.n_batches}
    files.write_json(path, found | {"warnings": deterministic_ops.warnings(operations)})


def _go_on(run: "Run", scaler: "Scaler", keeper: "Keeper", card: "Card") -> None:
    """Restores the newest saved state into the run, and says in a line from where it goes on, or why it does not."""
    from segpipe.training import resume

    progress = run.progress
    if keeper.restore(run, scaler):
        place = f"epoch {progress.epoch + 1}, batch {progress.batch + 1} of {run.n_batches}"
        print(f"goes on at {place}: the state was saved by the same code, data, folds, parameters and versions", flush=True)
    elif reason := resume.why_not(keeper.folder, card.training):
        print(f"starts anew: the training that was interrupted differs in {reason}", flush=True)
    keeper.note(card.training)


def _tracker(task: train_parts.Task, card: "Card", where: str, interrupted: bool) -> "Tracker":
    """The MLflow run, with what it is about; that of the training which was interrupted, if one was."""
    import os

    from segpipe import tracking
    from segpipe.reproducibility import git_revision

    named = {name: os.environ[name] for name in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV") if name in os.environ}
    tags = {"data": card.training["data"], "folds": card.training["folds"], "fold": str(task.fold)}
    tags |= {tracking.FINGERPRINT: card.fingerprint, "device": where, "git": git_revision.describe()}
    name = f"{named.get('DVC_EXP_NAME', task.every.model.name)} fold {task.fold}"
    tracker = tracking.start(task.every.tracking.experiment, name, tags | named, interrupted)
    computed = {"class_weights": train_parts.weights_sentence(task) or "none"}
    tracker.params(task.every.model_dump(include=train_parts.DECIDING) | computed)
    return tracker


def _tracked(tracker: "Tracker", optim: schema.OptimParams) -> "Hook":
    """Logs each epoch's numbers, and how fast it was; not those that the run holds from before an interruption."""
    last = tracker.last_step("lr")

    def log(record: "Record", speed: "Speed", run: "Run") -> None:
        if record["epoch"] > last:
            speeds = {"images_per_s": speed.images_per_s, "data_wait": speed.data_wait}
            tracker.metrics(_values(record, optim) | speeds, int(record["epoch"]))

    return log


def _replay(tracker: "Tracker", progress: "Progress", optim: schema.OptimParams) -> None:
    """Logs the epochs of a resumed training that its MLflow run does not hold yet."""
    last = tracker.last_step("lr")
    for record in progress.history:
        if record["epoch"] > last:
            tracker.metrics(_values(record, optim), int(record["epoch"]))


def _values(record: "Record", optim: schema.OptimParams) -> "Record":
    """What MLflow shows of an epoch."""
    from segpipe.training import encoder_schedule

    values = {name: value for name, value in record.items() if name != "epoch"}
    return values | encoder_schedule.encoder_lr(record, optim)


def _log_result(task: train_parts.Task, tracker: "Tracker", segmenter: "Segmenter", model: Path, best_epoch: int) -> None:
    """The best model, and what it makes of some validation images."""
    from segpipe.images import overlay
    from segpipe.images.palette import colours
    from segpipe.inference.predict import predict_logits
    from segpipe.models.segmenter import classes_of

    every = task.every
    tracker.metrics({"best_epoch": best_epoch})
    tracker.file(model, "model")
    palette = colours(len(task.data.info.classes))
    segmenter.eval()
    for item in task.validation_ids[: every.tracking.n_images]:
        image = task.data.image(item)
        logits = predict_logits(segmenter, image, every.infer, every.input.long_side, task.device)
        picture = overlay.panel(image, task.data.mask(item), classes_of(logits).cpu().numpy(), palette)
        tracker.content(f"{item.replace('/', '-')}.png", overlay.encode_png(picture), "predictions")
    tracker.end()


if __name__ == "__main__":
    command.run(main)

"""Trains one fold and keeps the weights of its best epoch; goes on where an interrupted training of the same was saved."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from segpipe import paths
from segpipe.console import command, stop_signals
from segpipe.dataset import class_weights
from segpipe.diagnostics import deterministic_ops
from segpipe.models import model_file, pretrained
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility import versions
from segpipe.storage import files, lock, workspace
from segpipe.tracking import event_files
from segpipe.training import device as devices
from segpipe.training import early_stop, encoder_schedule, first_steps, history, interruption, loop, resume, snapshots
from segpipe.training.norm_errors import translate_norm_errors
from segpipe.training.processes import ALONE, Group
from segpipe.training.run_log import RunLog
from segpipe.workflows import federated_training, private_training, track_training, watch_training
from segpipe.workflows.assemble import Training, assemble, watched_score
from segpipe.workflows.keep_failed_step import keep_failed_step
from segpipe.workflows.out_of_memory import translate_out_of_memory
from segpipe.workflows.train_together import together
from segpipe.workflows.training_data import TrainingData, image_warnings, read_fold

SaveState = Callable[[loop.Run], None]
SNAPSHOTS = "snapshots"
"""In the folder of a training's states."""


@dataclass(frozen=True)
class Trained:
    """The model file; its best epoch, counted from 0; the monitored number of that epoch, None where it has none."""

    model: Path
    best_epoch: int
    monitored: float | None


def train(params: TrainKeys, fold: int) -> Trained:
    """Trains on all folds but one, validates on that one, and writes models/foldN: weights and history.

    Reads data/prepared and data/folds of the working directory. Raises PipelineError for all that keeps it from training.
    """
    if params.tracking.tensorboard:
        event_files.require_installed()
    with together(params, fold) as group:
        return _train_first(prepare(params, fold, group))


def _train_first(training: Training) -> Trained:
    """As the first process of the training, or the only one."""
    params, fold = training.params, training.data.fold
    folder = resume.folder_of(workspace.main_root(), fold, training.card.fingerprint)
    # The lock lies beside the folder, which `forget` deletes.
    exclusive = lock.exclusive(folder.with_suffix(".lock"), f"the training of fold {fold}")
    with exclusive, watch_training.log_beside(folder) as log, translate_norm_errors():
        states = resume.SavedStates(folder, params.runtime.save_every)
        with training.cache.opened(workspace.decoded_images()):
            trained = _train(training, states, log)
        # Last of all: who is killed before it goes on from the newest state, to the same bytes.
        states.forget()
    return trained


def prepare(params: TrainKeys, fold: int, group: Group = ALONE) -> Training:
    """The training of a fold put together on the device that `params` asks for, with the settings that make it repeat itself."""
    return prepare_on(params, read_fold(fold, params.train.limit_images), group)


def prepare_on(params: TrainKeys, data: TrainingData, group: Group = ALONE) -> Training:
    """As `prepare`, on data that was read."""
    command.set_environment()
    installed = versions.check()
    device = devices.select_device(params.runtime.device)
    devices.configure_determinism(params.threads, params.train.deterministic)
    training = assemble(params, data, device, installed, group)
    with translate_norm_errors():
        _require_repeatable(training)
    return training


def class_weights_sentence(training: Training) -> str:
    """The weight of each class in words; empty where all are alike."""
    found, data = training.classes.weights, training.data
    return class_weights.sentence(found, data.pack.index.loc[data.train_ids], data.pack.info) if found else ""


def cache_sentence(training: Training) -> str:
    """How many training images the cache has room for; empty where it has for all, or where there is to be none."""
    cache, images, gib = training.cache, len(training.data.train_ids), training.params.runtime.cache_gib
    if training.params.augment.library == "torchvision":
        return f"all {images} training images are kept decoded, and changed, in the memory of {training.device.type}"
    if not gib or len(cache.slots) == images:
        return ""
    held = f"{len(cache.slots)} of {images} training images are kept decoded, in {cache.size / 2**30:.2f} GiB"
    return f"{held}; the others are decoded each time they are drawn (runtime.cache_gib: {gib:g})"


def _train(training: Training, states: resume.SavedStates, log: RunLog) -> Trained:
    """From the saved state, or the start, to the model file."""
    where = devices.describe(training.device)
    weighted = class_weights_sentence(training)
    _announce(training, where, weighted)
    told = track_training.start(training, where, weighted, states.interrupted())
    for line in (*encoder_notes(training), *strategy_notes(training)):
        print(line)
    optim = training.params.optim
    watch = watch_training.watch(training, log)
    saved = watch.progress.showing(states.saver(training.scaler))
    watching = (*watch.hooks, track_training.epoch_hook(told, optim), track_training.picture_hook(told, training))
    save_state = _keeping_snapshots(training, states, first_steps.noting(saved))
    run = replace(training.run, hooks=watching, save_state=save_state)
    _go_on(run, training, states)
    watch_training.started(watch, training, run.progress, where)
    track_training.replay(told, run.progress, optim)
    with stop_signals.listening() as request:
        try:
            # The live line is gone before anything is said of what ended the training.
            with keep_failed_step(training, run, states), translate_out_of_memory(training, run), watch.progress:
                best = loop.fit(interruption.interruptible(run, request, lambda trained: states.save(trained, training.scaler)))
        except BaseException as error:
            if isinstance(error, stop_signals.Stopped):
                print(_stopped(error, run), file=sys.stderr, flush=True)
            # Ctrl-C and an exit are no Exception: somebody ended the training, and nothing failed.
            told.end("FAILED" if isinstance(error, Exception) else "KILLED")
            raise
    _tell_early_stop(training, run)
    model = _write(training, run.progress, best)
    _write_snapshots(training, states)
    track_training.finish(told, training, model, best.epoch)
    watch_training.ended(log, run.progress, best.epoch, model)
    # Said before the saved states go: whoever is killed from here on has trained to the end.
    print(f"trained to the end: {model} has the weights of epoch {best.epoch + 1}", flush=True)
    return Trained(model, best.epoch, run.progress.history[best.epoch].get(f"val_{training.params.train.monitor}"))


def _announce(training: Training, where: str, weighted: str) -> None:
    """Says what is trained on what, and warns of what is strange about it."""
    data = training.data
    print(f"fold {data.fold}: {len(data.train_ids)} images to train on, {len(data.validation_ids)} to validate, {where}")
    if cached := cache_sentence(training):
        print(cached)
    for line in image_warnings(data, training.params.input):
        print(f"warning: {line}", file=sys.stderr)
    if weighted:
        print(f"class weights: {weighted}")


def encoder_notes(training: Training) -> list[str]:
    """What of the encoder learns and when, and whether its weights know such input."""
    params = training.params
    learning = encoder_schedule.describe(training.encoder, params.optim, params.train.epochs)
    advice = pretrained.about_input(params.model, params.input.normalise, training.data.pack.info.channels)
    return [line for line in (learning, advice) if line]


def strategy_notes(training: Training) -> list[str]:
    """What a person should know of the way of training."""
    recorded, epochs = training.card.training, training.run.epochs
    return private_training.notes(recorded, epochs) + federated_training.notes(recorded, epochs)


def _tell_early_stop(training: Training, run: loop.Run) -> None:
    """Says so where the training stopped before its last epoch."""
    if len(run.progress.history) < run.epochs:
        score = watched_score(training.params, training.data)
        waited = early_stop.epochs_without_better([score(record) for record in run.progress.history])
        print(f"stopped early: no better epoch for {waited} epochs (train.early_stop)", flush=True)


def _go_on(run: loop.Run, training: Training, states: resume.SavedStates) -> None:
    """Restores the newest saved state into the run, and says in a line from where it goes on, or why it does not."""
    recorded = training.card.training
    if states.restore(run, training.scaler):
        print(f"goes on at {_place(run)}: the state was saved by the same code, data, folds, parameters and versions", flush=True)
    elif reason := resume.why_not(states.folder, recorded):
        print(f"starts anew: the training that was interrupted differs in {reason}", flush=True)
    states.note(recorded)
    # The others restore what is there now.
    training.group.wait()


def _place(run: loop.Run) -> str:
    """What comes next in words."""
    progress = run.progress
    if progress.batch < run.n_batches:
        return f"{progress.place} of {run.n_batches}"
    return f"epoch {progress.epoch + 1}, its validation"


def _stopped(stopped: stop_signals.Stopped, run: loop.Run) -> str:
    """Where the training goes on that a signal stopped, and by which command."""
    again = "the same command"
    if "DVC_STAGE" in os.environ:
        again = "the same `dvc exp run`" if "DVC_EXP_NAME" in os.environ else "`dvc repro`"
    if run.progress == loop.Progress():
        return f"stopped by {stopped.name} before the first batch was trained; {again} starts it"
    return f"stopped by {stopped.name}: the state is saved, and {again} goes on at {_place(run)}"


def _write(training: Training, progress: loop.Progress, best: loop.Best) -> Path:
    """history.csv and the model file with the best epoch's weights, whose card says how the training went."""
    fold, segmenter, card = training.data.fold, training.segmenter, training.card
    segmenter.load_state_dict(best.weights)
    outcome = {"best_epoch": best.epoch, "epochs": len(progress.history), "first_steps": progress.first_steps}
    outcome |= private_training.spent(card.training, progress.history)
    history.write(paths.history_file(fold), progress.history)
    federated_training.write_sites(paths.sites_file(fold), card.training, progress.history[best.epoch])
    model_file.save(paths.model_file(fold), segmenter, replace(card, training=card.training | outcome))
    return paths.model_file(fold)


def _keeping_snapshots(training: Training, states: resume.SavedStates, save_state: SaveState) -> SaveState:
    """The snapshots lie beside the states until the training is done: DVC deletes models/foldN before it goes on."""
    params, card = training.params.train, training.card

    def write(path: Path, weights: Mapping[str, Tensor], epochs: Sequence[loop.Record]) -> None:
        so_far = {"epoch": len(epochs) - 1} | private_training.spent(card.training, epochs)
        model_file.save_weights(path, weights, replace(card, training=card.training | so_far))

    kept = snapshots.Kept(params.save_top_k, params.snapshot_every)
    return snapshots.keeping(save_state, states.folder / SNAPSHOTS, kept, training.run.score, write)


def _write_snapshots(training: Training, states: resume.SavedStates) -> None:
    """Those of this training, and none that an earlier one left there."""
    folder = paths.snapshots_folder(training.data.fold)
    shutil.rmtree(folder, ignore_errors=True)
    for file in sorted((states.folder / SNAPSHOTS).glob("*.safetensors")):
        files.write_bytes(folder / file.name, file.read_bytes())


def _require_repeatable(training: Training) -> None:
    """On a GPU, tries the model on the CPU first, where the operations that CUDA cannot repeat are seen and not yet refused."""
    params, channels = training.params, training.data.pack.info.channels
    if training.device.type != "cuda" or not params.train.deterministic:
        return
    # Of the same architecture. A copy would bring along what a way of training hangs on its weights, and hooks that ask for it.
    trial, loss, crop = model_file.empty(training.card), training.loss, params.input.crop
    # Two images, since batch normalisation may refuse one.
    image, target = torch.zeros(2, channels, crop, crop), torch.zeros(2, crop, crop, dtype=torch.long)
    operations = deterministic_ops.operations(lambda: loss(trial(image), target)["loss"].mean().backward())
    deterministic_ops.require_repeatable(operations)

"""What a person sees of a training while it runs: a line an epoch, progress within it, advice, and all of it in a log."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segpipe.dataset.pack import pixel_columns
from segpipe.training import advice, epoch_line, loop, run_log
from segpipe.training.batch_progress import BatchProgress
from segpipe.training.monitored_score import Score
from segpipe.training.pace import Pace
from segpipe.training.resume import FORGOTTEN_S
from segpipe.training.run_log import RunLog
from segpipe.training.validation_plan import ValidationPlan
from segpipe.workflows.assemble import Training, validation_plan, watched_score


@dataclass(frozen=True)
class Watch:
    """The hooks that print and log epochs and advice, and what shows the progress within an epoch."""

    hooks: tuple[loop.Hook, ...]
    progress: BatchProgress


def log_beside(states: Path) -> RunLog:
    """The log of the training whose states lie in this folder. Logs that are as old as states that were given up are deleted."""
    path = states.with_suffix(run_log.SUFFIX)
    run_log.forget_old(path.parent, path, FORGOTTEN_S)
    return RunLog(path)


def watch(training: Training, log: RunLog) -> Watch:
    """All that watches the training."""
    params, plan = training.params, validation_plan(training.params, training.data)
    pace = Pace(plan)

    def say(sentence: str) -> None:
        print(f"advice: {sentence}", flush=True)
        log.add("advice", text=sentence)

    rules = (_waits_for_data(training), _predicts_one_class(training, plan), _learns_by_heart(training, plan))
    hooks = epoch_line.hook(params.train.monitor, pace), _logged(log, pace), advice.hook(rules, say)
    return Watch(hooks, BatchProgress(pace, log))


def started(watch: Watch, training: Training, progress: loop.Progress, where: str) -> None:
    """Says where the log is, and begins it with what is trained, and from where on; `where` describes the device."""
    params, data, log = training.params, training.data, watch.progress.log
    watch.progress.pace.skipped = progress.batch / training.run.n_batches
    print(f"log: {log.path} (a JSON object a line)", flush=True)
    log.add(
        "start",
        fold=data.fold,
        fingerprint=training.card.fingerprint,
        model=params.model.name,
        loss=params.loss.name,
        epochs=params.train.epochs,
        batches=training.run.n_batches,
        training_images=len(data.train_ids),
        validation_images=len(data.validation_ids),
        device=where,
        process=os.getpid(),
    )
    if progress != loop.Progress():
        log.add("resume", epoch=progress.epoch, batch=progress.batch)


def ended(log: RunLog, progress: loop.Progress, best_epoch: int, model: Path) -> None:
    """The log's last line: the model is written."""
    log.add("end", epochs=len(progress.history), best_epoch=best_epoch, model=str(model))


def _logged(log: RunLog, pace: Pace) -> loop.Hook:
    """Writes each epoch's record, under the names of history.csv, and how fast it was."""

    def write(record: loop.Record, speed: loop.Speed, run: loop.Run) -> None:
        epoch = int(record["epoch"])
        speeds = {"images_per_s": speed.images_per_s, "data_wait": speed.data_wait, "train_s": speed.seconds}
        log.add("epoch", **record | {"epoch": epoch}, **speeds, left_s=pace.after(epoch, run.epochs).seconds)

    return write


def _waits_for_data(training: Training) -> advice.Rule:
    params, cache, images = training.params, training.cache, len(training.data.train_ids)
    remedies = []
    if params.augment.library == "torchvision":
        if training.device.type == "cpu":
            remedies.append("augment.library: albumentations is faster on a CPU")
    else:
        if params.runtime.workers < (cores := os.cpu_count() or 1):
            remedies.append(f"raise runtime.workers ({params.runtime.workers} now, {cores} cores here)")
        if len(cache.slots) < images:
            held = f"{len(cache.slots)} of {images} images are kept decoded"
            remedies.append(f"raise runtime.cache_gib ({params.runtime.cache_gib:g} now, {held})")
        if training.device.type != "cpu":
            remedies.append("try augment.library: torchvision, which changes images on the GPU")
    advised = "; ".join(remedies) or "store smaller images, or change them less (augment)"

    def rule(history: Sequence[loop.Record], speeds: Sequence[loop.Speed], run: loop.Run) -> str | None:
        share = advice.data_wait(speeds, run.epochs - len(history))
        if share is None:
            return None
        kept = "What is under runtime changes no result: stop, change it, run again, and the training goes on"
        return f"{share:.0%} of the time is spent waiting for data: {advised}. {kept}"

    return rule


def _predicts_one_class(training: Training, plan: ValidationPlan) -> advice.Rule:
    params, augment, pack = training.params, training.params.augment, training.data.pack
    parts = {"val_": plan.ids} | ({"subset_": plan.subset} if plan.subset else {})
    pixels = {name: pack.index.loc[list(ids), pixel_columns(pack.info)].to_numpy().sum(axis=0) for name, ids in parts.items()}
    alone = {name: advice.scores_of_one_class(counts, pack.info.has_background) for name, counts in pixels.items()}
    # At first a network may well say background everywhere: it is the most frequent class.
    first = max(params.optim.warmup_epochs, params.train.epochs / 10)

    def rule(history: Sequence[loop.Record], speeds: Sequence[loop.Speed], run: loop.Run) -> str | None:
        number = advice.only_class(history, alone, first)
        if number is None:
            return None
        remedies = (
            f"optim.lr ({params.optim.lr:g} now), loss.class_weights ({params.loss.class_weights} now), "
            f"augment.object_crop ({augment.object_crop:g} now) or augment.rare_classes ({augment.rare_classes:g} now)"
        )
        return f"hardly a pixel is predicted as anything but {pack.info.classes[number]}. Try another {remedies}"

    return rule


def _learns_by_heart(training: Training, plan: ValidationPlan) -> advice.Rule:
    params = training.params
    score: Score = watched_score(params, training.data)
    remedies = f"more changes of the images (augment.preset: {params.augment.preset} now), model.dropout, more images"
    sooner = "" if params.train.early_stop else ", or end it sooner (train.early_stop: 0 now)"

    def rule(history: Sequence[loop.Record], speeds: Sequence[loop.Speed], run: loop.Run) -> str | None:
        found = advice.parted(history, "subset_" if plan.subset else "val_", score, params.train.epochs / 4)
        if found is None:
            return None
        losses = " and ".join(
            f"the {name} loss {verb} from {before:.4g} to {now:.4g}"
            for name, verb, (before, now) in (("training", "fell", found.train), ("validation", "rose", found.validation))
        )
        return f"since epoch {found.epoch + 1} {losses}: training images are learned by heart. Try {remedies}{sooner}"

    return rule

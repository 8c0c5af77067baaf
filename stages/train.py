"""Stage train: trains one fold and keeps the weights of its best epoch; logs to MLflow."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segpipe import command, params

if TYPE_CHECKING:
    import torch

    from segpipe.dataset.pack import Pack
    from segpipe.models.segmenter import Segmenter
    from segpipe.params import Params
    from segpipe.tracking import Tracker
    from segpipe.training.loop import Hook, Record, Run

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")
DECIDING = ("seed", "threads", "input", "augment", "model", "loss", "optim", "train", "infer")
"""The parts of params.yaml that decide the weights, and so the fingerprint."""


def main(fold: Annotated[int, typer.Option(help="Which fold to train, 0 or more.")]) -> None:
    """Trains on all folds but one, validates on that one, and writes models/foldN."""
    every = params.load()

    from segpipe import versions
    from segpipe.dataset import folds, pack
    from segpipe.models import weights
    from segpipe.training import device as devices
    from segpipe.training import history, loop

    installed = versions.check()
    device = devices.choose(every.runtime.device)
    devices.settle(every.threads, every.train.deterministic)
    data = pack.open_pack(PREPARED)
    parts = folds.read(FOLDS)
    folds.check(parts, (fold,))
    train_ids, validation_ids = _limited(folds.train_and_validation(parts, fold), every.train.limit_images)
    segmenter = _segmenter(every, data, train_ids, fold).to(device)
    card = _card(every, data, segmenter, fold, installed, device)
    tracker = _tracker(every, card, fold, devices.describe(device))
    print(f"fold {fold}: {len(train_ids)} images to train on, {len(validation_ids)} to validate, {devices.describe(device)}")
    run = _run(every, data, segmenter, train_ids, validation_ids, fold, device, tracker)
    try:
        best = loop.fit(run)
    except BaseException:
        tracker.end("FAILED")
        raise
    segmenter.load_state_dict(best.weights)
    folder = Path(f"models/fold{fold}")
    history.write(folder / "history.csv", run.history)
    weights.save(folder / "model.safetensors", segmenter, card)
    tracker.metrics({"best_epoch": best.epoch})
    tracker.file(folder / "model.safetensors", "model")
    tracker.end()
    shown = f"{every.train.monitor} {abs(best.gain):.4f} in epoch {best.epoch + 1}"
    command.done(f"{folder / 'model.safetensors'} (validation {shown})", "dvc repro")


def _limited(ids: tuple[list[str], list[str]], limit: int) -> tuple[list[str], list[str]]:
    """The first images only, for a quick look at whether anything learns."""
    return (ids[0][:limit], ids[1][:limit]) if limit else ids


def _segmenter(every: "Params", data: "Pack", train_ids: list[str], fold: int) -> "Segmenter":
    """The model with its first weights, which follow from seed and fold."""
    import torch

    from segpipe.dataset import normalise
    from segpipe.models import table
    from segpipe.models.segmenter import Segmenter, n_logits_for
    from segpipe.randomness import seed_of

    torch.manual_seed(seed_of(every.seed, fold, "weights"))
    network, stride = table.build(every.model, data.info.channels, n_logits_for(len(data.info.classes)))
    mean, deviation = normalise.statistics(every.input.normalise, data.index.loc[train_ids], data.info)
    return Segmenter(network, stride, mean, deviation).to(memory_format=torch.channels_last)


def _card(
    every: "Params", data: "Pack", segmenter: "Segmenter", fold: int, installed: dict[str, str], device: "torch.device"
) -> Any:
    import torch

    from segpipe.files import sha256_of
    from segpipe.fingerprint import data_hash, fingerprint
    from segpipe.models.weights import Card

    training = {
        "params": every.model_dump(include=set(DECIDING), mode="json"),
        "data": data_hash(PREPARED),
        "folds": sha256_of(FOLDS),
        "versions": installed,
        "device": device.type,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
    }
    return Card(
        classes=data.info.classes,
        has_background=data.info.has_background,
        channels=data.info.channels,
        bits=data.info.bits,
        long_side=every.input.long_side,
        model=every.model,
        infer=every.infer,
        fingerprint=fingerprint(training | {"fold": fold}),
        fold=fold,
        training=training,
    )


def _run(
    every: "Params",
    data: "Pack",
    segmenter: "Segmenter",
    train_ids: list[str],
    validation_ids: list[str],
    fold: int,
    device: "torch.device",
    tracker: "Tracker",
) -> "Run":
    """All parts of the loop, chosen by params."""
    from functools import partial

    from segpipe.dataset import loader
    from segpipe.losses import table as losses
    from segpipe.training import hooks, loop, optim, precision, schedule

    optimizer = optim.build(every.optim, segmenter)
    loss = losses.build(every.loss, data.info.has_background)
    samples = loader.TrainingSamples(data, every.augment, every.input.crop, every.input.long_side, every.seed, fold)
    order = loader.EpochBatches(train_ids, every.train.batch_size, every.seed, fold)
    batches = loader.training_loader(samples, order, every.runtime.workers, device.type == "cuda")

    def of_epoch(epoch: int) -> Any:
        order.epoch = epoch
        return batches

    return loop.Run(
        model=segmenter,
        optimizer=optimizer,
        loss=loss,
        batches=of_epoch,
        validate=partial(_validate, every, data, segmenter, validation_ids, loss, device),
        autocast=precision.autocast(every.train.precision, device),
        step=precision.stepper(every.train.precision, device, segmenter, optimizer, every.optim.clip_norm),
        rate=lambda epoch, gains: schedule.rate(every.optim, epoch, every.train.epochs, gains),
        gain=loop.gain_of(every.train.monitor),
        device=device,
        epochs=every.train.epochs,
        seed=every.seed,
        fold=fold,
        hooks=(hooks.console(every.train.monitor), _tracked(tracker), hooks.early_stop(every.train.early_stop)),
    )


def _validate(
    every: "Params", data: "Pack", segmenter: "Segmenter", ids: list[str], loss: Any, device: "torch.device"
) -> "Record":
    """The validation part's scores, by the function that evaluate uses."""
    from segpipe.dataset.loader import WholeImages, whole_image_loader
    from segpipe.inference.scoring import score_images
    from segpipe.scores import scores

    segmenter.eval()
    images = whole_image_loader(WholeImages(data, ids), every.runtime.workers)
    results = list(
        score_images(segmenter, images, len(data.info.classes), loss, every.infer, every.input.long_side, device)
    )
    found = scores([result.counts for result in results], data.info.has_background)
    cost = sum(result.loss for result in results) / len(results)
    return {"val_loss": cost} | {f"val_{name}": value for name, value in found.items() if value is not None}


def _tracker(every: "Params", card: Any, fold: int, device: str) -> "Tracker":
    """The MLflow run, with what it is about."""
    import os

    from segpipe import revision, tracking

    tags = {tracking.FINGERPRINT: card.fingerprint, "data": card.training["data"], "folds": card.training["folds"]}
    tags |= {"device": device, "git": revision.describe(), "fold": str(fold)}
    tags |= {name: os.environ[name] for name in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV") if name in os.environ}
    name = f"{os.environ.get('DVC_EXP_NAME', every.model.name)} fold {fold}"
    tracker = tracking.start(every.tracking.experiment, name, tags)
    flat = every.model_dump(include=set(DECIDING))
    tracker.params(
        {
            f"{section}.{key}" if isinstance(value, dict) else section: inner
            for section, value in flat.items()
            for key, inner in (value.items() if isinstance(value, dict) else [("", value)])
        }
    )
    return tracker


def _tracked(tracker: "Tracker") -> "Hook":
    """Logs each epoch's numbers, and how fast it was."""

    def log(record: "Record", speed: Any, run: "Run") -> bool:
        values = {name: value for name, value in record.items() if name != "epoch"}
        speeds = {"images_per_s": speed.images_per_s, "data_wait": speed.data_wait}
        tracker.metrics(values | speeds, int(record["epoch"]))
        return False

    return log


if __name__ == "__main__":
    command.run(main)

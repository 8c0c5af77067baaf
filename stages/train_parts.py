"""The parts of a training, put together from params.yaml: data, model, card and loop."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from segpipe.dataset.pack import Pack
    from segpipe.losses.table import Classes
    from segpipe.models.model_file import Card
    from segpipe.models.segmenter import Segmenter
    from segpipe.params.schema import Params
    from segpipe.training.loop import Batches, Hook, Run
    from segpipe.training.state import Scaler

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")
DECIDING = {"seed", "threads", "input", "augment", "model", "loss", "optim", "train", "infer"}
"""The parts of params.yaml that decide the weights, and so the fingerprint."""


@dataclass(frozen=True)
class Task:
    """What is trained on what: the parts that every function below needs."""

    every: "Params"
    fold: int
    data: "Pack"
    train_ids: list[str]
    validation_ids: list[str]
    device: "torch.device"


def task_of(every: "Params", fold: int, device: "torch.device") -> Task:
    """The data that lies there, the fold's ids, and the parameters with the preset of `augment` resolved.

    Raises PipelineError for a fold that does not exist, or whose training images are ignored wholly, every one.
    """
    from segpipe.dataset import pack, presets
    from segpipe.dataset.split import folds
    from segpipe.errors import PipelineError

    every = every.model_copy(update={"augment": presets.resolved(every.augment)})
    data = pack.open_pack(PREPARED)
    parts = folds.read(FOLDS)
    folds.check(parts, (fold,))
    train_ids, validation_ids = folds.train_and_validation(parts, fold)
    limit = every.train.limit_images or None
    task = Task(every, fold, data, train_ids[:limit], validation_ids[:limit], device)
    if ignored_wholly(task, task.train_ids) == task.train_ids:
        raise PipelineError(
            f"fold {fold}: every pixel of every training image is ignored, so there is nothing to learn. "
            "Look at data/doctor/contact_sheet.png, and mend the masks or what params.yaml says of them."
        )
    return task


def ignored_wholly(task: Task, ids: list[str]) -> list[str]:
    """Those of the images that have no pixel which is not ignored."""
    from segpipe.dataset.pack import pixel_columns

    counted = task.data.index.loc[ids, pixel_columns(task.data.info)].sum(axis="columns") > 0
    return [item for item in ids if not counted[item]]


def about_ignored(task: Task) -> list[str]:
    """Warnings of the images that are ignored wholly, and of what follows from that."""
    of_validation = "they are in no score"
    if ignored_wholly(task, task.validation_ids) == task.validation_ids:
        of_validation = "no epoch is better than another, and the weights of the last are kept"
    parts = (("training", task.train_ids, "they change no weight"), ("validation", task.validation_ids, of_validation))
    found = []
    for part, ids, effect in parts:
        if ignored := ignored_wholly(task, ids):
            listed = ", ".join(ignored[:3]) + (", ..." if len(ignored) > 3 else "")
            found.append(f"every pixel is ignored in {len(ignored)} of the {len(ids)} {part} images ({listed}): {effect}")
    return found


def segmenter_of(task: Task) -> tuple["Segmenter", str | None]:
    """The model with its first weights, which follow from seed and fold, and the SHA-256 of those the encoder was given."""
    import torch

    from segpipe.dataset import normalise
    from segpipe.models import table
    from segpipe.models.segmenter import Segmenter, clips, n_logits_for
    from segpipe.reproducibility.seeds import seed_of

    info = task.data.info
    torch.manual_seed(seed_of(task.every.seed, task.fold, "weights"))
    built = table.build(task.every.model, info.channels, n_logits_for(len(info.classes)))
    rule = task.every.input.normalise
    mean, deviation = normalise.statistics(rule, task.data.index.loc[task.train_ids], info)
    segmenter = Segmenter(built.network, built.stride, mean, deviation, clips(rule))
    return segmenter.to(memory_format=torch.channels_last).to(task.device), built.weights_sha256


def card_of(task: Task, installed: dict[str, str], weights_sha256: str | None) -> "Card":
    """What the model file will say of itself, with all that decided its weights."""
    import platform

    from segpipe.models.model_file import Card
    from segpipe.reproducibility.code_hash import code_hash
    from segpipe.reproducibility.fingerprint import data_hash, fingerprint
    from segpipe.storage.files import sha256_of
    from segpipe.training.device import instruction_set

    info, model = task.data.info, task.every.model
    # The path of a file of weights differs between machines; its hash does not.
    named = model.weights if model.weights == "imagenet" else weights_sha256
    told = model.model_copy(update={"weights": named if weights_sha256 else "none"})
    training = {
        "params": task.every.model_copy(update={"model": told}).model_dump(include=DECIDING, mode="json"),
        "encoder_weights": weights_sha256,
        "class_weights": list(classes_of(task).weights),
        "data": data_hash(PREPARED),
        "folds": sha256_of(FOLDS),
        "code": code_hash(Path(), ["stages.train", f"segpipe.models.{model.name}", f"segpipe.losses.{task.every.loss.name}"]),
        "versions": installed,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "device": task.device.type,
        "instruction_set": instruction_set(),
    }
    return Card(
        classes=info.classes,
        has_background=info.has_background,
        channels=info.channels,
        bits=info.bits,
        long_side=task.every.input.long_side,
        model=model.model_copy(update={"weights": "none", "weights_sha256": "none"}),
        infer=task.every.infer,
        fingerprint=fingerprint(training | {"fold": task.fold}),
        fold=task.fold,
        training=training,
    )


def classes_of(task: Task) -> "Classes":
    """What the loss knows of the classes, with the weights that `loss.class_weights` asks for."""
    from segpipe.dataset import class_weights
    from segpipe.losses.table import Classes

    info, loss = task.data.info, task.every.loss
    weights = class_weights.weights(loss.class_weights, loss.weights, task.data.index.loc[task.train_ids], info)
    return Classes(info.has_background, weights)


def weights_sentence(task: Task) -> str:
    """The weight of each class in words, for the console and MLflow; empty where all are alike."""
    from segpipe.dataset import class_weights

    found = classes_of(task).weights
    return class_weights.sentence(found, task.data.index.loc[task.train_ids], task.data.info) if found else ""


def run_of(task: Task, segmenter: "Segmenter", scaler: "Scaler", watching: "tuple[Hook, ...]") -> "Run":
    """All parts of the loop, chosen by params."""
    from segpipe.dataset.loader import WholeImages, whole_image_loader
    from segpipe.losses import table as losses
    from segpipe.training import encoder_schedule, hooks, loop, optim, precision, schedule
    from segpipe.training.validate import validator

    every = task.every
    encoder = getattr(segmenter.network, "encoder", None)
    optimizer = optim.build(every.optim, segmenter, encoder)
    loss = losses.build(every.loss, classes_of(task))
    images = whole_image_loader(WholeImages(task.data, task.validation_ids), every.runtime.workers)
    return loop.Run(
        model=segmenter,
        optimizer=optimizer,
        loss=loss,
        batches=_batches(task),
        n_batches=-(-len(task.train_ids) // every.train.batch_size),
        validate=validator(segmenter, images, task.data.info, loss, every.infer, every.input.long_side, task.device),
        autocast=precision.autocast(every.train.precision, task.device),
        step=precision.stepper(segmenter, optimizer, every.optim.clip_norm, scaler),
        rate=lambda epoch, gains: schedule.rate(every.optim, epoch, every.train.epochs, gains),
        gain=loop.gain_of(every.train.monitor),
        device=task.device,
        epochs=every.train.epochs,
        seed=every.seed,
        fold=task.fold,
        enter=encoder_schedule.entering(segmenter.network, encoder, every.optim, every.train.epochs),
        stop=hooks.early_stop(every.train.early_stop),
        hooks=watching,
    )


def about_encoder(task: Task, segmenter: "Segmenter") -> list[str]:
    """Lines for the start of a training: what of the encoder learns and when, and whether its weights know such input."""
    from segpipe.models import pretrained
    from segpipe.training import encoder_schedule

    every = task.every
    learning = encoder_schedule.told(getattr(segmenter.network, "encoder", None), every.optim, every.train.epochs)
    advice = pretrained.about_input(every.model, every.input.normalise, task.data.info.channels)
    return [line for line in (learning, advice) if line]


def _batches(task: Task) -> "Batches":
    """The augmented batches of an epoch, from one of them on."""
    from segpipe.dataset import loader
    from segpipe.dataset.training_samples import Draws, image_weights

    every, ids = task.every, task.train_ids
    draws = Draws(task.data, ids, every.augment, every.input.crop, every.input.long_side, every.seed, task.fold)
    weights = image_weights(task.data, ids, every.augment.rare_classes)
    order = loader.EpochBatches(ids, every.train.batch_size, every.seed, task.fold, weights)
    batches = loader.training_loader(loader.TrainingSamples(draws), order, every.runtime.workers, task.device.type == "cuda")

    def of_epoch(epoch: int, first: int) -> Any:
        order.epoch, order.first = epoch, first
        return batches

    return of_epoch


def smaller_than_crop(task: Task) -> int:
    """How many training images have a side below the crop, after the size rule."""
    from segpipe.images.resize import shrunk_size

    sizes = task.data.index.loc[task.train_ids, ["height", "width"]].itertuples(index=False)
    return sum(min(shrunk_size(height, width, task.every.input.long_side)) < task.every.input.crop for height, width in sizes)


def require_repeatable(task: Task, segmenter: "Segmenter") -> None:
    """On a GPU, tries the model on the CPU first, where the operations that CUDA cannot repeat are seen and not yet refused."""
    import copy

    import torch

    from segpipe.diagnostics import deterministic_ops
    from segpipe.losses import table as losses

    if task.device.type != "cuda" or not task.every.train.deterministic:
        return
    trial, crop = copy.deepcopy(segmenter).cpu(), task.every.input.crop
    loss = losses.build(task.every.loss, classes_of(task))
    image, target = torch.zeros(2, task.data.info.channels, crop, crop), torch.zeros(2, crop, crop, dtype=torch.long)
    deterministic_ops.require_repeatable(
        deterministic_ops.operations(lambda: loss(trial(image), target)["loss"].mean().backward())
    )

"""A training put together from params.yaml: every part is built once, in the order in which it is needed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import nn

from segpipe.dataset import class_weights, image_cache, loader, normalise, presets
from segpipe.dataset.image_cache import ImageCache
from segpipe.dataset.training_samples import AugmentedCrops, image_weights
from segpipe.losses import table as losses
from segpipe.losses.table import Classes, LossFunction
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.models.whole_model import whole_model
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import encoder_schedule, hooks, loop, optim, precision, schedule
from segpipe.training.state import Scaler
from segpipe.training.validate import validator
from segpipe.workflows.model_card import model_card
from segpipe.workflows.training_data import TrainingData


@dataclass(frozen=True)
class Training:
    """The built parts of one training. `params` has the values of a preset of `augment` in place of those it overrules."""

    params: TrainKeys
    data: TrainingData
    device: torch.device
    classes: Classes
    loss: LossFunction
    segmenter: Segmenter
    encoder: nn.Module | None
    card: Card
    scaler: Scaler
    cache: ImageCache
    run: loop.Run


def assemble(params: TrainKeys, data: TrainingData, device: torch.device, installed: dict[str, str]) -> Training:
    """All parts, ready for `loop.fit`; `installed` holds the versions of the libraries that decide bytes.

    Raises PipelineError where parts do not fit one another, the data, or the device.
    """
    params = params.model_copy(update={"augment": presets.resolved(params.augment)})
    scaler = precision.scaler(params.train.precision, device)
    classes = _classes(params, data)
    loss = losses.build(params.loss, classes)
    segmenter, weights_sha256 = _segmenter(params, data)
    # The weights in the memory format that the batches have (`loop.compute_losses`).
    segmenter = segmenter.to(memory_format=torch.channels_last).to(device)
    # A network whose encoder can start from weights, be frozen or learn slower calls it so.
    encoder = getattr(segmenter.network, "encoder", None)
    card = model_card(params, data, device, installed, classes.weights, weights_sha256)
    cache = _cache(params, data)
    run = _run(params, data, device, segmenter, encoder, loss, scaler, cache)
    return Training(params, data, device, classes, loss, segmenter, encoder, card, scaler, cache, run)


def with_images(training: Training, n_train: int | None, n_validation: int | None) -> Training:
    """The same training on the first so many images of each part; None takes all. Its card stays that of the whole."""
    whole = training.data
    data = replace(whole, train_ids=whole.train_ids[:n_train], validation_ids=whole.validation_ids[:n_validation])
    parts = (training.segmenter, training.encoder, training.loss, training.scaler, training.cache)
    return replace(training, data=data, run=_run(training.params, data, training.device, *parts))


def _classes(params: TrainKeys, data: TrainingData) -> Classes:
    """What the loss knows of the classes, with the weights that `loss.class_weights` asks for."""
    info, rows = data.pack.info, data.pack.index.loc[data.train_ids]
    weights = class_weights.weights(params.loss.class_weights, params.loss.weights, rows, info)
    return Classes(info.has_background, weights)


def _segmenter(params: TrainKeys, data: TrainingData) -> tuple[Segmenter, str | None]:
    """The model with its first weights, which follow from seed and fold, and the SHA-256 of those the encoder was given."""
    info = data.pack.info
    # Right before the weights are drawn, so that nothing drawn earlier can change them.
    torch.manual_seed(seed_of(params.seed, data.fold, "weights"))
    rule = params.input.normalise
    mean, deviation = normalise.statistics(rule, data.pack.index.loc[data.train_ids], info)
    return whole_model(params.model, info.channels, len(info.classes), rule, mean, deviation)


def _run(
    params: TrainKeys,
    data: TrainingData,
    device: torch.device,
    segmenter: Segmenter,
    encoder: nn.Module | None,
    loss: LossFunction,
    scaler: Scaler,
    cache: ImageCache,
) -> loop.Run:
    """The parts of the loop; who watches and where states are saved comes later."""
    optimizer = optim.build(params.optim, segmenter, encoder)
    images = loader.whole_image_loader(loader.WholeImages(data.pack, data.validation_ids), params.runtime.workers)
    score = loop.monitored_score(params.train.monitor)
    epochs = params.train.epochs
    return loop.Run(
        model=segmenter,
        weights=segmenter.state_dict,
        optimizer=optimizer,
        loss=loss,
        batches=_batches(params, data, cache, pin=device.type == "cuda"),
        # Rounded up, as `EpochBatches` cuts them.
        n_batches=-(-len(data.train_ids) // params.train.batch_size),
        validate=validator(segmenter, images, data.pack.info, loss, params.infer, params.input.long_side, device),
        autocast=precision.autocast(params.train.precision, device),
        step=precision.stepper(segmenter, optimizer, params.optim.clip_norm, scaler),
        learning_rate=lambda epoch, history: schedule.learning_rate(params.optim, epoch, epochs, [*map(score, history)]),
        score=score,
        device=device,
        epochs=epochs,
        seed=params.seed,
        fold=data.fold,
        at_epoch=encoder_schedule.at_epoch(segmenter.network, encoder, params.optim, epochs),
        stop=hooks.early_stop(params.train.early_stop, score),
    )


def _cache(params: TrainKeys, data: TrainingData) -> ImageCache:
    """Room for decoded training images; it holds none unless it is opened."""
    pack, budget = data.pack, int(params.runtime.cache_gib * 2**30)
    return ImageCache(image_cache.plan(pack.index, data.train_ids, pack.info.channels, params.input.long_side, budget))


def _batches(params: TrainKeys, data: TrainingData, cache: ImageCache, pin: bool) -> loop.Batches:
    """The augmented batches of an epoch, from one of them on."""
    ids, sizes = data.train_ids, params.input
    draws = AugmentedCrops(data.pack, ids, params.augment, sizes.crop, sizes.long_side, params.seed, data.fold, cache)
    weights = image_weights(data.pack, ids, params.augment.rare_classes)
    order = loader.EpochBatches(ids, params.train.batch_size, params.seed, data.fold, weights)
    batches = loader.training_loader(loader.TrainingSamples(draws), order, params.runtime.workers, pin)

    def of_epoch(epoch: int, first: int) -> Iterable[loader.Batch]:
        # One loader for all epochs keeps its workers alive; its sampler is told what comes next.
        order.epoch, order.first = epoch, first
        return batches

    return of_epoch

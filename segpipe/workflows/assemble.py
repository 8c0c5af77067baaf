"""A training put together from params.yaml: every part is built once, in the order in which it is needed."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from segpipe.dataset import class_weights, held_crops, image_cache, loader, normalise, presets
from segpipe.dataset.held_crops import HeldBatches, HeldCrops
from segpipe.dataset.image_cache import ImageCache
from segpipe.dataset.loader import EpochBatches
from segpipe.dataset.site_batches import SiteBatches
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.diagnostics import memory
from segpipe.errors import PipelineError
from segpipe.losses import table as losses
from segpipe.losses.table import Classes, LossFunction
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.models.whole_model import whole_model
from segpipe.params.stage_keys import TrainKeys
from segpipe.record import DatasetInfo
from segpipe.reproducibility.seeds import seed_of, training_seed
from segpipe.training import (
    accumulate,
    averaged,
    early_stop,
    encoder_schedule,
    loop,
    monitored_score,
    optim,
    precision,
    processes,
    schedule,
    validate,
)
from segpipe.training import validation_plan as plans
from segpipe.training.precision import Scaler
from segpipe.training.processes import ALONE, Group
from segpipe.training.validation_plan import ValidationPlan
from segpipe.workflows.epoch_order import epoch_order
from segpipe.workflows.model_card import model_card
from segpipe.workflows.strategies import STRATEGIES
from segpipe.workflows.strategy_parts import Order, Parts
from segpipe.workflows.training_data import TrainingData, wholly_ignored


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
    group: Group
    run: loop.Run


def assemble(
    params: TrainKeys, data: TrainingData, device: torch.device, installed: dict[str, str], group: Group = ALONE
) -> Training:
    """All parts, ready for `loop.fit` in one of the processes of `group`.

    `installed` holds the versions of the libraries that decide bytes.

    Raises PipelineError where parts do not fit one another, the data, or the device.
    """
    strategy = STRATEGIES[params.train.strategy]
    params = strategy.resolve(params.model_copy(update={"augment": presets.resolved(params.augment)}))
    _require_images_for_parts(params, strategy.order(params, data))
    scaler = precision.scaler(params.train.precision, device)
    classes = _classes(params, data)
    loss = losses.build(params.loss, classes)
    segmenter, weights_sha256 = _segmenter(params, data)
    # The weights in the memory format that the batches have (`loop.compute_losses`).
    segmenter = segmenter.to(memory_format=torch.channels_last).to(device)
    # A network whose encoder can start from weights, be frozen or learn slower calls it so.
    encoder = getattr(segmenter.network, "encoder", None)
    card = model_card(params, data, device, installed, classes.weights, weights_sha256)
    card = replace(card, training=card.training | strategy.record(params, data))
    cache = _cache(params, data)
    run = _run(params, data, device, segmenter, encoder, loss, scaler, cache, group)
    return Training(params, data, device, classes, loss, segmenter, encoder, card, scaler, cache, group, run)


def with_images(training: Training, n_train: int | None, n_validation: int | None) -> Training:
    """The same training on the first so many images of each part; None takes all. Its card stays that of the whole.

    An epoch shows each of fewer training images once, whatever `train.steps_per_epoch` says of the whole.
    """
    whole, params = training.data, training.params
    if n_train is not None:
        params = with_whole_passes(params)
    data = replace(whole, train_ids=whole.train_ids[:n_train], validation_ids=whole.validation_ids[:n_validation])
    parts = (training.segmenter, training.encoder, training.loss, training.scaler, training.cache, training.group)
    return replace(training, data=data, run=_run(params, data, training.device, *parts))


def with_whole_passes(params: TrainKeys) -> TrainKeys:
    """The keys by which an epoch shows each image once."""
    return params.model_copy(update={"train": params.train.model_copy(update={"steps_per_epoch": 0})})


def training_crops(params: TrainKeys, data: TrainingData, cache: ImageCache) -> AugmentedCrops:
    """What draws the training samples; the preset of `augment` is resolved."""
    sizes, seed = params.input, training_seed(params.seed, params.train.seed)
    return AugmentedCrops(data.pack, data.train_ids, params.augment, sizes.crop, sizes.long_side, seed, data.fold, cache)


def batch_ids(training: Training, epoch: int, number: int) -> tuple[str, ...]:
    """The images of an epoch's batch, in their order, without reading any."""
    order = STRATEGIES[training.params.train.strategy].order(training.params, training.data)
    order.epoch, order.first = epoch, number
    return tuple(item for _, item, _ in next(iter(order)))


def validation_plan(params: TrainKeys, data: TrainingData) -> ValidationPlan:
    """Which epochs are validated, and on which images."""
    ignored = set(wholly_ignored(data.pack, data.validation_ids))
    counted = [item for item in data.validation_ids if item not in ignored]
    return plans.plan(data.validation_ids, counted, params.train.validate_every, params.train.validate_images, params.seed)


def watched_score(params: TrainKeys, data: TrainingData) -> monitored_score.Score:
    """What `early_stop` and `plateau` go by: the score of the subset where there is one, so that all are of the same images."""
    if validation_plan(params, data).subset:
        return monitored_score.of_subset(params.train.monitor)
    return _best_score(params, data)


def _best_score(params: TrainKeys, data: TrainingData) -> monitored_score.Score:
    """What the best epoch is chosen by."""
    if wholly_ignored(data.pack, data.validation_ids) == data.validation_ids:
        return monitored_score.latest
    return monitored_score.of_whole(params.train.monitor)


def _classes(params: TrainKeys, data: TrainingData) -> Classes:
    """What the loss knows of the classes, with the weights that `loss.class_weights` asks for."""
    info, rows = data.pack.info, data.pack.index.loc[data.train_ids]
    weights = class_weights.weights(params.loss.class_weights, params.loss.weights, rows, info)
    return Classes(info.has_background, weights)


def _segmenter(params: TrainKeys, data: TrainingData) -> tuple[Segmenter, str | None]:
    """The model with its first weights, and the SHA-256 of those the encoder was given."""
    info = data.pack.info
    mean, deviation = normalise.statistics(params.input.normalise, data.pack.index.loc[data.train_ids], info)
    return first_model(params, data.fold, info, mean, deviation)


def first_model(
    params: TrainKeys, fold: int, info: DatasetInfo, mean: Sequence[float], deviation: Sequence[float]
) -> tuple[Segmenter, str | None]:
    """The model with its first weights, which follow from seeds and fold, and the SHA-256 of those the encoder was given."""
    # Right before the weights are drawn, so that nothing drawn earlier can change them.
    torch.manual_seed(seed_of(training_seed(params.seed, params.train.seed), fold, "weights"))
    return whole_model(params.model, info.channels, len(info.classes), params.input.normalise, mean, deviation)


def _run(
    params: TrainKeys,
    data: TrainingData,
    device: torch.device,
    segmenter: Segmenter,
    encoder: nn.Module | None,
    loss: LossFunction,
    scaler: Scaler,
    cache: ImageCache,
    group: Group,
) -> loop.Run:
    """The parts of the loop; who watches and where states are saved comes later."""
    optimizer = optim.build(params.optim, segmenter, encoder)
    # The average of the weights is a module of its own, so that validation need not put it into the one that learns.
    strategy = STRATEGIES[params.train.strategy]
    kept = copy.deepcopy(segmenter) if params.train.ema or strategy.keeps_copy else segmenter
    watched = watched_score(params, data)
    epochs = params.train.epochs
    gradients = (params.train.accumulate, scaler, segmenter)
    run = loop.Run(
        model=segmenter,
        weights=kept.state_dict,
        optimizer=optimizer,
        loss=loss,
        batches=_batches(params, data, cache, device, group),
        n_batches=len(epoch_order(params, data)),
        validate=_validate(params, data, device, kept, loss, group),
        autocast=precision.autocast(params.train.precision, device),
        backward=accumulate.backward(*gradients) if group.world == 1 else processes.backward(*gradients, group),
        step=precision.stepper(segmenter, optimizer, params.optim.clip_norm, scaler),
        learning_rate=lambda epoch, history: schedule.learning_rate(params.optim, epoch, epochs, [*map(watched, history)]),
        score=_best_score(params, data),
        device=device,
        epochs=epochs,
        seed=training_seed(params.seed, params.train.seed),
        fold=data.fold,
        at_epoch=encoder_schedule.at_epoch(segmenter.network, encoder, params.optim, epochs),
        stop=early_stop.early_stop(params.train.early_stop, watched),
    )
    if params.train.ema:
        run = averaged.prepare(run, kept, params.train.ema)

    def batches(order: Order) -> loop.Batches:
        return _batches_of(order, order, params, data, cache, device)

    return strategy.prepare(run, params, data, Parts(segmenter, encoder, kept, scaler, batches))


def _validate(
    params: TrainKeys, data: TrainingData, device: torch.device, segmenter: Segmenter, loss: LossFunction, group: Group
) -> Callable[[loop.Run, loop.Record], loop.Record]:
    """What validates the segmenter at the end of an epoch."""
    score = _scorer(params, data, device, segmenter, loss)
    shared = score if group.world == 1 else processes.shared(score, group)
    apart = STRATEGIES[params.train.strategy].validated_apart(params, data)
    return validate.validator(validation_plan(params, data), shared, data.pack.info, apart)


def scorer(training: Training) -> validate.Scorer:
    """A function that predicts images by the network that learns, as it is then."""
    return _scorer(training.params, training.data, training.device, training.segmenter, training.loss)


def _scorer(
    params: TrainKeys, data: TrainingData, device: torch.device, segmenter: Segmenter, loss: LossFunction
) -> validate.Scorer:
    def read(ids: Sequence[str]) -> Iterable[loader.WholeImage]:
        return loader.whole_image_loader(loader.WholeImages(data.pack, ids), params.runtime.workers)

    n_classes = len(data.pack.info.classes)
    return validate.scorer(segmenter, read, n_classes, loss, params.infer, params.input.long_side, device)


def _cache(params: TrainKeys, data: TrainingData) -> ImageCache:
    """Room for decoded training images; it holds none unless it is opened, or where they lie on the device."""
    if params.augment.library == "torchvision":
        return ImageCache({})
    pack, budget = data.pack, int(params.runtime.cache_gib * 2**30)
    return ImageCache(image_cache.plan(pack.index, data.train_ids, pack.info.channels, params.input.long_side, budget))


def _batches(params: TrainKeys, data: TrainingData, cache: ImageCache, device: torch.device, group: Group) -> loop.Batches:
    """The augmented batches of an epoch, from one of them on: what of them is this process's."""
    order = epoch_order(params, data)
    if group.world == 1:
        return _batches_of(order, order, params, data, cache, device)
    own = loader.OwnParts(order, params.train.accumulate, group.rank, group.world)
    parts = _batches_of(order, own, params, data, cache, device)
    return lambda epoch, first: processes.whole_ids(iter(parts(epoch, first)), iter(order))


def _batches_of(
    order: Order,
    own: Order | loader.OwnParts,
    params: TrainKeys,
    data: TrainingData,
    cache: ImageCache,
    device: torch.device,
) -> loop.Batches:
    """Those of `own`, which is the order, or what of it is this process's."""
    draws = training_crops(params, data, cache)
    batches: Iterable[loader.Batch]
    if params.augment.library == "torchvision":
        _require_room(params, data, device)
        batches = HeldBatches(HeldCrops(draws, device), own, params.runtime.workers)
    else:
        samples, pin = loader.TrainingSamples(draws), device.type == "cuda"
        batches = loader.training_loader(samples, own, params.runtime.workers, pin)

    def of_epoch(epoch: int, first: int) -> Iterable[loader.Batch]:
        # One loader for all epochs keeps its workers alive; its sampler is told what comes next.
        order.epoch, order.first = epoch, first
        return batches

    return of_epoch


def _require_images_for_parts(params: TrainKeys, order: EpochBatches | SiteBatches) -> None:
    """Raises PipelineError where a part of a batch would be empty: a set, or a site's, may be too small for whole batches."""
    alone = order.sites if isinstance(order, SiteBatches) else [order]
    smallest = min(alone, key=lambda each: each.smallest_batch)
    size = smallest.smallest_batch
    if params.train.accumulate > size:
        raise PipelineError(
            f"train.accumulate: {params.train.accumulate} parts a batch, but {len(smallest.ids)} training images make "
            f"batches of {size}. Write {size} or fewer."
        )


def _require_room(params: TrainKeys, data: TrainingData, device: torch.device) -> None:
    """Raises PipelineError where the decoded training images would leave the model less than half of the device's memory.

    Where the system does not say how much that is, it is tried.
    """
    pack = data.pack
    needed = held_crops.bytes_held(pack.index, data.train_ids, pack.info.channels, params.input.long_side)
    free = memory.available_memory(device)
    if free is not None and 2 * needed > free:
        raise PipelineError(
            f"augment.library: torchvision keeps the {len(data.train_ids)} decoded training images in the memory of "
            f"{device.type}, {needed / 2**30:.1f} GiB, and of its {free / 2**30:.1f} GiB half is for the model. "
            "Write albumentations, or shrink the images by input.long_side."
        )

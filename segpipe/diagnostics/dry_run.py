"""Two batches of made-up images through the real training loop: all that a step computes and keeps, without any data."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from segpipe.dataset.loader import Batch
from segpipe.diagnostics.fake_tensors import fake_copy
from segpipe.losses import table as losses
from segpipe.losses.table import Classes
from segpipe.models.segmenter import Segmenter
from segpipe.params.schema import LossParams, OptimParams, TrainParams
from segpipe.training import accumulate, averaged, encoder_schedule, loop, optim, precision

BATCHES = 2
"""The first makes gradients and the optimizer's moments; from the second on each step is like the one before."""


@dataclass(frozen=True)
class TrainingShape:
    """What a training's step depends on beside the model. `crop` in pixels; `channels` and `n_classes` of the data."""

    crop: int
    channels: int
    n_classes: int
    has_background: bool
    loss: LossParams
    optim: OptimParams
    train: TrainParams


def dry_run(segmenter: Segmenter, shape: TrainingShape, batch_size: int, device: torch.device) -> None:
    """Trains `segmenter`, which lies on `device`, on two batches, at a learning rate of 0: only its statistics change.

    A batch has as many images as `train.accumulate` asks for parts, or more.

    The loop is the last epoch's, when all is on: an encoder that was frozen learns, and the best weights so far are kept.
    """
    encoder = getattr(segmenter.network, "encoder", None)
    optimizer = optim.build(shape.optim, segmenter, encoder)
    scaler = precision.scaler(shape.train.precision, device)
    weights = (1.0,) * shape.n_classes if shape.loss.class_weights != "none" else ()
    epochs = shape.train.epochs
    best = loop.Best(0, 0.0, {name: tensor.detach().clone() for name, tensor in segmenter.state_dict().items()})
    run = loop.Run(
        model=segmenter,
        weights=segmenter.state_dict,
        optimizer=optimizer,
        loss=losses.build(shape.loss, Classes(shape.has_background, weights)),
        batches=lambda epoch, first: _batches(shape, batch_size),
        n_batches=BATCHES,
        validate=lambda run, record: {},
        autocast=precision.autocast(shape.train.precision, device),
        backward=accumulate.backward(shape.train.accumulate, scaler, segmenter),
        step=precision.stepper(segmenter, optimizer, shape.optim.clip_norm, scaler),
        learning_rate=lambda epoch, history: 0.0,
        score=lambda record: 0.0,
        device=device,
        epochs=epochs,
        seed=0,
        fold=0,
        at_epoch=encoder_schedule.at_epoch(segmenter.network, encoder, shape.optim, epochs),
        progress=loop.Progress(epoch=epochs - 1, best=best),
    )
    # The average's numbers do not matter, and a copy of them could not be taken of fake tensors.
    loop.train_epoch(averaged.prepare(run, fake_copy(segmenter), shape.train.ema) if shape.train.ema else run)


def _batches(shape: TrainingShape, batch_size: int) -> Iterator[Batch]:
    """Random values: constant ones have no deviation, and a network that divides by it blows up."""
    size = (batch_size, shape.channels, shape.crop, shape.crop)
    for _ in range(BATCHES):
        image = torch.randint(0, 256, size, dtype=torch.uint8)
        target = torch.randint(0, shape.n_classes, (batch_size, shape.crop, shape.crop))
        yield Batch(("made up",) * batch_size, image, target)

"""A tiny training without batch statistics or dropout: an image's gradient depends on no other image."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from segpipe.dataset.loader import Batch
from segpipe.models.layers.style import Style
from segpipe.models.segmenter import Segmenter
from segpipe.models.unet import unet
from segpipe.record import IGNORE
from segpipe.training import averaged, loop, optim, precision
from tests.training import suite

CLIP = 1.0


def model() -> Segmenter:
    """A U-Net of two levels with instance normalisation, the same weights each time, laid out as a training's are."""
    torch.manual_seed(0)
    network = unet(3, 3, [4, 8], Style("relu", "instance", 0.0, "transposed"))
    return Segmenter(network, 2, [0.5] * 3, [0.3] * 3).to(memory_format=torch.channels_last)


def run(momentum: float = 0.9, clip: float = CLIP, **changes: Any) -> loop.Run:
    """Two epochs of two batches by SGD; the score follows from the weights. Any other part may be another."""
    segmenter = model()
    optimizer = optim.build(suite.optim_params(name="sgd", momentum=momentum, weight_decay=0.0), segmenter)
    parts = {
        "model": segmenter,
        "optimizer": optimizer,
        "step": precision.stepper(segmenter, optimizer, clip, None),
        "validate": scored(segmenter),
    }
    return suite.run(**parts | changes)


def averaging(plain: loop.Run, decay: float) -> loop.Run:
    """The run with averaged weights, which are what is validated."""
    average = copy.deepcopy(plain.model)
    return averaged.prepare(replace(plain, validate=scored(average)), average, decay)


def scored(segmenter: nn.Module) -> Callable[[loop.Run, loop.Record], loop.Record]:
    """A validation whose number changes with every weight."""

    def validate(run: loop.Run, record: loop.Record) -> loop.Record:
        segmenter.eval()
        with torch.no_grad():
            logits = segmenter(torch.linspace(0, 1, 3 * 16 * 16).view(1, 3, 16, 16))
        return {"val_dice": float(logits.double().sin().mean())}

    return validate


def batches(*sizes: int, ignored: tuple[tuple[int, int], ...] = ()) -> loop.Batches:
    """Batches of these sizes in each epoch. `ignored` names images, by batch and place, without a pixel that counts."""

    def of_epoch(epoch: int, first: int) -> list[Batch]:
        found = suite.batches(epoch, 0, sizes)
        for number, place in ignored:
            found[number].target[place] = IGNORE
        return found[first:]

    return of_epoch

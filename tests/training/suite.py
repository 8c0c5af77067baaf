"""A small training on random images, and the parts of a `Run` for the tests of the loop."""

from collections.abc import Callable
from typing import Any

import torch

from segpipe.dataset.loader import Batch
from segpipe.losses.table import build
from segpipe.models.segmenter import Segmenter
from segpipe.models.unet import UNet
from segpipe.params import LossParams, OptimParams
from segpipe.randomness import seed_of
from segpipe.training import loop, optim, precision, schedule

CPU = torch.device("cpu")

OPTIM = OptimParams(
    name="adamw",
    lr=0.01,
    momentum=0.9,
    weight_decay=0.0001,
    clip_norm=1.0,
    schedule="cosine",
    warmup_epochs=1,
    power=0.9,
    step_epochs=10,
    factor=0.1,
    patience=1,
)


def optim_params(**changes: Any) -> OptimParams:
    return OPTIM.model_copy(update=changes)


def batches(epoch: int, first: int = 0, sizes: tuple[int, ...] = (3, 2)) -> list[Batch]:
    """The epoch's random images from a batch on, 16 x 16, three classes."""
    found = []
    for number, size in enumerate(sizes):
        generator = torch.Generator().manual_seed(seed_of("batch", epoch, number))
        image = torch.randint(0, 256, (size, 3, 16, 16), generator=generator, dtype=torch.uint8)
        target = image[:, 0].long() // 86
        found.append(Batch(tuple(f"image-{epoch}-{number}-{item}" for item in range(size)), image, target))
    return found[first:]


def model() -> Segmenter:
    """A U-Net with dropout, the same weights each time."""
    torch.manual_seed(0)
    return Segmenter(UNet(3, 3, 4, 2, "relu", 0.3), 4, [0.5] * 3, [0.3] * 3)


def run(**changes: Any) -> loop.Run:
    """Two epochs of two batches; validation finds the same each time. Any part may be another."""
    segmenter: Any = changes.pop("model", None) or model()
    optimizer = optim.build(OPTIM, segmenter)
    parts: dict[str, Any] = {
        "model": segmenter,
        "optimizer": optimizer,
        "loss": build(LossParams(name="dice_pixel", dice_weight=0.5), True),
        "batches": batches,
        "n_batches": 2,
        "validate": lambda: {"val_dice": 0.5},
        "autocast": precision.autocast("fp32", CPU),
        "step": precision.stepper(segmenter, optimizer, OPTIM.clip_norm, None),
        "rate": lambda epoch, gains: schedule.rate(OPTIM, epoch, 2, gains),
        "gain": loop.gain_of("dice"),
        "device": CPU,
        "epochs": 2,
        "seed": 42,
        "fold": 0,
    }
    return loop.Run(**parts | changes)


def scripted(name: str, values: list[float]) -> Callable[[], loop.Record]:
    """A validation that finds these values, one an epoch."""
    remaining = iter(values)
    return lambda: {name: next(remaining)}

"""A small training on random images, and the parts of a `Run` for the tests of the loop."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from segpipe.dataset.loader import Batch
from segpipe.losses.table import Classes, build
from segpipe.models.layers.style import Style
from segpipe.models.segmenter import Segmenter
from segpipe.models.unet import unet
from segpipe.params.schema import OptimParams
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import accumulate, loop, monitored_score, optim, precision, schedule
from tests import plain_params

CPU = torch.device("cpu")

PARAMS = plain_params.PARAMS
OPTIM = PARAMS.optim.model_copy(update={"lr": 0.01, "patience": 1})


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
    return Segmenter(unet(3, 3, [4, 8, 16], Style("relu", "batch", 0.3, "transposed")), 4, [0.5] * 3, [0.3] * 3)


def dice(history: Sequence[loop.Record]) -> list[float]:
    """The validation Dice of each epoch, 0 where it has none."""
    return [record.get("val_dice", 0.0) for record in history]


def run(**changes: Any) -> loop.Run:
    """Two epochs of two batches; validation finds the same each time. Any part may be another."""
    segmenter: Any = changes.pop("model", None) or model()
    optimizer = optim.build(OPTIM, segmenter)
    parts: dict[str, Any] = {
        "model": segmenter,
        "weights": segmenter.state_dict,
        "optimizer": optimizer,
        "loss": build(PARAMS.loss, Classes(True)),
        "batches": batches,
        "n_batches": 2,
        "validate": lambda run, record: {"val_dice": 0.5},
        "autocast": precision.autocast("fp32", CPU),
        "backward": accumulate.backward(1, None, segmenter),
        "step": precision.stepper(segmenter, optimizer, OPTIM.clip_norm, None),
        "learning_rate": lambda epoch, history: schedule.learning_rate(OPTIM, epoch, 2, dice(history)),
        "score": monitored_score.of_whole("dice"),
        "device": CPU,
        "epochs": 2,
        "seed": 42,
        "fold": 0,
    }
    return loop.Run(**parts | changes)


def scripted(name: str, values: list[float]) -> Callable[[loop.Run, loop.Record], loop.Record]:
    """A validation that finds these values, one an epoch."""
    remaining = iter(values)
    return lambda run, record: {name: next(remaining)}

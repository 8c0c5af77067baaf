"""One image of any size to logits at its own resolution: whole up to a pixel budget, overlapping tiles above."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segpipe.errors import DataError
from segpipe.images.resize import shrink_image
from segpipe.images.to_tensor import channels_first, unit_values
from segpipe.images.value_range import as_values
from segpipe.models.segmenter import classes_of
from segpipe.params.schema import InferParams

Forward = Callable[[Tensor], Tensor]
"""(1, C, H, W) values in [0, 1] to logits (1, K, H, W): a torch model or an ONNX session."""


@dataclass(frozen=True)
class Prediction:
    """One image: float32 `logits` (K, H, W) on the device, and its `classes` (H, W), uint8 class ids."""

    logits: Tensor
    classes: NDArray[np.uint8]


def predict_classes(
    forward: Forward, image: NDArray[Any], params: InferParams, long_side: int, device: torch.device, name: str
) -> Prediction:
    """(H, W, C) uint8 or uint16 to logits and classes at its own size: the one way to a mask, whoever asks for it.

    Raises DataError, with `name` for the image, where a logit is not finite.
    """
    logits = predict_logits(forward, image, params, long_side, device)
    require_finite(logits, name)
    return Prediction(logits, classes_of(logits).cpu().numpy())


@torch.inference_mode()
def predict_logits(forward: Forward, image: NDArray[Any], params: InferParams, long_side: int, device: torch.device) -> Tensor:
    """(H, W, C) uint8 or uint16 to float32 logits (K, H, W) on the device.

    An image larger than `long_side` is shrunk first, as in training, and its logits are enlarged again.
    """
    small = shrink_image(as_values(image), long_side)
    # (1, C, h, w), channels last as in training.
    values = unit_values(channels_first(small)[None].to(device)).contiguous(memory_format=torch.channels_last)
    whole = values.shape[2] * values.shape[3] <= params.max_pixels
    logits = (forward(values) if whole else tiled(forward, values, params)).float()
    if logits.shape[2:] != image.shape[:2]:
        # Logits can be interpolated, class ids cannot.
        logits = F.interpolate(logits, image.shape[:2], mode="bilinear")
    return logits[0]


def require_finite(logits: Tensor, name: str) -> None:
    """Raises DataError where a logit of the image `name` is NaN or infinite: argmax would make a class of it all the same."""
    if not bool(logits.isfinite().all()):
        raise DataError(
            name,
            "the model's logits for it are not finite numbers, so it has no prediction",
            "Train again with a lower optim.lr, or with optim.clip_norm 1.",
        )


def tiled(forward: Forward, image: Tensor, params: InferParams) -> Tensor:
    """(1, C, H, W) to logits (1, K, H, W), blended of overlapping tiles: one counts less towards its edge, where it sees less."""
    height, width = image.shape[-2:]
    # All tiles of an image have one size, and so one weight.
    weight = _weight(min(params.tile, height), min(params.tile, width)).to(image.device)
    total: Tensor | None = None
    weights = torch.zeros(height, width, device=image.device)
    for rows in _spans(height, params.tile, params.overlap):
        for columns in _spans(width, params.tile, params.overlap):
            logits = forward(image[..., rows, columns]).float()
            total = logits.new_zeros(1, logits.shape[1], height, width) if total is None else total
            # (1, K, tile, tile) times (tile, tile).
            total[..., rows, columns] += logits * weight
            weights[rows, columns] += weight
    assert total is not None, "an image has at least one tile"
    return total / weights


def _spans(length: int, tile: int, overlap: float) -> Iterator[slice]:
    """Tiles of equal size, evenly spread, that overlap by `overlap` of a tile or more and cover the whole length."""
    if length <= tile:
        yield slice(0, length)
        return
    step = max(1, int(tile * (1 - overlap)))
    # Rounded up, and 2 or more, since the length is more than a tile.
    count = -(-(length - tile) // step) + 1
    for number in range(count):
        # Spread over the length, rather than a last tile that is moved back and overlaps the most.
        start = round(number * (length - tile) / (count - 1))
        yield slice(start, start + tile)


def _weight(height: int, width: int) -> Tensor:
    """(height, width): 1 in the middle, falling linearly towards each edge and never 0."""
    # + 0.5: measured from the centres of the pixels.
    rows, columns = (1 - (torch.arange(n) + 0.5 - n / 2).abs() / (n / 2) for n in (height, width))
    # Bounded below, since at the image's edge one tile alone counts and is divided by its weight again.
    return torch.minimum(rows[:, None], columns[None, :]).clamp(min=1e-3)

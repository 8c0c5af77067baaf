"""One image of any size to logits at its own resolution: whole up to a pixel budget, overlapping tiles above."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segpipe.errors import DataError
from segpipe.images.resize import shrink_image, shrunk_size
from segpipe.images.rows import Rows
from segpipe.images.to_tensor import channels_first, unit_values
from segpipe.images.value_range import as_values
from segpipe.inference.average import over_views
from segpipe.inference.postprocess import postprocess
from segpipe.inference.tiles import blended, room_for
from segpipe.models.decision import by_expected_dice, decide, expected_dice
from segpipe.models.segmenter import probabilities_of
from segpipe.params.decision import ARGMAX, Decision
from segpipe.params.schema import InferParams
from segpipe.scores.histogram import histogram
from segpipe.scores.levels import LEVELS, levels

Forward = Callable[[Tensor], Tensor]
"""(1, C, H, W) values in [0, 1] to logits (1, K, H, W): a torch model or an ONNX session."""
See = Callable[[slice, slice, Tensor], object]
"""Is shown blocks that cover the image once: their rows, their columns, and float32 logits (K, rows, columns)."""


@dataclass(frozen=True)
class Prediction:
    """One image: float32 `logits` (K, H, W) on the device, and its `classes` (H, W), uint8 class ids."""

    logits: Tensor
    classes: NDArray[np.uint8]


def predict_classes(
    forward: Forward,
    image: NDArray[Any],
    params: InferParams,
    long_side: int,
    device: torch.device,
    name: str,
    decision: Decision = ARGMAX,
) -> Prediction:
    """(H, W, C) uint8 or uint16 to logits and classes at its own size: the one way to a mask, whoever asks for it.

    Raises DataError, with `name` for the image, where a logit is not finite.
    """
    logits = predict_logits(forward, image, params, long_side, device)
    require_finite(logits, name)
    return Prediction(logits, ids_of(logits, decision))


def ids_of(logits: Tensor, decision: Decision) -> NDArray[np.uint8]:
    """(K, H, W) logits of a whole image to its (H, W) class ids."""
    ids = by_expected_dice(logits, expected_dice(_level_counts(logits)), decision) if decision.rule == "dice" else None
    return postprocess(decide(logits, decision).cpu().numpy() if ids is None else ids, decision.steps, decision.has_background)


@torch.inference_mode()
def predict_ids(
    forward: Forward,
    image: Rows,
    params: InferParams,
    long_side: int,
    device: torch.device,
    name: str,
    decision: Decision = ARGMAX,
    see: See | None = None,
) -> NDArray[np.uint8]:
    """The classes of `predict_classes` alone, (H, W) uint8, bit for bit: of an image in tiles its logits are never there at once.

    `see` is shown them block by block. Raises DataError alike. Logits that are enlarged again, since the image was shrunk,
    are there at once all the same. The rule `dice` asks for the probabilities of the whole image before it decides on a pixel:
    its tiles are predicted twice.
    """
    if not has_rows_to_spare(image.shape, params, long_side):
        found = predict_classes(forward, image[:], params, long_side, device, name, decision)
        if see:
            see(slice(0, image.shape[0]), slice(0, image.shape[1]), found.logits)
        return found.classes
    forward = over_views(forward, params)

    def blocks() -> Iterator[tuple[slice, slice, Tensor]]:
        for rows, columns, logits in blended(forward, image, lambda part: _values(part, device), params):
            require_finite(logits, name)
            yield rows, columns, logits[0]

    counts = (_level_counts(logits) for _, _, logits in blocks())
    expected = expected_dice(functools.reduce(np.add, counts)) if decision.rule == "dice" else None
    ids = np.empty(image.shape[:2], np.uint8)
    for rows, columns, logits in blocks():
        if see:
            see(rows, columns, logits)
        own = by_expected_dice(logits, expected, decision) if expected else decide(logits, decision).cpu().numpy()
        ids[rows, columns] = own
    return postprocess(ids, decision.steps, decision.has_background)


def _level_counts(logits: Tensor) -> NDArray[np.int64]:
    """(K, H, W) logits to the (K, levels) number of pixels by the level of each class's probability."""
    planes = levels(probabilities_of(logits).cpu().numpy())
    return np.stack([histogram(plane, LEVELS) for plane in planes])


def has_rows_to_spare(shape: tuple[int, ...], params: InferParams, long_side: int) -> bool:
    """Whether an image (H, W, C) is predicted from some of its rows at a time: it is cut into tiles, and not shrunk before."""
    height, width = shape[:2]
    return height * width > params.max_pixels and shrunk_size(height, width, long_side) == (height, width)


@torch.inference_mode()
def predict_logits(forward: Forward, image: NDArray[Any], params: InferParams, long_side: int, device: torch.device) -> Tensor:
    """(H, W, C) uint8 or uint16 to float32 logits (K, H, W) on the device.

    An image larger than `long_side` is shrunk first, as in training, and its logits are enlarged again. With `flips`
    or `scales` they are the logarithms of mean probabilities.
    """
    forward = over_views(forward, params)
    # Shrunk as values: rounded to 16 bits again they would be others.
    small = shrink_image(as_values(image), long_side)
    height, width = small.shape[:2]
    whole = height * width <= params.max_pixels
    logits = forward(_values(small, device)).float() if whole else _tiled(forward, small, params, device)
    if logits.shape[2:] != image.shape[:2]:
        # Logits can be interpolated, class ids cannot.
        logits = F.interpolate(logits, image.shape[:2], mode="bilinear")
    return logits[0]


def _tiled(forward: Forward, image: NDArray[Any], params: InferParams, device: torch.device) -> Tensor:
    """(H, W, C) to logits (1, K, H, W)."""
    whole: Tensor | None = None
    for rows, columns, logits in blended(forward, image, lambda part: _values(part, device), params):
        whole = room_for(logits, *image.shape[:2]) if whole is None else whole
        whole[..., rows, columns] = logits
    assert whole is not None, "an image has at least one tile"
    return whole


def _values(image: NDArray[Any], device: torch.device) -> Tensor:
    """(H, W, C) to (1, C, H, W) in [0, 1] on the device, channels last as in training."""
    values = as_values(image) if image.dtype == np.uint16 else image
    return unit_values(channels_first(values)[None].to(device)).contiguous(memory_format=torch.channels_last)


def require_finite(logits: Tensor, name: str) -> None:
    """Raises DataError where a logit of the image `name` is NaN or infinite: argmax would make a class of it all the same."""
    if not bool(logits.isfinite().all()):
        raise DataError(
            name,
            "the model's logits for it are not finite numbers, so it has no prediction",
            "Train again with a lower optim.lr, or with optim.clip_norm 1.",
        )

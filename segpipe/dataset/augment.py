"""Random changes of image and mask in step; each sample's randomness follows from one number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.dataset import crops, transforms
from segpipe.params.schema import AugmentParams
from segpipe.record import IGNORE
from segpipe.reproducibility.seeds import seed_of


@dataclass(frozen=True)
class Augmentation:
    """What `build` prepared: how a crop is placed and turned, its size and channels, and the changes after (an `A.Compose`)."""

    params: AugmentParams
    crop: int
    channels: int
    changes: Any


def build(params: AugmentParams, crop: int, channels: int) -> Augmentation:
    """The changes that `params` (a preset resolved) ask for on images of so many channels, giving squares of `crop` pixels."""
    return Augmentation(params, crop, channels, transforms.compose(params, crop, channels))


def apply(
    augmentation: Augmentation,
    image: NDArray[Any],
    mask: NDArray[np.uint8],
    seed: int,
    classes: Sequence[int] = (),
    weights: Sequence[float] = (),
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The changed crop of an image (H, W, C), uint8 or float32 in [0, 1], and of its mask. `seed` alone decides how.

    The image may be `crops.padded`, which is faster and gives the same; the crop is not.
    `classes` are those of objects in the mask, with their `weights`, for `object_crop`; without them it has no object.
    """
    changed = _changed(augmentation, image, mask, seed, classes, weights)
    if augmentation.params.synchronised:
        return changed
    return changed[0], _changed(augmentation, image, mask, seed_of_mask(seed), classes, weights)[1]


def seed_of_mask(seed: int) -> int:
    """What a mask is changed by where that is not what its image is changed by (augment.synchronised)."""
    return seed_of(seed, "mask")


def _changed(
    augmentation: Augmentation,
    image: NDArray[Any],
    mask: NDArray[np.uint8],
    seed: int,
    classes: Sequence[int],
    weights: Sequence[float],
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    params = augmentation.params
    where = place(params, augmentation.crop, mask, seed, classes, weights)
    image, mask = crops.cut(image, mask, augmentation.crop, where)
    image = crops.without_padding(image, augmentation.channels)
    # An int seed of Compose's own would fire all flips together.
    augmentation.changes.set_random_state(np.random.default_rng(seed), Random(seed))
    changed = augmentation.changes(image=image, mask=mask)
    # Only these compute the mask anew or write into it; flips move pixels, and colours leave it alone.
    if params.elastic or params.grid_distortion or params.erase:
        _require_known(mask, changed["mask"])
    return changed["image"], changed["mask"]


def place(
    params: AugmentParams, crop: int, mask: NDArray[np.uint8], seed: int, classes: Sequence[int], weights: Sequence[float]
) -> crops.Place:
    """Where a square of `crop` pixels comes from: `seed` alone decides, as in `apply`."""
    rng = np.random.default_rng((seed, 1))  # A stream of its own: the changes draw from default_rng(seed).
    # Before the place: how large a part of the image the crop shows wholly depends on the turn.
    turn = _turn(params, rng)
    on_object = rng.random() < params.object_crop
    box = crops.object_box(mask, classes, weights, crop, turn, rng) if on_object else None
    return crops.place(mask.shape, crop, turn, box, rng)


def _turn(params: AugmentParams, rng: np.random.Generator) -> crops.Turn:
    """Sizes are drawn evenly by ratio: half and double are as likely."""
    if rng.random() >= params.affine:
        return crops.STILL
    scale = math.exp(rng.uniform(math.log(params.scale_min), math.log(params.scale_max)))
    return crops.Turn(scale, rng.uniform(-params.rotate, params.rotate), rng.uniform(-params.shear, params.shear))


def _require_known(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
    """Our own invariant, cheap on a crop: each class id after a change was there before, or is ignored."""
    # A look-up table by class id: np.unique would sort every pixel.
    known = np.zeros(256, bool)
    known[before] = True
    known[IGNORE] = True
    assert known[after].all(), "an augmentation invented a class"

"""Random changes of image and mask in step; each sample's randomness follows from one number."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

# Its __init__ would import torch for tensors that we make ourselves; the report draws samples too, and needs no torch.
sys.modules.setdefault("albumentations.pytorch", None)  # type: ignore[arg-type]

import albumentations as A  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from segpipe.dataset import crops  # noqa: E402
from segpipe.params import AugmentParams  # noqa: E402
from segpipe.record import IGNORE  # noqa: E402

RGB = 3
"""Saturation and hue are of red, green and blue: albumentations refuses other channels, and they would mean nothing."""


@dataclass(frozen=True)
class Augmentation:
    """What `build` prepared: the crop's size and rules, and the changes of the crop itself."""

    params: AugmentParams
    crop: int
    changes: A.Compose


def build(params: AugmentParams, crop: int, channels: int) -> Augmentation:
    """The changes that `params` (a preset resolved) ask for on images of so many channels, ending in squares of `crop`."""
    colour = {"saturation": _around_one(params.saturation), "hue": (-params.hue, params.hue)}
    still = {"brightness": (1.0, 1.0), "contrast": (1.0, 1.0)}
    changes: list[tuple[float, Any]] = [
        (params.rotate90, A.RandomRotate90(p=params.rotate90)),
        (params.flip_horizontal, A.HorizontalFlip(p=params.flip_horizontal)),
        (params.flip_vertical, A.VerticalFlip(p=params.flip_vertical)),
        (params.elastic, _elastic(crop, params.elastic)),
        (params.grid_distortion, A.GridDistortion(num_steps=5, distort_limit=(-0.3, 0.3), p=params.grid_distortion, **LOOKED_UP)),
        (params.brightness + params.contrast, A.RandomBrightnessContrast(params.brightness, params.contrast, p=params.colour)),
        (params.gamma, A.RandomGamma(_gamma(params.gamma), p=params.colour)),
        ((params.saturation + params.hue) * (channels == RGB), A.ColorJitter(**still, **colour, p=params.colour)),
        (params.blur, A.GaussianBlur(blur_limit=(3, 5), p=params.blur)),
        (params.noise, A.GaussNoise(std_range=(0.01, 0.05), p=params.noise)),
        (params.erase, _erase(params.erase)),
    ]
    return Augmentation(params, crop, A.Compose([change for amount, change in changes if amount]))


def apply(
    augmentation: Augmentation,
    image: NDArray[Any],
    mask: NDArray[np.uint8],
    seed: int,
    classes: Sequence[int] = (),
    weights: Sequence[float] = (),
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The changed crop of an image (H, W, C), uint8 or float32 in [0, 1], and of its mask. `seed` alone decides how.

    `classes` are those of objects in the mask, with their `weights`, for `object_crop`; without them it has no object.
    """
    params, changes = augmentation.params, augmentation.changes
    rng = np.random.default_rng((seed, 1))  # A stream of its own: `changes` draws from default_rng(seed).
    turn = _turn(params, rng)
    on_object = rng.random() < params.object_crop
    box = crops.object_box(mask, classes, weights, augmentation.crop, turn, rng) if on_object else None
    image, mask = crops.cut(image, mask, augmentation.crop, turn, box, rng)
    # An int seed of Compose's own would fire all flips together.
    changes.set_random_state(np.random.default_rng(seed), Random(seed))
    changed = changes(image=np.ascontiguousarray(image), mask=np.ascontiguousarray(mask))
    if params.elastic or params.grid_distortion or params.erase:
        _require_known(mask, changed["mask"])
    return changed["image"], changed["mask"]


LOOKED_UP: dict[str, Any] = {
    "interpolation": cv2.INTER_LINEAR,
    "mask_interpolation": cv2.INTER_NEAREST,
    "border_mode": cv2.BORDER_REFLECT_101,
}


def _turn(params: AugmentParams, rng: np.random.Generator) -> crops.Turn:
    """Sizes are drawn evenly by ratio: half and double are as likely."""
    if rng.random() >= params.affine:
        return crops.STILL
    low, high = np.log(params.scale_min), np.log(params.scale_max)
    scale = float(np.exp(rng.uniform(low, high)))
    return crops.Turn(scale, rng.uniform(-params.rotate, params.rotate), rng.uniform(-params.shear, params.shear))


def _elastic(crop: int, probability: float) -> Any:
    """Shifts of about a fiftieth of the crop, smooth over a sixteenth of it.

    White noise in [-1, 1], blurred by sigma, has a deviation of 0.163 / sigma.
    """
    sigma = crop / 16
    return A.ElasticTransform(alpha=crop / 50 * sigma / 0.163, sigma=sigma, p=probability, **LOOKED_UP)


def _erase(probability: float) -> Any:
    """Erased pixels are ignored: a network asked for an object that nothing shows would learn to guess."""
    side = {"hole_height_range": (0.1, 0.25), "hole_width_range": (0.1, 0.25)}
    return A.CoarseDropout(num_holes_range=(1, 4), **side, fill=0, fill_mask=IGNORE, p=probability)


def _around_one(change: float) -> tuple[float, float]:
    return 1 - change, 1 + change


def _gamma(change: float) -> tuple[float, float]:
    """Exponents in per cent, evenly up and down."""
    return 100 / (1 + change), 100 * (1 + change)


def _require_known(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
    """Our own invariant, cheap on a crop: each class id after a change was there before, or is ignored."""
    known = np.zeros(256, bool)
    known[before] = True
    known[IGNORE] = True
    assert known[after].all(), "an augmentation invented a class"

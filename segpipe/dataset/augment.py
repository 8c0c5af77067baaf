"""Random changes of image and mask in step, by albumentations; each sample's randomness follows from one number."""

from random import Random
from typing import Any

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.params import AugmentParams
from segpipe.record import IGNORE


def build(params: AugmentParams, crop: int) -> A.Compose:
    """The changes that `params` asks for, ending in a square crop of `crop` pixels.

    Smaller images are padded with black that the loss ignores. What turning and shrinking lay bare is mirrored.
    """
    changes: list[Any] = [
        A.Affine(
            scale=(1 - params.scale, 1 + params.scale),
            rotate=(-params.rotate, params.rotate),
            interpolation=cv2.INTER_LINEAR,
            mask_interpolation=cv2.INTER_NEAREST,
            border_mode=cv2.BORDER_REFLECT_101,
            p=params.affine,
        ),
        A.PadIfNeeded(crop, crop, border_mode=cv2.BORDER_CONSTANT, fill=0, fill_mask=IGNORE, p=1.0),
        A.RandomCrop(crop, crop, p=1.0),
        A.HorizontalFlip(p=params.flip_horizontal),
        A.VerticalFlip(p=params.flip_vertical),
        A.RandomBrightnessContrast(params.brightness, params.contrast, p=0.5),
        A.GaussianBlur(blur_limit=(3, 5), p=params.blur),
    ]
    return A.Compose(changes)


def apply(compose: A.Compose, image: NDArray[Any], mask: NDArray[np.uint8], seed: int) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The changed image and mask. `seed` alone decides how: an int seed of Compose's own would fire all flips together."""
    compose.set_random_state(np.random.default_rng(seed), Random(seed))
    changed = compose(image=image, mask=mask)
    return changed["image"], changed["mask"]

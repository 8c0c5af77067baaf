"""The changes of a crop after it is cut, by albumentations: flips, distortions, colours, erasing. Its one door."""

import sys
from typing import Any

import cv2

from segpipe.params.schema import AugmentParams
from segpipe.record import IGNORE

# Its __init__ would import torch, for tensors that we make ourselves; the report draws samples too, and needs no torch.
sys.modules.setdefault("albumentations.pytorch", None)  # type: ignore[arg-type]

import albumentations as A  # noqa: E402

RGB = 3
"""Saturation and hue are of red, green and blue: albumentations refuses other channels, and they would mean nothing."""

LOOKED_UP: dict[str, Any] = {
    "interpolation": cv2.INTER_LINEAR,
    "mask_interpolation": cv2.INTER_NEAREST,
    "border_mode": cv2.BORDER_REFLECT_101,
}


def compose(params: AugmentParams, crop: int, channels: int) -> A.Compose:
    """What `params` asks for, in the order it is applied, on crops of `crop` pixels and so many channels.

    A change that never happens is left out. Call it with `image` and `mask` after `set_random_state`.
    """
    colour = {"saturation": _around_one(params.saturation), "hue": (-params.hue, params.hue)}
    # ColorJitter is to change saturation and hue alone: the other two have a change of their own, for any channels.
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
        # Deviations as shares of the largest value.
        (params.noise, A.GaussNoise(std_range=(0.01, 0.05), p=params.noise)),
        (params.erase, _erase(params.erase)),
    ]
    return A.Compose([change for amount, change in changes if amount])


def _elastic(crop: int, probability: float) -> Any:
    """Shifts of about a hundredth of the crop, smooth over a sixteenth of it.

    White noise in [-1, 1], blurred by sigma, has a deviation of 0.163 / sigma.
    """
    sigma = crop / 16
    # 0.163 = sqrt(1/3) / (2 sqrt(pi)): the noise's deviation, and what a Gaussian of sigma 1 leaves of white noise's. Uniform
    # noise: albumentations' Gaussian one is divided by its largest value, which is larger the larger the crop.
    return A.ElasticTransform(
        alpha=crop / 100 * sigma / 0.163, sigma=sigma, noise_distribution="uniform", p=probability, **LOOKED_UP
    )


def _erase(probability: float) -> Any:
    """Erased pixels are ignored: a network asked for an object that nothing shows would learn to guess."""
    side = {"hole_height_range": (0.1, 0.25), "hole_width_range": (0.1, 0.25)}
    return A.CoarseDropout(num_holes_range=(1, 4), **side, fill=0, fill_mask=IGNORE, p=probability)


def _around_one(change: float) -> tuple[float, float]:
    return 1 - change, 1 + change


def _gamma(change: float) -> tuple[float, float]:
    """Exponents in per cent, evenly up and down."""
    return 100 / (1 + change), 100 * (1 + change)

"""Pictures of masks and predictions: overlays, and the panel image | truth | prediction | error."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.images.palette import Colour
from segpipe.record import IGNORE

Picture = NDArray[np.uint8]
GAP = 4
WRONG: Colour = (230, 40, 40)


def displayed(image: NDArray[Any]) -> Picture:
    """(H, W, C) of 8 or 16 bits as (H, W, 3) uint8; 16 bits are stretched from the 1st to the 99th percentile."""
    rgb = image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)
    if rgb.dtype == np.uint8:
        return rgb.astype(np.uint8)
    low, high = np.percentile(rgb, (1, 99))
    stretched = np.clip((rgb.astype(np.float32) - low) / max(float(high - low), 1.0), 0, 1)
    return (stretched * 255).round().astype(np.uint8)


def overlay(picture: Picture, mask: NDArray[np.uint8], colours: Sequence[Colour], strength: float = 0.55) -> Picture:
    """The classes' colours laid over the picture, class 0 left clear, with a light line around each region."""
    tinted = picture.astype(np.float32)
    for number, colour in enumerate(colours):
        if number:
            where = mask == number
            tinted[where] = (1 - strength) * tinted[where] + strength * np.array(colour, np.float32)
    tinted[mask == IGNORE] *= 0.4
    result = tinted.round().astype(np.uint8)
    result[_edges(mask)] = 255
    return result


def errors(picture: Picture, truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> Picture:
    """The picture in dim gray, wrong pixels in red, ignored ones black."""
    gray = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) * 0.5 + 40).astype(np.uint8)  # never black, which is for what is ignored
    result = np.repeat(gray[:, :, None], 3, axis=2)
    result[(truth != prediction) & (truth != IGNORE)] = WRONG
    result[truth == IGNORE] = 0
    return result


def panel(image: NDArray[Any], truth: NDArray[np.uint8], prediction: NDArray[np.uint8], colours: Sequence[Colour]) -> Picture:
    """image | truth | prediction | error, side by side."""
    picture = displayed(image)
    parts = [
        picture,
        overlay(picture, truth, colours),
        overlay(picture, prediction, colours),
        errors(picture, truth, prediction),
    ]
    gap = np.full((picture.shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for each in parts for part in (each, gap)][:-1], axis=1)


def _edges(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of a class of objects whose right or lower neighbour is of another class."""
    edge = np.zeros(mask.shape, bool)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    return edge & (mask != IGNORE)

"""Pictures of masks and predictions: overlays, and the panel image | truth | prediction | error."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.images.palette import Colour
from segpipe.images.rows import Rows
from segpipe.record import IGNORE

Picture = NDArray[np.uint8]
GAP = 4
LARGEST = 2**25
"""Pixels, 5,800 square: what an overlay has at most, since it is for looking at."""
STEP = 64
"""Rows that are worked on at once."""
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
    result = np.empty_like(picture)
    # Some rows at a time: as floats the whole picture would be there four times over, several times.
    for top in range(0, picture.shape[0], STEP):
        rows = slice(top, top + STEP)
        tinted = picture[rows].astype(np.float32)
        for number, colour in enumerate(colours):
            if number:
                where = mask[rows] == number
                tinted[where] = (1 - strength) * tinted[where] + strength * np.array(colour, np.float32)
        tinted[mask[rows] == IGNORE] *= 0.4
        result[rows] = tinted.round().astype(np.uint8)
    result[_edges(mask)] = 255
    return result


def overlay_of(image: Rows, mask: NDArray[np.uint8], colours: Sequence[Colour]) -> Picture:
    """The overlay of an image (H, W, C) of 8 or 16 bits, shrunk by a whole number where it has more than LARGEST pixels."""
    height, width = mask.shape
    factor = next(each for each in count(1) if (height // each) * (width // each) <= LARGEST)
    if factor == 1:
        return overlay(displayed(image[:]), mask, colours)
    small = np.concatenate([*_shrunk(image, factor)])
    # The class in the middle of the pixels that fall together: none is invented.
    middle = mask[factor // 2 :: factor, factor // 2 :: factor][: small.shape[0], : small.shape[1]]
    return overlay(displayed(small), np.ascontiguousarray(middle), colours)


def _shrunk(image: Rows, factor: int) -> Iterator[NDArray[Any]]:
    """Some rows after others of the image's channels that are shown, each pixel the mean of factor x factor."""
    height, width = image.shape[0] // factor, image.shape[1] // factor
    for top in range(0, height, STEP):
        rows = min(STEP, height - top)
        part = image[top * factor : (top + rows) * factor][:, : width * factor]
        shown = np.ascontiguousarray(part[:, :, : 3 if part.shape[2] >= 3 else 1])
        yield cv2.resize(shown, (width, rows), interpolation=cv2.INTER_AREA).reshape(rows, width, -1)


def outlined(picture: Picture, mask: NDArray[np.uint8], colours: Sequence[Colour]) -> Picture:
    """The picture with a line in its class's colour inside each region but those of class 0, and a thin light one around it."""
    result = picture.copy()
    for number, colour in enumerate(colours):
        if number:
            region = (mask == number).astype(np.uint8)
            result[(region > 0) & (cv2.erode(region, np.ones((5, 5), np.uint8)) == 0)] = colour
    result[_edges(mask)] = 255
    return result


def marked(picture: Picture, strength: NDArray[np.uint8]) -> Picture:
    """The picture tinted with the colour of what is wrong, the more the higher `strength` (H, W), 0 to 255, is."""
    share = strength[:, :, None].astype(np.float32) / 255 * 0.75
    return (picture * (1 - share) + np.array(WRONG, np.float32) * share).round().astype(np.uint8)


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

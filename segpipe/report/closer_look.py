"""Pictures of a closer look: confidence as heat, how the prediction came about over the epochs, and where the network looks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.dataset.pack import Pack
from segpipe.images import overlay
from segpipe.images.palette import Colour, colours
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.inference.closer_look_file import LONG_SIDE, CloserLook, Map
from segpipe.inference.heat_maps import heat_maps
from segpipe.record import IGNORE
from segpipe.report.jpeg import jpeg

UNSURE = 0.5
"""The confidence from which on the heat is at its brightest."""
STILL: Colour = (235, 235, 235)
GAINED: Colour = (40, 175, 85)
STRENGTH = 0.75


@dataclass(frozen=True)
class Followed:
    """An image with its Dice, and JPEG bytes of its pictures: `pictures` by caption, truth first; `attention`, None without."""

    id: str
    dice: float | None
    pictures: dict[str, bytes]
    attention: bytes | None


def heat(confidence: Map) -> overlay.Picture:
    """Black where the model is sure, yellow where it is not."""
    doubt = np.clip((255 - confidence.astype(np.float32)) / (255 * (1 - UNSURE)), 0, 1)
    # OpenCV's colour maps are in the order blue, green, red.
    return cv2.applyColorMap((255 * doubt).round().astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1].astype(np.uint8)


def followed(look: CloserLook, dice: Mapping[str, float | None], data: Pack) -> list[Followed]:
    """The images whose epochs or attention were looked at, the worst first."""
    ids = {*look.epochs, *look.attention}
    return [
        Followed(item, dice[item], dict(strip(item, look.epochs.get(item, {}), data)), _attention(item, look, data))
        for item in sorted(ids, key=lambda item: (dice[item] is None, dice[item] or 0.0, item))
    ]


def change(
    picture: overlay.Picture, truth: Map, before: NDArray[np.bool_] | None, now: Map, has_background: bool
) -> overlay.Picture:
    """The picture in dim gray, and over it in white what is right and was so `before`, in green what is right for the first time
    since, in red what was right and is wrong.

    Background that is right stays gray. At the first look, without a `before`, all that is right is new.
    """
    gray = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) * 0.5 + 40).astype(np.uint8)
    right = truth == now
    seen = (truth > 0) | (now > 0) if has_background else np.ones(truth.shape, bool)
    counted = seen & (truth != IGNORE)
    was = np.zeros(truth.shape, bool) if before is None else before
    result = np.repeat(gray[:, :, None], 3, axis=2).astype(np.float32)
    for where, colour in ((right & was, STILL), (right & ~was, GAINED), (~right & was, overlay.WRONG)):
        result[where & counted] *= 1 - STRENGTH
        result[where & counted] += STRENGTH * np.array(colour, np.float32)
    result[truth == IGNORE] = 0
    return result.round().astype(np.uint8)


def strip(item: str, epochs: Mapping[int, Map], data: Pack) -> Iterator[tuple[str, bytes]]:
    """Captions and JPEG bytes: the truth over the image, then the classes after each epoch against those before.

    Nothing where there are no epochs.
    """
    if not epochs:
        return
    shown, truth = _image(item, data), shrink_mask(data.mask(item), LONG_SIDE)
    yield "truth", jpeg(overlay.overlay(shown, truth, colours(len(data.info.classes))))
    before = None
    for epoch, now in sorted(epochs.items()):
        yield f"epoch {epoch}", jpeg(change(shown, truth, before, now, data.info.has_background))
        before = truth == now


def _attention(item: str, look: CloserLook, data: Pack) -> bytes | None:
    levels = [
        (stride, values.astype(np.float32) / np.float32(65535)) for stride, values in sorted(look.attention.get(item, {}).items())
    ]
    return jpeg(heat_maps(_image(item, data), levels)) if levels else None


def _image(item: str, data: Pack) -> overlay.Picture:
    return overlay.displayed(shrink_image(data.image(item), LONG_SIDE))

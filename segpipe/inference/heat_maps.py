"""The picture of an image's attention: the image, and beside it each level's map as colours over it, with its scale."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segpipe.images.overlay import Picture

SMALLEST, LARGEST = 256, 512
"""Pixels: a panel's longer side is brought between the two, or the captions would not fit, and a photograph fill a wall."""
COLUMNS = 4
GAP, LINE, BAR = 12, 20, 10
INK, PAPER = (40, 40, 40), 255
STRENGTH = 0.7
NARROWEST = 0.1
"""The colours never stand for less than this: a map that is the same all over shall look it."""


def heat_maps(picture: Picture, levels: Sequence[tuple[int, NDArray[np.float32]]]) -> Picture:
    """(H, W, 3) and maps (H, W) to the panels image | finest level | ... , up to COLUMNS in a row.

    Each map comes with the stride of its level. The colours of a level go from its smallest to its largest value, which stand at
    the ends of the bar below it.
    """
    panels = [_panel(_fitted(picture), "image", None)]
    gray = np.repeat(cv2.cvtColor(_fitted(picture), cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    for stride, values in levels:
        low, high = _span(values)
        colours = _coloured(_fitted(values), low, high)
        mixed = (STRENGTH * colours + (1 - STRENGTH) * gray).round().astype(np.uint8)
        panels.append(_panel(mixed, _name(stride), (low, high)))
    return _rows(panels)


def _name(stride: int) -> str:
    return "attention at full size" if stride == 1 else f"attention at 1/{stride} of the size"


def _span(values: NDArray[np.float32]) -> tuple[float, float]:
    """The values at the ends of the colours, inside 0 and 1."""
    low, high = float(values.min()), float(values.max())
    # Widened on both sides, and moved inwards where that leaves [0, 1].
    missing = max(0.0, NARROWEST - (high - low)) / 2
    low = min(max(0.0, low - missing), 1 - NARROWEST)
    return low, max(min(1.0, high + missing), low + NARROWEST)


def _coloured(values: NDArray[np.float32], low: float, high: float) -> Picture:
    shares = np.clip((values - low) / (high - low), 0, 1)
    bgr = cv2.applyColorMap((255 * shares).round().astype(np.uint8), cv2.COLORMAP_TURBO)
    # OpenCV's colour maps are in the order blue, green, red.
    return bgr[:, :, ::-1].astype(np.uint8)


def _fitted(picture: NDArray[Any]) -> NDArray[Any]:
    """(H, W) or (H, W, 3) with its longer side between SMALLEST and LARGEST."""
    height, width = picture.shape[:2]
    scale = min(max(1.0, SMALLEST / max(height, width)), LARGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def _panel(picture: Picture, name: str, span: tuple[float, float] | None) -> Picture:
    """The picture between its name and its scale, on paper at least SMALLEST wide."""
    height, width = picture.shape[:2]
    panel = np.full((LINE + height + GAP // 2 + LINE, max(width, SMALLEST), 3), PAPER, np.uint8)
    panel[LINE : LINE + height, :width] = picture
    texts = [((0, 0), name)]
    if span:
        top, left, right = LINE + height + GAP // 2, 40, panel.shape[1] - 40
        ramp = np.linspace(0, 1, right - left, dtype=np.float32)[None]
        panel[top + 3 : top + 3 + BAR, left:right] = _coloured(ramp, 0, 1)
        texts += [((0, top), f"{span[0]:.2f}"), ((right + 8, top), f"{span[1]:.2f}")]
    canvas = Image.fromarray(panel)
    for place, text in texts:
        # Pillow's own font, the same on every machine.
        ImageDraw.Draw(canvas).text(place, text, fill=INK, font=ImageFont.load_default(14))
    return np.asarray(canvas)


def _rows(panels: Sequence[Picture]) -> Picture:
    """The panels on paper, in rows as full as they can all be."""
    # Rounded up; then as many columns as that many rows need, so that no row is nearly empty.
    rows = -(-len(panels) // COLUMNS)
    columns = -(-len(panels) // rows)
    height, width = panels[0].shape[0] + GAP, panels[0].shape[1] + GAP
    result = np.full((rows * height + GAP, columns * width + GAP, 3), PAPER, np.uint8)
    for number, panel in enumerate(panels):
        top, left = GAP + number // columns * height, GAP + number % columns * width
        result[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    return result

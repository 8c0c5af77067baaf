"""Shapes to pixels by labelme's own rule: Pillow's filled outline, painted in the order of the file."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Point = tuple[float, float]
FILLED = ("polygon", "rectangle", "circle")


def paint(canvas: Image.Image, kind: str, points: Sequence[Point], value: int) -> None:
    """Fills one shape of `FILLED` into an 8-bit canvas. A circle is its centre and a point on its edge (labelme)."""
    draw = ImageDraw.Draw(canvas)
    if kind == "polygon":
        draw.polygon(list(points), outline=value, fill=value)
    elif kind == "rectangle":
        (x0, y0), (x1, y1) = points
        draw.rectangle([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)], outline=value, fill=value)
    else:
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=value, fill=value)


def blank(width: int, height: int) -> Image.Image:
    """An 8-bit canvas of zeros."""
    return Image.new("L", (width, height), 0)


def as_array(canvas: Image.Image) -> NDArray[np.uint8]:
    """The canvas as (H, W) uint8."""
    return np.asarray(canvas, dtype=np.uint8)

"""Shapes to one mask: which pixels each covers, and which shape wins where they overlap."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from segpipe.annotations.class_map import DROPPED
from segpipe.annotations.shapes import Shape
from segpipe.params import ShapeParams
from segpipe.record import Mask


def paint(shapes: Sequence[Shape], ids: Mapping[str, int], height: int, width: int, how: ShapeParams) -> Mask:
    """The (H, W) mask of class ids, 0 where nothing is drawn; `ids` gives each label its id, 255, or DROPPED."""
    canvas = Image.new("L", (width, height), 0)
    for shape in shapes:
        if ids[shape.label] != DROPPED:
            if shape.pixels is not None:
                x, y = shape.rings[0][0]
                canvas.paste(ids[shape.label], (int(x), int(y)), Image.fromarray(shape.pixels * 255))
            else:
                _paint(canvas, shape.kind, shape.rings[0], ids[shape.label])
    return np.asarray(canvas, dtype=np.uint8)


def _paint(canvas: Image.Image, kind: str, points: Sequence[tuple[float, float]], value: int) -> None:
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

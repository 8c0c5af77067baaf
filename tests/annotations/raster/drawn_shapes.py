"""Random shapes of every kind, and how labelme has Pillow draw them: what the fill rules are tested with."""

import math
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segpipe.annotations.raster.shape import Kind, Point, Shape
from segpipe.params.schema import ShapeParams

KINDS: tuple[Kind, ...] = ("polygon", "rectangle", "oriented_rectangle", "circle", "line", "linestrip", "point", "points")
POINTS = {"rectangle": 2, "oriented_rectangle": 4, "circle": 2, "line": 2, "point": 1}


def params(
    fill: str = "labelme", overlap: str = "order", line_width: int = 10, point_size: int = 5, undrawn: str = "background"
) -> ShapeParams:
    return ShapeParams.model_validate(
        {"fill": fill, "overlap": overlap, "line_width": line_width, "point_size": point_size, "undrawn": undrawn},
    )


def shape(kind: Kind, *points: Point, label: str = "a", group: str = "") -> Shape:
    return Shape(kind, label, (points,), group)


def random_shape(rng: Random, kind: Kind, extent: float) -> Shape:
    """Mostly in and round a square of `extent` pixels: fractional or not, self-crossing, with repeated and level corners."""
    count = POINTS.get(kind) or rng.choice([3, 3, 4, 5, 6, 8, 12, 40])
    scale = extent * rng.choice([0.1, 0.3, 1, 1, 1, 5] if kind == "circle" else [0.1, 0.3, 1, 1, 1, 5, 1e4])
    low, whole = rng.uniform(-0.4, 0.4) * extent, rng.random() < 0.4
    values = [low + scale * rng.uniform(-0.2, 1) for _ in range(2 * count)]
    values = [float(math.floor(value)) if whole else round(value, rng.choice([1, 6])) for value in values]
    points = [*zip(values[::2], values[1::2], strict=True)]
    if count > 3 and rng.random() < 0.5:
        here, there = rng.randrange(count), rng.randrange(count)
        points[here] = rng.choice([points[there], (points[here][0], points[there][1])])
    return shape(kind, *points)


def drawn_by_pillow(figure: Shape, height: int, width: int, how: ShapeParams) -> NDArray[np.bool_]:
    """What the installed Pillow draws when labelme 5 or 6 asks it to; `points`, which labelme does not draw, as discs."""
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    points = list(figure.rings[0])
    match figure.kind:
        case "rectangle":
            (x0, y0), (x1, y1) = points
            draw.rectangle([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)], fill=1, outline=1)
        case "circle" | "point" | "points":
            radius = math.sqrt(sum((a - b) ** 2 for a, b in zip(*points, strict=True))) if figure.kind == "circle" else 0
            for x, y in points[:1] if figure.kind == "circle" else points:
                reach = radius if figure.kind == "circle" else how.point_size
                draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=1, outline=1)
        case "line" | "linestrip":
            draw.line(points, fill=1, width=how.line_width)
        case _:
            draw.polygon(points, fill=1, outline=1)
    return np.array(image, dtype=bool)

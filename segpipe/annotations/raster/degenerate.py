"""Degenerate shapes, which can be painted but hardly were meant: no area, no length, wholly outside the image."""

import math
from collections.abc import Iterator, Sequence

from segpipe.annotations.raster.shape import Point, Shape

FLAT = 1e-6
"""Pixels: points that are nearer to one line than this, by the error of floats, enclose no area."""


def shape_warnings(shape: Shape, size: tuple[int, int] | None) -> Iterator[str]:
    """Each in words that follow what the shape is called. `size` is the image's width and height, None where not known."""
    if shape.kind == "mask":
        if shape.pixels is not None and not shape.pixels.any():
            yield "with no pixel in it"
    elif without := _missing_extent(shape):
        yield without
    (left, top), (right, bottom) = _box(shape)
    if size and (right < 0 or bottom < 0 or left > size[0] or top > size[1]):
        yield "wholly outside the image"


def _missing_extent(shape: Shape) -> str:
    """Which extent a shape lacks, or nothing."""
    points = shape.rings[0]
    match shape.kind:
        case "circle":
            return "of radius 0" if points[0] == points[1] else ""
        case "line" | "linestrip":
            return "with no length" if len(set(points)) == 1 else ""
        case "rectangle":
            (x0, y0), (x1, y1) = points
            return "with no area" if x0 == x1 or y0 == y1 else ""
        case "polygon" | "oriented_rectangle":
            return "with no area" if all(map(_on_one_line, shape.rings)) else ""
        case _:
            return ""


def _on_one_line(points: Sequence[Point]) -> bool:
    """Whether no point is off the line through the first and the one farthest from it."""
    x, y = points[0]
    far_x, far_y = max(points, key=lambda point: math.dist(point, points[0]))
    length = math.dist((x, y), (far_x, far_y))
    # The cross product is the length times the distance from the line.
    return all(abs((far_x - x) * (py - y) - (far_y - y) * (px - x)) <= FLAT * length for px, py in points)


def _box(shape: Shape) -> tuple[Point, Point]:
    """The upper left and lower right end of a shape."""
    if shape.kind == "circle":
        (x, y), edge = shape.rings[0]
        radius = math.dist((x, y), edge)
        return (x - radius, y - radius), (x + radius, y + radius)
    xs, ys = zip(*(point for ring in shape.rings for point in ring), strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))

"""The fill rule `exact`: a pixel belongs to a shape when its centre lies inside, so that areas come out right on average.

A centre on the line between two shapes belongs to the right or the lower one: neither a gap nor an overlap. Only additions,
products, quotients and roots of 64-bit floats are used, which IEEE 754 rounds alike everywhere.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.raster.scanlines import Integers, Spans, concatenated, points_of, rows_of, spans
from segpipe.annotations.raster.shape import Point, Shape
from segpipe.params.schema import ShapeParams

Floats = NDArray[np.float64]
Outline = tuple[int, Sequence[Sequence[Point]]]
"""A shape's number and rings that it covers by the even-odd rule."""


def covered(shapes: Sequence[Shape], top: int, bottom: int, width: int, how: ShapeParams) -> Spans:
    """The runs of shapes in the rows from `top` to before `bottom` of an image of this width.

    Even-odd over all rings of a polygon. A line is a band that stops at its ends and is round at its joints.
    """
    window = top, bottom, width
    outlines: list[Outline] = []
    discs: list[Spans] = []
    for owner, shape in enumerate(shapes):
        points = shape.rings[0]
        match shape.kind:
            case "rectangle":
                (x0, y0), (x1, y1) = points
                outlines.append((owner, [((x0, y0), (x1, y0), (x1, y1), (x0, y1))]))
            case "circle":
                discs.append(_disc(owner, points[0], _length(*points), *window))
            case "point" | "points":
                discs += [_disc(owner, point, how.point_size, *window) for point in points]
            case "line" | "linestrip":
                outlines += [(owner, [band]) for band in _bands(points, how.line_width / 2)]
                # A closed line has a joint where it begins, too.
                joints = points[1:] if len(points) > 2 and points[0] == points[-1] else points[1:-1]
                discs += [_disc(owner, joint, how.line_width / 2, *window) for joint in joints]
            case "polygon" | "oriented_rectangle":
                outlines.append((owner, shape.rings))
    return concatenated([_even_odd(outlines, *window), *discs])


def _even_odd(outlines: Sequence[Outline], top: int, bottom: int, width: int) -> Spans:
    """The runs between every second crossing of the lines through the centres of a row with the edges of all rings."""
    owners = np.array([owner for owner, _ in outlines], np.int64)
    counts = np.array([len(ring) for _, rings in outlines for ring in rings], np.int64)
    start = points_of(ring for _, rings in outlines for ring in rings)
    outline = np.repeat(np.arange(len(outlines)), [sum(map(len, rings)) for _, rings in outlines])
    following = np.arange(1, len(start) + 1)
    # After a ring's last corner comes its first.
    following[(np.cumsum(counts) - 1)[counts > 0]] = (np.cumsum(counts) - counts)[counts > 0]
    end = start[following]
    # From the upper end to the lower one, whichever way it was drawn: two shapes with a common edge compute the same.
    down = (start[:, 1] < end[:, 1])[:, None]
    (x0, y0), (x1, y1) = np.where(down, start, end).T, np.where(down, end, start).T
    # Rows whose centres lie from y0 to before y1: a corner on such a centre is crossed once, a horizontal edge never.
    edge, row = rows_of(_first(y0, top, bottom), _first(y1, top, bottom) - 1)
    share = (row + 0.5 - y0[edge]) / (y1[edge] - y0[edge])
    columns = _first(x0[edge] + share * (x1[edge] - x0[edge]), 0, width)
    # Outline, row and column as one number, so that one sort orders the crossings of all lines.
    crossings = np.sort((outline[edge] * (bottom - top) + row - top) * (width + 1) + columns)
    lines, columns = np.divmod(crossings, width + 1)
    # Rings are closed, so a line has an even number of crossings, and every second one opens a run.
    outline, row = np.divmod(lines[::2], bottom - top)
    return spans(owners[outline], row + top, columns[::2], columns[1::2], width)


def _first(place: Floats, low: int, high: int) -> Integers:
    """The first row or column whose centre is not before a place, from `low` to `high`."""
    return np.clip(np.ceil(place - 0.5), low, high).astype(np.int64)


def _disc(owner: int, centre: Point, radius: float, top: int, bottom: int, width: int) -> Spans:
    x, y = centre
    rows = np.arange(*_first(np.array([y - radius, y + radius]), top, bottom))
    half = np.sqrt(np.maximum(radius * radius - (rows + 0.5 - y) * (rows + 0.5 - y), 0))
    return spans(owner, rows, _first(x - half, 0, width), _first(x + half, 0, width), width)


def _length(start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    return math.sqrt(dx * dx + dy * dy)


def _bands(points: Sequence[Point], half: float) -> Iterable[tuple[Point, ...]]:
    """The four corners of the band round each piece of a line; a piece without length has none."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if length := _length((x0, y0), (x1, y1)):
            across, along = (y1 - y0) / length * half, (x1 - x0) / length * half
            yield (x0 - across, y0 + along), (x1 - across, y1 + along), (x1 + across, y1 - along), (x0 + across, y0 - along)

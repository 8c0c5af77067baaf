"""The fill rule `labelme`: the pixels that labelme's own export gives, whatever Pillow is installed, or none.

labelme draws with Pillow, and Pillow's polygons changed in 11.1 and again in 11.2. The rule is labelme 5 and 6 with Pillow
9.5 to 11.0, of which the public reference masks are; docs/reference/shapes.md tells the differences. Pillow reckons in
32-bit floats, and so must this.
"""

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.scanlines import Integers, Spans, joined, rows_of, spans
from segpipe.annotations.shapes import Point, Shape
from segpipe.params import ShapeParams

LARGEST_WALK = 55_000
"""Pixels: above this diameter Pillow's ellipses overflow 64 bits, so there is nothing to be equal to."""

Floats = NDArray[np.float32]


def covered(shape: Shape, top: int, bottom: int, width: int, how: ShapeParams) -> Spans:
    """The runs of a shape of one ring in the rows from `top` to before `bottom` of an image of this width."""
    points = shape.rings[0]
    window = top, bottom, width
    match shape.kind:
        case "rectangle":
            return _rectangle(points, *window)
        case "circle":
            return _disc(points[0], _distance(*points), *window)
        case "point" | "points":
            return joined([_disc(point, how.point_size, *window) for point in points])
        case "line" | "linestrip":
            return _line(points, how.line_width, *window)
        case _:
            return _polygon(points, *window)


def _distance(start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    return math.sqrt(dx * dx + dy * dy)


def _rectangle(corners: tuple[Point, ...], top: int, bottom: int, width: int) -> Spans:
    (left, right), (upper, lower) = (sorted(int(value) for value in pair) for pair in zip(*corners, strict=True))
    rows = np.arange(max(upper, top), min(lower + 1, bottom))
    return spans(rows, np.full(len(rows), left), np.full(len(rows), right + 1), width)


def _polygon(points: tuple[Point, ...], top: int, bottom: int, width: int) -> Spans:
    x, y = np.array(points).reshape(-1, 2).T.astype(np.int64)  # towards zero, as C casts
    if len(x) and x[0] == x[-1] and y[0] == y[-1]:
        return _filled(x[:-1], y[:-1], x[1:], y[1:], top, bottom, width)
    return _filled(x, y, np.roll(x, -1), np.roll(y, -1), top, bottom, width)


def _line(points: tuple[Point, ...], line_width: int, top: int, bottom: int, width: int) -> Spans:
    """A band for each piece of the line, without joints (labelme rounds them from version 7 on)."""
    ends = [(int(x), int(y)) for x, y in points]
    draw = _thin if line_width == 1 else _band
    return joined([draw(*start, *end, line_width, top, bottom, width) for start, end in pairwise(ends)])


def _band(x0: int, y0: int, x1: int, y1: int, line_width: int, top: int, bottom: int, width: int) -> Spans:
    """A line as the polygon of its four corners, which are rounded to pixels: outwards on one side, inwards on the other."""
    dx, dy = x1 - x0, y1 - y0
    if dx == dy == 0:
        return _rectangle(((x0, y0), (x0, y0)), top, bottom, width)
    length, half = math.sqrt(dx * dx + dy * dy), (line_width - 1) / 2
    near, far = _half_down(half) / length, math.floor(half + 0.5) / length
    left, right, up, down = (_half_down(share * side) for side in (dy, dx) for share in (near, far))
    x = np.array([x0 - left, x1 - left, x1 + right, x0 + right])
    y = np.array([y0 + down, y1 + down, y1 - up, y0 - up])
    return _filled(x, y, np.roll(x, -1), np.roll(y, -1), top, bottom, width)


def _half_down(value: float) -> int:
    """The nearest integer; a half goes towards zero."""
    return int(math.copysign(math.ceil(abs(value) - 0.5), value))


def _thin(x0: int, y0: int, x1: int, y1: int, line_width: int, top: int, bottom: int, width: int) -> Spans:
    """One pixel a step along the longer side (Bresenham 1965), both ends included."""
    steep = abs(y1 - y0) >= abs(x1 - x0)
    (start, end), (side, other) = ((y0, y1), (x0, x1)) if steep else ((x0, x1), (y0, y1))
    steps, drift = abs(end - start), abs(other - side)
    low, high = (top, bottom) if steep else (0, width)
    along = np.arange(max(min(start, end), low), min(max(start, end) + 1, high))
    across = side + (1 if other > side else -1) * ((2 * drift * abs(along - start) + steps) // max(2 * steps, 1))
    rows, columns = (along, across) if steep else (across, along)
    seen = (rows >= top) & (rows < bottom)
    return spans(rows[seen], columns[seen], columns[seen] + 1, width)


class _Edges(NamedTuple):
    """The edges of a polygon that are not horizontal: through (x, y), over the rows `upper` to `lower`, `lean` to the right."""

    x: Integers
    y: Integers
    upper: Integers
    lower: Integers
    lean: Floats

    def crossing(self, edge: Integers, row: Integers) -> Floats:
        """Where an edge crosses a row."""
        return (row - self.y[edge]).astype(np.float32) * self.lean[edge] + self.x[edge].astype(np.float32)


def _filled(x0: Integers, y0: Integers, x1: Integers, y1: Integers, top: int, bottom: int, width: int) -> Spans:
    """The runs between every second crossing of a row with the edges, and all horizontal edges."""
    flat = y0 == y1
    seen = flat & (y0 >= top) & (y0 < bottom)
    level = spans(y0[seen], np.minimum(x0, x1)[seen], np.maximum(x0, x1)[seen] + 1, width)
    x0, y0, x1, y1 = x0[~flat], y0[~flat], x1[~flat], y1[~flat]
    if not len(x0):
        return level
    lean: Floats = np.divide((x1 - x0).astype(np.float32), (y1 - y0).astype(np.float32), dtype=np.float32)
    row, x = _crossings(_Edges(x0, y0, np.minimum(y0, y1), np.maximum(y0, y1), lean), top, bottom)
    away, x = np.sign(x), np.abs(x)  # a half is rounded away from zero where a run starts, towards it where it stops
    starts = np.floor(x[::2] + np.float32(0.5)) * away[::2]
    stops = np.ceil(x[1::2] - np.float32(0.5)) * away[1::2]
    runs = spans(row[::2], starts.astype(np.int64), stops.astype(np.int64) + 1, width)
    return joined([level, runs]) if len(level.rows) else runs


def _crossings(edges: _Edges, top: int, bottom: int) -> tuple[Integers, Floats]:
    """The row and the place of each crossing from `top` to before `bottom`, from left to right; an even number in each row."""
    edge, row = rows_of(np.maximum(edges.upper, top), np.minimum(edges.lower, bottom - 1))
    # An edge counts twice in its last row: with the edge that goes on from there it makes one crossing, not none.
    times = 1 + ((row == edges.lower[edge]) & (row < edges.lower.max()))
    edge, row = np.repeat(edge, times), np.repeat(row, times)
    x = edges.crossing(edge, row)
    corner_row, later, earlier, moved = _corners(edges, top, bottom)
    if len(later):
        order = np.argsort(row, kind="stable")
        edge, row, x = edge[order], row[order], x[order]
        place = np.searchsorted(row, corner_row) + earlier
        done = np.searchsorted(row * len(edges.x) + edge, corner_row * len(edges.x) + later)
        x[place[place <= done]] = moved[place <= done]
    return _sorted(row, x)


def _corners(edges: _Edges, top: int, bottom: int) -> tuple[Integers, Integers, Integers, Floats]:
    """Where edges leave a corner to the same side: its row, the later edge, the first one, and the crossing to move there.

    So Pillow closes the gap between the corner and the row beside it. It moves the crossing whose number in the row is
    that of the first edge among all edges, provided it comes no later than the later edge's: a slip that is in the pixels.
    """
    found = []
    for ends, beside in ((edges.upper, 1), (edges.lower, -1)):
        edge = np.flatnonzero((ends >= top) & (ends < bottom) & (edges.lean != 0))
        edge = edge if beside > 0 else edge[ends[edge] == edges.lower.max()]
        row, right = ends[edge], edges.lean[edge] > 0
        x = edges.crossing(edge, row)
        order = np.lexsort((x, right, row))
        order = order[np.floor(x[order]) == x[order]]
        edge, row, right, x = edge[order], row[order], right[order], x[order]
        new = np.ones(len(edge), np.bool_)
        new[1:] = (row[1:] != row[:-1]) | (right[1:] != right[:-1]) | (x[1:] != x[:-1])
        first = edge[np.maximum.accumulate(np.where(new, np.arange(len(edge)), 0))][~new]
        edge, row, right = edge[~new], row[~new], right[~new]
        both = edges.crossing(edge, row + beside), edges.crossing(first, row + beside)
        if beside > 0:
            moved = np.where(right, np.minimum(*both), np.maximum(*both) + np.float32(1))
        else:
            moved = np.where(right, np.maximum(*both) + np.float32(1), np.minimum(*both) - np.float32(1))
        found.append((row, edge, first, moved))
    rows, later, firsts, places = zip(*found, strict=True)
    return np.concatenate(rows), np.concatenate(later), np.concatenate(firsts), np.concatenate(places)


def _sorted(row: Integers, x: Floats) -> tuple[Integers, Floats]:
    """Crossings in the order of rows, those of a row from left to right."""
    # The bits of a float sort as an integer does, once those of negative ones are turned round.
    bits = x.view(np.int32)
    keys = (row << 32) + ((bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) + 2**31)
    keys.sort()
    bits = ((keys & 0xFFFFFFFF) - 2**31).astype(np.int32)
    return keys >> 32, (bits ^ ((bits >> 31) & 0x7FFFFFFF)).view(np.float32)


def _disc(centre: Point, radius: float, top: int, bottom: int, width: int) -> Spans:
    """A circle as the ellipse in a box whose sides are cut to integers, so that it can be wider than high."""
    (left, right), (upper, lower) = ((int(value - radius), int(value + radius)) for value in centre)
    a, b = right - left, lower - upper
    rows = np.arange(max(upper, top), min(lower + 1, bottom) if a + b else 0)
    height = np.abs(2 * (rows - upper) - b)
    if max(a, b) > LARGEST_WALK:
        half = np.rint((a * np.sqrt(1 - (height / b) ** 2) - a % 2) / 2).astype(np.int64) * 2 + a % 2
    else:
        half = _half_widths(a, b)[height // 2]
    return spans(rows, left + (a - half) // 2, left + (a + half) // 2 + 1, width)


@lru_cache(maxsize=256)
def _half_widths(a: int, b: int) -> Integers:
    """Half the width of each row of the ellipse x^2 / a^2 + y^2 / b^2 = 1 for y = b % 2, b % 2 + 2 ... b.

    A walk from (a, b % 2) to the top: up, left and up, or left, whatever comes nearest to the curve.
    """
    x, y = a, b % 2
    widths = [x]
    while y < b:
        up, beside = b * b * x * x - a * a * b * b, b * b * (x - 2) * (x - 2) - a * a * b * b
        above = a * a * (y + 2) * (y + 2)
        if x > 1:
            straight, slant, level = abs(above + up), abs(above + beside), abs(a * a * y * y + beside)
            if level < min(straight, slant):
                x -= 2
                continue
            x -= 2 * (slant < straight)
        y += 2
        widths.append(x)
    return np.array(widths)

"""The fill rule `labelme`: the pixels that labelme's own export gives, whatever Pillow is installed, or none.

labelme draws with Pillow, and Pillow's polygons changed in 11.1 and again in 11.2. The rule is labelme 5 and 6 with Pillow
9.5 to 11.0, of which the public reference masks are; docs/reference/shapes.md lists the differences. Pillow computes in
32-bit floats, and so must this.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.raster.scanlines import Integers, Spans, concatenated, points_of, rows_of, spans
from segpipe.annotations.raster.shape import Point, Shape
from segpipe.params.schema import ShapeParams

MAX_WALK_DIAMETER = 55_000
"""Pixels: above this diameter Pillow's ellipses overflow 64 bits, so there is nothing to be equal to."""

Floats = NDArray[np.float32]
Outline = tuple[int, Sequence[tuple[float, float]]]
"""A shape's number and the corners of a polygon that it covers."""


def covered(shapes: Sequence[Shape], top: int, bottom: int, width: int, how: ShapeParams) -> Spans:
    """The runs of shapes of one ring in the rows from `top` to before `bottom` of an image of this width."""
    window = top, bottom, width
    outlines: list[Outline] = []
    runs: list[Spans] = []
    for owner, shape in enumerate(shapes):
        points = shape.rings[0]
        match shape.kind:
            case "rectangle":
                runs.append(_rectangle(owner, points, *window))
            case "circle":
                runs.append(_disc(owner, points[0], _distance(*points), *window))
            case "point" | "points":
                runs += [_disc(owner, point, how.point_size, *window) for point in points]
            case "line" | "linestrip":
                # Without joints: labelme rounds those from version 7 on.
                for start, end in pairwise((int(x), int(y)) for x, y in points):
                    if start == end:
                        runs.append(_rectangle(owner, (start, end), *window))
                    elif how.line_width == 1:
                        runs.append(_thin(owner, *start, *end, *window))
                    else:
                        outlines.append((owner, _band(*start, *end, how.line_width)))
            case "polygon" | "oriented_rectangle":
                outlines.append((owner, points))
    return concatenated([_filled(outlines, *window), *runs])


def _distance(start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    return math.sqrt(dx * dx + dy * dy)


def _rectangle(owner: int, corners: Sequence[Point], top: int, bottom: int, width: int) -> Spans:
    (left, right), (upper, lower) = (sorted(int(value) for value in pair) for pair in zip(*corners, strict=True))
    return spans(owner, np.arange(max(upper, top), min(lower + 1, bottom)), left, right + 1, width)


def _band(x0: int, y0: int, x1: int, y1: int, line_width: int) -> Sequence[tuple[int, int]]:
    """The four corners of a wide line, each a whole number of pixels from its end: rounded up on one side, down on the other."""
    dx, dy = x1 - x0, y1 - y0
    length, half = math.sqrt(dx * dx + dy * dy), (line_width - 1) / 2
    near, far = _half_down(half) / length, math.floor(half + 0.5) / length
    left, right, up, down = (_half_down(share * side) for side in (dy, dx) for share in (near, far))
    return (x0 - left, y0 + down), (x1 - left, y1 + down), (x1 + right, y1 - up), (x0 + right, y0 - up)


def _half_down(value: float) -> int:
    """The nearest integer; a half goes towards zero."""
    return int(math.copysign(math.ceil(abs(value) - 0.5), value))


def _thin(owner: int, x0: int, y0: int, x1: int, y1: int, top: int, bottom: int, width: int) -> Spans:
    """One pixel a step along the longer side (Bresenham 1965), both ends included."""
    steep = abs(y1 - y0) >= abs(x1 - x0)
    (start, end), (side, other) = ((y0, y1), (x0, x1)) if steep else ((x0, x1), (y0, y1))
    steps, drift = abs(end - start), abs(other - side)
    low, high = (top, bottom) if steep else (0, width)
    along = np.arange(max(min(start, end), low), min(max(start, end) + 1, high))
    # The nearest whole number to drift * k / steps, a half upwards, without a float.
    across = side + (1 if other > side else -1) * ((2 * drift * abs(along - start) + steps) // (2 * steps))
    rows, columns = (along, across) if steep else (across, along)
    seen = (rows >= top) & (rows < bottom)
    return spans(owner, rows[seen], columns[seen], columns[seen] + 1, width)


class _Edges(NamedTuple):
    """Edges that are not horizontal: through (x, y), over the rows `upper` to `lower`, `lean` to the right for a row.

    `outline` is the number of the polygon, `number` that of the edge within it, `end` the polygon's last row.
    """

    outline: Integers
    number: Integers
    end: Integers
    x: Integers
    y: Integers
    upper: Integers
    lower: Integers
    lean: Floats

    def crossing(self, edge: Integers, row: Integers) -> Floats:
        """Where an edge crosses a row."""
        return (row - self.y[edge]).astype(np.float32) * self.lean[edge] + self.x[edge].astype(np.float32)


def _filled(outlines: Sequence[Outline], top: int, bottom: int, width: int) -> Spans:
    """The runs between every second crossing of a row with a polygon's edges, and all its horizontal edges."""
    owners = np.array([owner for owner, _ in outlines], np.int64)
    counts = np.array([len(points) for _, points in outlines], np.int64)
    x0, y0 = points_of(points for _, points in outlines).T.astype(np.int64)  # towards zero, as C casts
    outline = np.repeat(np.arange(len(counts)), counts)
    following, last = np.arange(1, len(x0) + 1), (np.cumsum(counts) - 1)[counts > 0]
    # After a polygon's last corner comes its first.
    following[last] = (np.cumsum(counts) - counts)[counts > 0]
    x1, y1 = x0[following], y0[following]
    flat = y0 == y1
    level = flat & (y0 >= top) & (y0 < bottom)
    level[last] &= x0[last] != x1[last]  # a corner given again to close the polygon makes no edge
    horizontal = spans(owners[outline[level]], y0[level], np.minimum(x0, x1)[level], np.maximum(x0, x1)[level] + 1, width)
    if flat.all():
        return horizontal
    line, x = _crossings(_edges(*(each[~flat] for each in (outline, x0, y0, x1, y1))), top, bottom)
    away, x = np.sign(x), np.abs(x)  # a half is rounded away from zero where a run starts, towards it where it stops
    starts = np.floor(x[::2] + np.float32(0.5)) * away[::2]
    stops = np.ceil(x[1::2] - np.float32(0.5)) * away[1::2]
    outline, row = np.divmod(line[::2], bottom - top)
    runs = spans(owners[outline], row + top, starts.astype(np.int64), stops.astype(np.int64) + 1, width)
    return concatenated([horizontal, runs]) if len(horizontal.rows) else runs


def _edges(outline: Integers, x0: Integers, y0: Integers, x1: Integers, y1: Integers) -> _Edges:
    lean: Floats = np.divide((x1 - x0).astype(np.float32), (y1 - y0).astype(np.float32), dtype=np.float32)
    upper, lower = np.minimum(y0, y1), np.maximum(y0, y1)
    new = np.concatenate([[True], outline[1:] != outline[:-1]])
    begin, group = np.flatnonzero(new), np.cumsum(new) - 1
    end = np.maximum.reduceat(lower, begin)[group]
    return _Edges(outline, np.arange(len(x0)) - begin[group], end, x0, y0, upper, lower, lean)


def _crossings(edges: _Edges, top: int, bottom: int) -> tuple[Integers, Floats]:
    """Line and place of each crossing from `top` to before `bottom`, from left to right; an even number in each line.

    A line is a row of a polygon: the polygon's number times the number of rows, and the row's.
    """
    edge, row = rows_of(np.maximum(edges.upper, top), np.minimum(edges.lower, bottom - 1))
    # An edge counts twice in its last row: with the edge that goes on from there it makes one crossing, not none.
    times = 1 + ((row == edges.lower[edge]) & (row < edges.end[edge]))
    edge, row = np.repeat(edge, times), np.repeat(row, times)
    x = edges.crossing(edge, row)
    line = edges.outline[edge] * (bottom - top) + row - top
    corner_line, later, first, moved = _corners(edges, top, bottom)
    if len(later):
        keys = line * len(edges.x) + edge
        order = np.argsort(keys)
        keys, line, x = keys[order], line[order], x[order]
        place = np.searchsorted(line, corner_line) + edges.number[first]
        done = np.searchsorted(keys, corner_line * len(edges.x) + later)
        x[place[place <= done]] = moved[place <= done]
    return _sorted(line, x)


def _corners(edges: _Edges, top: int, bottom: int) -> tuple[Integers, Integers, Integers, Floats]:
    """Where edges leave a corner to the same side: its line, the later edge, the first one, and the crossing to move there.

    So Pillow closes the gap between the corner and the row beside it. It moves the crossing whose number in the row is
    that of the first edge among all edges, provided it comes no later than the later edge's: a slip that is in the pixels.
    """
    found = []
    for ends, beside in ((edges.upper, 1), (edges.lower, -1)):
        edge = np.flatnonzero((ends >= top) & (ends < bottom) & (edges.lean != 0) & ((beside > 0) | (ends == edges.end)))
        row, right = ends[edge], edges.lean[edge] > 0
        line = edges.outline[edge] * (bottom - top) + row - top
        x = edges.crossing(edge, row)
        order = np.lexsort((x, right, line))
        order = order[np.floor(x[order]) == x[order]]
        edge, row, line, right, x = edge[order], row[order], line[order], right[order], x[order]
        again = np.zeros(len(edge), np.bool_)
        again[1:] = (line[1:] == line[:-1]) & (right[1:] == right[:-1]) & (x[1:] == x[:-1])
        first = edge[np.maximum.accumulate(np.where(again, 0, np.arange(len(edge))))][again]
        edge, row, line, right = edge[again], row[again], line[again], right[again]
        near, far = edges.crossing(edge, row + beside), edges.crossing(first, row + beside)
        left, low, high = ~right, np.minimum(near, far), np.maximum(near, far)
        # One beyond the outer line on the right, or on the left of a lower corner; on the line at the left of an upper one.
        moved = np.where(left if beside > 0 else right, high + np.float32(1), low - np.float32(beside < 0))
        found.append((line, edge, first, moved))
    lines, later, firsts, places = zip(*found, strict=True)
    return np.concatenate(lines), np.concatenate(later), np.concatenate(firsts), np.concatenate(places)


def _sorted(line: Integers, x: Floats) -> tuple[Integers, Floats]:
    """Crossings in the order of lines, those of a line from left to right."""
    # The bits of a float sort as an integer does, once those of negative ones are turned round.
    bits = x.view(np.int32)
    keys = (line << 32) + ((bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) + 2**31)
    keys.sort()
    bits = ((keys & 0xFFFFFFFF) - 2**31).astype(np.int32)
    return keys >> 32, (bits ^ ((bits >> 31) & 0x7FFFFFFF)).view(np.float32)


def _disc(owner: int, centre: Point, radius: float, top: int, bottom: int, width: int) -> Spans:
    """A circle as the ellipse in a box whose sides are cut to integers, so that it can be wider than high."""
    (left, right), (upper, lower) = ((int(value - radius), int(value + radius)) for value in centre)
    a, b = right - left, lower - upper
    rows = np.arange(max(upper, top), min(lower + 1, bottom) if a + b else 0)
    height = np.abs(2 * (rows - upper) - b)
    if max(a, b) > MAX_WALK_DIAMETER:
        half = np.rint((a * np.sqrt(1 - (height / b) ** 2) - a % 2) / 2).astype(np.int64) * 2 + a % 2
    else:
        half = _half_widths(a, b)[height // 2]
    return spans(owner, rows, left + (a - half) // 2, left + (a + half) // 2 + 1, width)


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

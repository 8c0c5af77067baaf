"""labelme's shapes, from JSON to Shape: every invalid one is reported, and none is repaired by a guess."""

import base64
import binascii
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from segpipe.annotations.formats.labelme import supervisely
from segpipe.annotations.formats.labelme.json_file import short
from segpipe.annotations.raster.degenerate import shape_warnings
from segpipe.annotations.raster.shape import Kind, Point, Shape
from segpipe.errors import DataError, plain
from segpipe.images.decode import decode_mask
from segpipe.images.limits import MAX_PIXELS
from segpipe.record import Mask

KINDS: tuple[str, ...] = get_args(Kind)
POINTS_OF_KIND: dict[str, tuple[range, str]] = {
    "polygon": (range(3, 2**31), "3 points or more"),
    "rectangle": (range(2, 5, 2), "2 points, or 4"),
    "oriented_rectangle": (range(4, 5), "4 points"),
    "circle": (range(2, 3), "2 points"),
    "line": (range(2, 3), "2 points"),
    "linestrip": (range(2, 2**31), "2 points or more"),
    "point": (range(1, 2), "1 point"),
    "points": (range(1, 2**31), "1 point or more"),
    "mask": (range(2, 3), "2 points"),
    # X-AnyLabeling's:
    "rotation": (range(4, 5), "4 points"),
    "quadrilateral": (range(4, 5), "4 points"),
    # Supervisely's, see labelme/supervisely.py:
    "bitmap": (range(1, 2), "an origin of 1 point"),
}
SAME_AS: dict[str, Kind] = {"rotation": "oriented_rectangle", "quadrilateral": "polygon"}
"""Kinds of other programs that are drawn as one of labelme's."""
MAX_COORDINATE = 1_000_000
"""Pixels: Pillow loses count of coordinates much larger than this, and paints something else or nothing."""
MAX_LABEL_LENGTH = 200
MAX_MASK_PIXELS = MAX_PIXELS
"""Pixels of all masks of one image: a few bytes of a PNG can stand for many."""
TOO_MANY_PIXELS = (f"masks of more than {MAX_MASK_PIXELS} pixels in one image", "Cut the image into parts, or draw polygons.")
REDRAW = "Draw it again, or remove it."


@dataclass(frozen=True)
class ParsedShapes:
    """The shapes that are sound, in their order; the labels of all shapes, sorted; what is wrong, each thing once."""

    shapes: tuple[Shape, ...]
    labels: tuple[str, ...]
    problems: tuple[DataError, ...]


def parse_shapes(raw: Sequence[dict[str, Any]], name: str, size: tuple[int, int] | None) -> ParsedShapes:
    """The shapes of a file called `name`. `size` is its image's width and height, None where it is not known.

    Problems name a shape by its place in the file, the first being 1, as in labelme's list. Raises DataError where masks
    would fill the memory.
    """
    shapes: list[Shape] = []
    labels: set[str] = set()
    problems: list[DataError] = []
    n_pixels = 0
    for number, each in enumerate(raw, start=1):
        label = shape = None
        where = f"shape {number} of {name}"
        try:
            label = _label(each.get("label"), where)
            labels.add(label)
        except DataError as problem:
            problems.append(problem)
        try:
            shape = _shape(each, label or "", where)
        except DataError as problem:
            problems.append(problem)
        n_pixels += shape.pixels.size if shape and shape.pixels is not None else 0
        if n_pixels > MAX_MASK_PIXELS:
            raise DataError(name, *TOO_MANY_PIXELS)
        if label and shape:
            shapes.append(shape)
            problems += _warnings(each["label"], shape, where, size)
    return ParsedShapes(tuple(shapes), tuple(sorted(labels)), tuple({str(problem): problem for problem in problems}.values()))


def _label(label: object, name: str) -> str:
    """A label as text, without blanks around it. Raises DataError for none, for control characters, for a whole story."""
    is_number = isinstance(label, int) or (isinstance(label, float) and math.isfinite(label))
    if isinstance(label, bool) or not (is_number or isinstance(label, str | None)):
        raise DataError(name, "a label that is no text", "Give the shape its label again in labelme.")
    text = "" if label is None else str(label).strip()
    if not text:
        raise DataError(name, "a shape without a label", "Give every shape its label in labelme, or remove it.")
    if plain(text) != text:
        raise DataError(name, f'a label with control characters ("{short(text)}")', "Write labels in one line of plain text.")
    if len(text) > MAX_LABEL_LENGTH:
        raise DataError(name, f'a label of more than {MAX_LABEL_LENGTH} characters ("{short(text)}")', "Give it a shorter one.")
    return text


def _shape(raw: dict[str, Any], label: str, name: str) -> Shape:
    """Kind, points, group and pixels of a shape. Raises DataError where they do not make one."""
    kind: Any = raw.get("shape_type")
    # labelme 3 wrote polygons without a type.
    if kind is None or kind == "":
        kind = "polygon"
    if not isinstance(kind, str) or kind not in POINTS_OF_KIND:
        remedy = f"Draw it as one of {', '.join(KINDS)}."
        raise DataError(name, f'a shape of the type "{short(kind)}", which is not known', remedy)
    shape_name = _describe_shape(kind, label)
    points = _points(raw.get("points"), shape_name, name)
    needed, how_many = POINTS_OF_KIND[kind]
    if len(points) not in needed:
        raise DataError(name, f"{shape_name} needs {how_many}", REDRAW)
    group = _group(raw.get("group_id"), shape_name, name)
    if kind == "mask":
        corner, pixels = _pixels(raw.get("mask"), points, shape_name, name)
        height, width = pixels.shape
        ring = (corner, (corner[0] + width - 1, corner[1] + height - 1))
        return Shape("mask", label, (ring,), group, pixels)
    if kind == "bitmap":
        return _bitmap(supervisely.pixels(raw.get("bitmap"), shape_name, name, REDRAW), label, points[0])
    if kind == "rectangle" and len(points) == 4:
        kind, points = _corners(points)
    holes = raw.get("holes")
    rings = [_ring(hole, shape_name, name) for hole in holes] if kind == "polygon" and isinstance(holes, list) else []
    return Shape(SAME_AS.get(kind, kind), label, (points, *rings), group)


def _bitmap(pixels: Mask, label: str, origin: Point) -> Shape:
    """A mask by its upper left pixel."""
    height, width = pixels.shape
    return Shape("mask", label, ((origin, (origin[0] + width - 1, origin[1] + height - 1)),), "", pixels)


def _ring(raw: object, shape_name: str, name: str) -> tuple[Point, ...]:
    """The outline of a hole in a polygon."""
    points = _points(raw, shape_name, name)
    if len(points) < 3:
        raise DataError(name, f"{shape_name} with a hole of fewer than 3 points", REDRAW)
    return points


def _describe_shape(kind: str, label: str) -> str:
    return f'{kind} "{label}"' if label else kind


def _points(raw: object, shape_name: str, name: str) -> tuple[Point, ...]:
    if not isinstance(raw, list) or not all(map(_is_pair, raw)):
        raise DataError(name, f"{shape_name} with points that are no pairs of numbers", REDRAW)
    values = [value for pair in raw for value in pair]
    if not all(isinstance(value, int) or math.isfinite(value) for value in values):
        raise DataError(name, f"{shape_name} with a point that is NaN or infinite", REDRAW)
    if not all(abs(value) <= MAX_COORDINATE for value in values):
        raise DataError(name, f"{shape_name} with a point more than {MAX_COORDINATE} pixels away", REDRAW)
    return tuple((float(x), float(y)) for x, y in raw)


def _is_pair(raw: object) -> bool:
    """Whether it is [x, y]. Python counts true as a number, JSON does not."""
    return isinstance(raw, list) and len(raw) == 2 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in raw)


def _group(raw: object, shape_name: str, name: str) -> str:
    """labelme writes a whole number or null; what converters write as text is kept as it is."""
    if raw is None:
        return ""
    if isinstance(raw, int | str) and not isinstance(raw, bool):
        return str(raw)
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    raise DataError(name, f"{shape_name} with a group_id that is no whole number", "Set it again in labelme, or leave it out.")


def _corners(points: Sequence[Point]) -> tuple[Kind, tuple[Point, ...]]:
    """Four corners as the two of an upright rectangle, or as those of one that is turned."""
    xs, ys = (sorted({point[axis] for point in points}) for axis in (0, 1))
    if set(points) == {(x, y) for x in (xs[0], xs[-1]) for y in (ys[0], ys[-1])}:
        return "rectangle", ((xs[0], ys[0]), (xs[-1], ys[-1]))
    return "oriented_rectangle", tuple(points)


def _pixels(raw: object, points: Sequence[Point], shape_name: str, name: str) -> tuple[Point, Mask]:
    """The upper left pixel of a mask, and its (H, W) pixels, 0 or 1.

    labelme's rule: corners that are whole numbers are the first and the last pixel; others were dragged, are rounded, and
    the mask keeps its own size. Some programs count the corners up to, and not including, the last one: one pixel less.
    """
    try:
        content = base64.b64decode(raw) if isinstance(raw, str) else b""
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise DataError(name, f"{shape_name} without pixels: its mask is no PNG in base64", REDRAW)
    try:
        pixels = (decode_mask(content, name) != 0).astype(np.uint8)
    except DataError as problem:
        raise DataError(name, f"{shape_name} with a mask that cannot be read: {problem.problem}", REDRAW) from None
    (x0, x1), (y0, y1) = (sorted(round(point[axis]) for point in points) for axis in (0, 1))
    height, width = y1 - y0 + 1, x1 - x0 + 1
    if abs(pixels.shape[0] - height) > 1 or abs(pixels.shape[1] - width) > 1:
        raise DataError(name, f"{shape_name} whose pixels do not fit its two corners", REDRAW)
    if all(value.is_integer() for point in points for value in point):
        pixels = np.ascontiguousarray(pixels[:height, :width])
    return (float(x0), float(y0)), pixels


def _warnings(label: object, shape: Shape, name: str, size: tuple[int, int] | None) -> Iterator[DataError]:
    """What is strange about a shape that can be painted; `label` as it stands in the file."""
    if isinstance(label, str) and label != shape.label:
        what = f'a label with blanks around it ("{shape.label}")'
        yield DataError(name, what, "It is read without them; correct it in labelme.", warning=True)
    for what in shape_warnings(shape, size):
        yield DataError(name, f"{_describe_shape(shape.kind, shape.label)} {what}", REDRAW, warning=True)

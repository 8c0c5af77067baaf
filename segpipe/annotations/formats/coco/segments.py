"""A COCO annotation as shapes: a polygon each, which together are one object; run lengths (RLE) as a mask."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from segpipe.annotations.formats.coco.rle import RunError, decode
from segpipe.annotations.raster.degenerate import shape_warnings
from segpipe.annotations.raster.shape import Shape
from segpipe.errors import DataError

MAX_COORDINATE = 1e6
"""Pixels: no drawing reaches so far, and rasterisers lose count there."""
CORRECT = "Correct it in the program that made it, or remove it from the file."


def shapes_of(annotation: dict[str, Any], label: str, name: str, size: tuple[int, int]) -> Iterator[Shape | DataError]:
    """The shapes of one annotation and what is wrong with it; `name` is for people, `size` the image's (width, height)."""
    segmentation = annotation.get("segmentation")
    if segmentation is None or segmentation in ([], {}, ""):
        yield _without_outline(annotation, name)
    elif isinstance(segmentation, dict):
        yield _from_runs(segmentation, label, name, size)
    elif isinstance(segmentation, list):
        yield from _from_polygons(segmentation, label, name, size)
    else:
        yield _no_list(name)


def _without_outline(annotation: dict[str, Any], name: str) -> DataError:
    if annotation.get("bbox"):
        what = "a box without a segmentation: a box says where an object is, not which pixels are its"
        return DataError(name, what, "Draw its outline, or remove it; a data set of boxes cannot train segmentation.")
    return DataError(name, "an annotation with an empty segmentation", CORRECT)


def _from_runs(segmentation: dict[str, Any], label: str, name: str, size: tuple[int, int]) -> Shape | DataError:
    width, height = size
    if segmentation.get("size") != [height, width]:
        what = "run lengths of another size than the image's"
        return DataError(name, what, "Their size is [height, width], in pixels: export the file again.")
    try:
        pixels = decode(segmentation.get("counts"), height, width)
    except RunError as error:
        return DataError(name, str(error), "Export the file again, or remove the annotation.")
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not rows.size:
        return DataError(name, "an annotation with an empty segmentation", CORRECT)
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    corners = ((float(left), float(top)), (float(right), float(bottom)))
    return Shape("mask", label, (corners,), "", np.ascontiguousarray(pixels[top : bottom + 1, left : right + 1]))


def _from_polygons(polygons: list[Any], label: str, name: str, size: tuple[int, int]) -> Iterator[Shape | DataError]:
    """Each polygon a shape of its own and of no group: where two overlap, both count, and one inside another is no hole."""
    if not all(isinstance(polygon, list) for polygon in polygons):
        yield _no_list(name)
        return
    problems = [_problem(polygon) for polygon in polygons]
    short = [polygon for polygon, problem in zip(polygons, problems, strict=True) if problem == TOO_FEW_POINTS]
    for problem in dict.fromkeys(filter(None, problems)):
        if problem == TOO_FEW_POINTS and len(short) < len(polygons):
            yield DataError(name, f"{TOO_FEW_POINTS}; this part is left out", CORRECT, warning=True)
        else:
            yield DataError(name, problem, CORRECT)
    for polygon, problem in zip(polygons, problems, strict=True):
        if not problem:
            points = tuple((float(x), float(y)) for x, y in zip(polygon[::2], polygon[1::2], strict=True))
            shape = Shape("polygon", label, (points,))
            yield from (DataError(name, f"a polygon {what}", CORRECT, warning=True) for what in shape_warnings(shape, size))
            yield shape


TOO_FEW_POINTS = "a polygon of fewer than three points, which has no inside"


def _problem(polygon: list[Any]) -> str:
    """What is wrong with the numbers of a polygon, or nothing."""
    if not all(type(value) in (int, float) for value in polygon):
        return "a polygon that is no flat list of numbers x1, y1, x2, y2 and so on"
    if len(polygon) % 2:
        return "a polygon with an odd number of coordinates"
    if len(polygon) < 6:
        return TOO_FEW_POINTS
    if not all(abs(value) < MAX_COORDINATE and math.isfinite(value) for value in polygon):
        return "a polygon with coordinates that are no numbers near the image"
    return ""


def _no_list(name: str) -> DataError:
    what = "a segmentation that is neither run lengths nor a list of polygons, [[x1, y1, x2, y2, ...], ...]"
    return DataError(name, what, CORRECT)

"""A label file of YOLO: a polygon a line, its class id first, then x and y in turn as shares of the image's width and height."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from segpipe.errors import DataError
from segpipe.images.unsupported import POINTER, kind_of

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
ROUNDING = 0.02
"""So far outside 0 .. 1 a share is taken for a rounded border and moved back; beyond it is a mistake."""
PIXELS_ABOVE = 2.0
"""Numbers above this are pixels."""
EXPORT_AGAIN = "Export the labels again as YOLO segmentation."


@dataclass(frozen=True)
class Polygon:
    """A line's class id, and its points as shares of width and height, 0 .. 1; `line` is its number, the first being 1."""

    class_id: int
    points: tuple[tuple[float, float], ...]
    line: int


def read_lines(content: bytes, name: str) -> tuple[list[Polygon], list[DataError]]:
    """The polygons of a file, and one problem for each kind of mistake, with the first line that has it."""
    if kind_of(content) == POINTER:
        return [], [DataError(name, POINTER.name, POINTER.remedy)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [DataError(name, "a label file that is no text", EXPORT_AGAIN)]
    polygons: list[Polygon] = []
    problems: dict[str, DataError] = {}
    # Not `splitlines`, which also splits at form feeds and others: editors would count other lines.
    for number, line in enumerate(re.split("\r\n|\r|\n", text), start=1):
        for read in _line(line.split(), number, line_location(number, name)):
            if isinstance(read, Polygon):
                polygons.append(read)
            else:
                problems.setdefault(read.problem, read)
    return polygons, list(problems.values())


def line_location(line: int, name: str) -> str:
    """A line of a file, as sentences call it."""
    return f"line {line} of {name}"


def _line(words: list[str], number: int, location: str) -> Iterator[Polygon | DataError]:
    """The polygon of a line, with a warning where its points were moved, or what is wrong with it."""
    if not words:
        return
    problem = _problem(words)
    if problem:
        yield problem.at(location)
        return
    values = [float(word) for word in words[1:]]
    if max(values) > 1 or min(values) < 0:
        what = "points a little outside 0 .. 1, which were moved to the border"
        yield DataError(location, what, "Rounded numbers do that, and nothing need be done.", warning=True)
        values = [min(max(value, 0.0), 1.0) for value in values]
    yield Polygon(int(float(words[0])), tuple(zip(values[::2], values[1::2], strict=True)), number)


@dataclass(frozen=True)
class _Problem:
    what: str
    remedy: str = EXPORT_AGAIN

    def at(self, location: str) -> DataError:
        return DataError(location, self.what, self.remedy)


BOX = _Problem(
    "a box (five numbers) and no polygon: a box says where an object is, not which pixels are its",
    "Draw outlines; a data set of boxes cannot train segmentation.",
)


def _problem(words: list[str]) -> _Problem | None:
    """What is wrong with the words of a line."""
    if not all(map(NUMBER.fullmatch, words)):
        return _Problem("something that is no number; a line is a class id and x, y in turn, with points and blanks")
    class_id, values = float(words[0]), [float(word) for word in words[1:]]
    if not 0 <= class_id < 2**31 or class_id != int(class_id):
        return _Problem("a class id that is no whole number from 0 on")
    return BOX if len(words) == 5 else _problem_of(values)


def _problem_of(values: list[float]) -> _Problem | None:
    """What is wrong with the coordinates of a line."""
    if len(values) % 2:
        return _Problem("an odd number of coordinates")
    if len(values) < 6:
        return _Problem("a polygon of fewer than three points, which has no inside")
    if max(values) > PIXELS_ABOVE:
        remedy = "Divide x by the image's width and y by its height."
        return _Problem("coordinates in pixels, where shares of the image (0 .. 1) belong", remedy)
    if max(values) > 1 + ROUNDING or min(values) < -ROUNDING:
        return _Problem("coordinates outside the image: they must be from 0 to 1")
    return None

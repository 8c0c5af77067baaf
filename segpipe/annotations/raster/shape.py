"""A drawn shape, whatever format it came from."""

from dataclasses import dataclass
from typing import Literal

from segpipe.record import Mask

Kind = Literal["polygon", "rectangle", "oriented_rectangle", "circle", "line", "linestrip", "point", "points", "mask"]
Point = tuple[float, float]
"""(x, y) in pixels; (0, 0) is the upper left corner of the upper left pixel."""


@dataclass(frozen=True)
class Shape:
    """A shape with its label. A `polygon` may have several `rings`: by the even-odd rule a ring inside another is a hole.

    All other kinds have one ring: a `rectangle` two opposite corners, an `oriented_rectangle` its four, a `circle` its
    centre and a point on it. A `mask` has its upper left and lower right pixel, and `pixels`, (H, W), 0 or 1, from there.
    Shapes of one `group` and label are parts of one object.
    """

    kind: Kind
    label: str
    rings: tuple[tuple[Point, ...], ...]
    group: str = ""
    pixels: Mask | None = None

"""Shapes to one mask: which pixels each covers, and which shape wins where they overlap."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from segpipe.annotations import fill_exact, fill_labelme
from segpipe.annotations.class_map import DROPPED
from segpipe.annotations.nesting import nested, union
from segpipe.annotations.scanlines import Patch, patch
from segpipe.annotations.shapes import Shape
from segpipe.params import ShapeParams
from segpipe.record import BACKGROUND_NAMES, Mask

MOST = 2_000_000
"""Crossings of edges with rows that are held at a time: more than all but thousands of long edges have."""
CUTTING = ("polygon", "rectangle", "oriented_rectangle", "circle", "mask")
"""Kinds that have an inside, so that one in a group can be a hole in another."""


def paint(shapes: Sequence[Shape], ids: Mapping[str, int], height: int, width: int, how: ShapeParams) -> Mask:
    """The (H, W) mask of class ids, 0 where nothing is drawn; `ids` gives each label its id, 255, or DROPPED.

    Where shapes overlap, `how.overlap` says which wins: the later one (`order`), the larger id (`priority`; 255 above
    all), or the one of fewer pixels (`smaller`); on a tie the later one. Shapes of background cut, under every rule,
    what was drawn before them. Shapes of one group and label are one object: a part within the others is a hole.
    """
    canvas = np.zeros((height, width), np.uint8)
    least = np.full((height, width), height * width) if how.overlap == "smaller" else None
    has_background = any(ids.get(name) == 0 for name in BACKGROUND_NAMES)
    drawn = [shape for shape in shapes if ids[shape.label] != DROPPED]
    for label, part, area in _parts(drawn, height, width, how):
        value, below = ids[label], canvas[part.box]
        cuts = value == 0 and has_background
        if least is not None:
            wins = part.inside if cuts else part.inside & (area <= least[part.box])
            least[part.box][wins] = height * width if cuts else area
        elif how.overlap == "priority" and not cuts:
            wins = part.inside & (below <= value)
        else:
            wins = part.inside
        np.copyto(below, value, where=wins, casting="unsafe")
    return canvas


def _parts(shapes: Sequence[Shape], height: int, width: int, how: ShapeParams) -> Iterator[tuple[str, Patch, int]]:
    """Label and pixels of each shape in order, but for holes, and the number of pixels of the object that it is part of."""
    objects: dict[tuple[str, str], list[int]] = {}
    for number, shape in enumerate(shapes):
        if shape.group:
            objects.setdefault((shape.group, shape.label), []).append(number)
    ready: dict[int, tuple[Patch, int]] = {}
    for number, shape in enumerate(shapes):
        members = objects.get((shape.group, shape.label), [number])
        if number == members[0]:
            ready |= _object({member: shapes[member] for member in members}, height, width, how)
        if number in ready:
            yield shape.label, *ready.pop(number)


def _object(shapes: Mapping[int, Shape], height: int, width: int, how: ShapeParams) -> dict[int, tuple[Patch, int]]:
    """The pixels of each part of an object that is no hole and in the image, and the number of pixels of all of them."""
    found = {number: _patch(shape, height, width, how) for number, shape in shapes.items()}
    parts = {number: part for number, part in found.items() if part is not None}
    if len(parts) <= 1:
        return {number: (part, int(np.count_nonzero(part.inside))) for number, part in parts.items()}
    left, whole = nested([*parts.values()], [shapes[number].kind in CUTTING for number in parts])
    area = int(np.count_nonzero(whole.inside))
    return {number: (part, area) for number, part in zip(parts, left, strict=True) if part is not None}


def _patch(shape: Shape, height: int, width: int, how: ShapeParams) -> Patch | None:
    """The pixels of a shape that are in the image, None where there are none."""
    if shape.kind == "mask":
        return _pasted(shape, height, width)
    if how.fill == "exact":
        return _filled(shape, height, width, how)
    # labelme knows no rings: each is drawn as it would draw it.
    rings = [_filled(replace(shape, rings=(ring,)), height, width, how) for ring in shape.rings]
    parts = [ring for ring in rings if ring is not None]
    return nested(parts, [True] * len(parts))[1] if len(parts) > 1 else union(parts)


def _filled(shape: Shape, height: int, width: int, how: ShapeParams) -> Patch | None:
    """The pixels that the fill rule gives, so many rows at a time that memory stays small."""
    covered = fill_exact.covered if how.fill == "exact" else fill_labelme.covered
    rows = max(1, MOST // max(1, sum(map(len, shape.rings))))
    tops = range(0, height, rows)
    parts = [patch(covered(shape, top, min(top + rows, height), width, how)) for top in tops]
    return union([part for part in parts if part is not None])


def _pasted(shape: Shape, height: int, width: int) -> Patch | None:
    """The pixels of a mask at its upper left corner, which is cut to integers as labelme does."""
    assert shape.pixels is not None
    left, top = (int(value) for value in shape.rings[0][0])
    y, x = max(top, 0), max(left, 0)
    inside = shape.pixels[y - top : max(height - top, 0), x - left : max(width - left, 0)] > 0
    return Patch(y, x, inside) if inside.any() else None

"""Rasterises shapes to one mask: which pixels each covers, and which shape wins where they overlap."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from segpipe.annotations.class_map import BACKGROUND_LABELS, DROPPED
from segpipe.annotations.raster import fill_exact, fill_labelme
from segpipe.annotations.raster.nesting import nested, union
from segpipe.annotations.raster.scanlines import Patch, patches
from segpipe.annotations.raster.shape import Shape
from segpipe.params.schema import ShapeParams
from segpipe.record import IGNORE, Mask

MAX_CROSSINGS = 3_000_000
"""Crossings of edges with rows that are computed at a time; a shape that may have more is filled some rows at a time."""
CUTTING = ("polygon", "rectangle", "oriented_rectangle", "circle", "mask")
"""Kinds that have an inside, so that one in a group can be a hole in another."""


def paint(shapes: Sequence[Shape], ids: Mapping[str, int], height: int, width: int, how: ShapeParams) -> Mask:
    """The (H, W) mask of class ids; `ids` gives each label its id, 255, or DROPPED. Where nothing is drawn it is 0, or 255
    where `how.undrawn` is ignore.

    Where shapes overlap, `how.overlap` says which wins: the later one (`order`), the larger id (`priority`; 255 above
    all), or the one of fewer pixels (`smaller`); on a tie the later one. Shapes of background cut, under every rule,
    what was drawn before them. Shapes of one group and label are one object: a part within the others is a hole.
    """
    canvas = np.zeros((height, width), np.uint8)
    covered = np.zeros((height, width), np.bool_) if how.undrawn == "ignore" else None
    # How many pixels the object has to which each pixel belongs; where nothing is drawn, as many as there can be.
    least = np.full((height, width), height * width) if how.overlap == "smaller" else None
    has_background = any(ids.get(name) == 0 for name in BACKGROUND_LABELS)
    drawn = [shape for shape in shapes if ids[shape.label] != DROPPED]
    for label, part, area in _parts(drawn, height, width, how):
        value, below = ids[label], canvas[part.box]
        cuts = value == 0 and has_background
        if least is not None:
            wins = part.inside if cuts else part.inside & (area <= least[part.box])
            # What background cuts, a shape of any size may cover again.
            least[part.box][wins] = height * width if cuts else area
        elif how.overlap == "priority" and not cuts:
            wins = part.inside & (below <= value)
        else:
            wins = part.inside
        np.copyto(below, value, where=wins, casting="unsafe")  # a view: this paints the canvas
        if covered is not None:
            covered[part.box] |= part.inside
    return canvas if covered is None else np.where(covered, canvas, np.uint8(IGNORE))


def _parts(shapes: Sequence[Shape], height: int, width: int, how: ShapeParams) -> Iterator[tuple[str, Patch, int]]:
    """Label and pixels of each shape in order, but for holes, and the number of pixels of the object that it is part of."""
    objects: dict[tuple[str, str], list[Shape]] = {}
    for shape in shapes:
        if shape.group:
            objects.setdefault((shape.group, shape.label), []).append(shape)
    alone = _patches([shape for shape in shapes if not shape.group], height, width, how)
    ready: dict[tuple[str, str], Iterator[Patch | None]] = {}
    areas: dict[tuple[str, str], int] = {}
    for shape in shapes:
        key = shape.group, shape.label
        if shape.group and key not in ready:
            patches = list(_patches(objects[key], height, width, how))
            left, whole = nested(patches, [part.kind in CUTTING for part in objects[key]])
            ready[key], areas[key] = iter(left), _area(whole)
        part = next(ready[key] if shape.group else alone)
        if part is not None:
            yield shape.label, part, areas[key] if shape.group else _area(part)


def _area(part: Patch | None) -> int:
    return 0 if part is None else int(np.count_nonzero(part.inside))


def _patches(shapes: Sequence[Shape], height: int, width: int, how: ShapeParams) -> Iterator[Patch | None]:
    """The pixels of each shape, None where it has none in the image."""
    if how.fill == "exact":
        yield from _filled(shapes, height, width, how)
        return
    # labelme knows no rings: each is drawn as labelme would draw it.
    single = ([shape] if len(shape.rings) == 1 else [replace(shape, rings=(ring,)) for ring in shape.rings] for shape in shapes)
    rings = _filled([ring for rings in single for ring in rings], height, width, how)
    for shape in shapes:
        parts = [next(rings) for _ in shape.rings]
        yield parts[0] if len(parts) == 1 else nested(parts, [True] * len(parts))[1]


def _filled(shapes: Sequence[Shape], height: int, width: int, how: ShapeParams) -> Iterator[Patch | None]:
    """What the fill rule gives for each shape, many shapes at a time, or some rows of one, so that memory stays small."""
    covered = fill_exact.covered if how.fill == "exact" else fill_labelme.covered
    for batch, rows in _batches(shapes, height):
        if rows < height:
            parts = [patches(covered(batch, top, min(top + rows, height), width, how)) for top in range(0, height, rows)]
            yield union([patch for part in parts for _, patch in part])
            continue
        found = patches(covered(batch, 0, height, width, how))
        owner, patch = next(found, (-1, None))
        for number, shape in enumerate(batch):
            if number == owner:
                yield patch
                owner, patch = next(found, (-1, None))
            else:
                yield _pasted(shape, height, width) if shape.kind == "mask" else None


def _batches(shapes: Sequence[Shape], height: int) -> Iterator[tuple[list[Shape], int]]:
    """Shapes to fill together, and how many rows at a time."""
    batch: list[Shape] = []
    corners = 0
    for shape in shapes:
        more = sum(map(len, shape.rings)) + 4
        # Each corner begins an edge, which may cross every row.
        if batch and (corners + more) * height > MAX_CROSSINGS:
            yield batch, max(1, min(height, MAX_CROSSINGS // corners))
            batch, corners = [], 0
        batch.append(shape)
        corners += more
    if batch:
        yield batch, max(1, min(height, MAX_CROSSINGS // corners))


def _pasted(shape: Shape, height: int, width: int) -> Patch | None:
    """The pixels of a mask at its upper left corner, which is cut to integers as labelme does."""
    assert shape.pixels is not None
    left, top = (int(value) for value in shape.rings[0][0])
    y, x = max(top, 0), max(left, 0)
    inside = shape.pixels[y - top : max(height - top, 0), x - left : max(width - left, 0)] > 0
    return Patch(y, x, inside) if inside.any() else None

"""The parts of one object: those wholly inside the others are holes, all others are merged."""

from collections.abc import Sequence

import numpy as np

from segpipe.annotations.raster.scanlines import Patch


def union(parts: Sequence[Patch]) -> Patch | None:
    """The pixels of any of the parts. None where there are no parts."""
    if len(parts) <= 1:
        return parts[0] if parts else None
    whole = _empty(parts)
    for part in parts:
        _within(whole, part)[part.inside] = True
    return whole


def nested(parts: Sequence[Patch | None], can_cut: Sequence[bool]) -> tuple[list[Patch | None], Patch | None]:
    """Each part less the holes in it, None for the holes; and the pixels of the object. None stands for no pixels.

    From the largest part to the smallest, whatever their order: one wholly within what is there so far is a hole in it, and
    an island in a hole is there again. Parts that only overlap are joined, and so is one that repeats another. Parts that
    cannot cut (lines and points) are no holes.
    """
    areas = {number: int(np.count_nonzero(part.inside)) for number, part in enumerate(parts) if part is not None}
    if not areas:
        return list(parts), None
    whole = _empty([part for part in parts if part is not None])
    holes: dict[int, bool] = {}
    for number in sorted(areas, key=lambda number: -areas[number]):
        part = parts[number]
        assert part is not None
        # Before it is taken for a hole: a part drawn twice lies wholly within itself.
        repeated = next((other for other in holes if areas[other] == areas[number] and _same(parts[other], part)), None)
        region = _within(whole, part)
        hole = holes[repeated] if repeated is not None else can_cut[number] and bool(region[part.inside].all())
        region[part.inside] = not hole
        holes[number] = hole
    left = [
        None if part is None or holes[number] else part._replace(inside=part.inside & _within(whole, part))
        for number, part in enumerate(parts)
    ]
    return left, whole


def _empty(parts: Sequence[Patch]) -> Patch:
    """The smallest box round all parts, without a pixel."""
    top, left = min(part.top for part in parts), min(part.left for part in parts)
    bottom = max(part.top + part.inside.shape[0] for part in parts)
    right = max(part.left + part.inside.shape[1] for part in parts)
    return Patch(top, left, np.zeros((bottom - top, right - left), np.bool_))


def _within(whole: Patch, part: Patch) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The pixels of the whole in the box of a part."""
    height, width = part.inside.shape
    top, left = part.top - whole.top, part.left - whole.left
    return whole.inside[top : top + height, left : left + width]


def _same(one: Patch | None, other: Patch) -> bool:
    return one is not None and (one.top, one.left) == (other.top, other.left) and np.array_equal(one.inside, other.inside)

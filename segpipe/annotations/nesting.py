"""The parts of one object: those that lie wholly within the others are holes, all others are joined."""

from collections.abc import Sequence

import numpy as np

from segpipe.annotations.scanlines import Patch


def union(parts: Sequence[Patch]) -> Patch | None:
    """The pixels of any of the parts. None where there are no parts."""
    if len(parts) <= 1:
        return parts[0] if parts else None
    whole = _empty(parts)
    for part in parts:
        _within(whole, part)[part.inside] = True
    return whole


def nested(parts: Sequence[Patch], can_cut: Sequence[bool]) -> tuple[list[Patch | None], Patch]:
    """Each part less the holes in it, None for the holes; and the pixels of the object.

    From the largest part to the smallest, whatever their order: one wholly within what is there so far is a hole in it, and
    an island in a hole is there again. Parts that only overlap are joined, and so is one that repeats another. Parts that
    cannot cut (lines and points) are no holes.
    """
    whole = _empty(parts)
    areas = [int(np.count_nonzero(part.inside)) for part in parts]
    holes: dict[int, bool] = {}
    for number in sorted(range(len(parts)), key=lambda number: -areas[number]):
        part, region = parts[number], _within(whole, parts[number])
        twin = next((other for other in holes if areas[other] == areas[number] and _same(parts[other], part)), None)
        hole = holes[twin] if twin is not None else can_cut[number] and bool(region[part.inside].all())
        region[part.inside] = not hole
        holes[number] = hole
    left = [None if holes[i] else part._replace(inside=part.inside & _within(whole, part)) for i, part in enumerate(parts)]
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


def _same(one: Patch, other: Patch) -> bool:
    return (one.top, one.left) == (other.top, other.left) and np.array_equal(one.inside, other.inside)

"""What is mended in predicted class ids: specks and holes that no object has. Each step changes a class at a time."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.params.decision import Step

Ids = NDArray[np.uint8]
Mask = NDArray[np.uint8]
"""(H, W), 1 where the class is, else 0."""


def postprocess(ids: Ids, steps: Sequence[Step], has_background: bool) -> Ids:
    """(H, W) class ids after all steps in their order; the same array where there are none.

    Pixels that a class loses go to the class that most of the pixels around them have. Where class 0 is background, a class
    wins pixels of background alone, else of any class.
    """
    for step in steps:
        for number in step.classes:
            ids = applied(ids, step, number, has_background)
    return ids


def applied(ids: Ids, step: Step, number: int, has_background: bool) -> Ids:
    """The ids after one step of one class."""
    mask = (ids == number).view(np.uint8)
    if not mask.any():
        return ids
    wanted = _STEPS[step.name](mask, step.number)
    won = (wanted > mask) & (ids == 0) if has_background else wanted > mask
    lost = wanted < mask
    if not (won.any() or lost.any()):
        return ids
    changed = np.where(won, np.uint8(number), ids)
    _give_to_neighbours(changed, lost.view(np.uint8), number)
    return changed


def _give_to_neighbours(ids: Ids, lost: Mask, number: int) -> None:
    """Gives each connected piece of what class `number` lost to the class of most pixels around it, the first of equals.

    A piece that no other class touches stays.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lost, connectivity=8)
    before = ids.copy()
    for piece in range(1, count):
        left, top, width, height = stats[piece, :4]
        window = np.s_[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1]
        inside = labels[window] == piece
        around = cv2.dilate(inside.view(np.uint8), np.ones((3, 3), np.uint8)) > lost[window]
        neighbours = np.bincount(before[window][around], minlength=256)
        neighbours[number] = 0
        if neighbours.any():
            ids[window][inside] = neighbours.argmax()


def _open(mask: Mask, radius: int) -> Mask:
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(radius)).astype(np.uint8)


def _close(mask: Mask, radius: int) -> Mask:
    # Padded, since OpenCV takes what is outside for the object when it erodes, and for none when it dilates.
    padded = np.pad(mask, radius)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _disc(radius))
    return np.maximum(closed[radius:-radius, radius:-radius], mask).astype(np.uint8)


def _fill_holes(mask: Mask, _: int) -> Mask:
    """A hole is what does not reach the image's edge by steps up, down, left and right."""
    count, labels = cv2.connectedComponents(1 - mask, connectivity=4)
    outside = np.zeros(count, np.bool_)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[edge] = True
    outside[0] = False
    return (~outside[labels]).view(np.uint8)


def _remove_small(mask: Mask, fewest: int) -> Mask:
    """Without the objects of fewer pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    kept = stats[:count, cv2.CC_STAT_AREA] >= fewest
    kept[0] = False
    return kept[labels].view(np.uint8)


def _keep_largest(mask: Mask, _: int) -> Mask:
    """The largest object alone; of equals the one that begins first, from left to right and then down."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    sizes = stats[1:count, cv2.CC_STAT_AREA]
    equals = 1 + np.flatnonzero(sizes == sizes.max())
    first = equals[0] if len(equals) == 1 else labels.flat[np.isin(labels, equals).argmax()]
    return (labels == first).view(np.uint8)


def _disc(radius: int) -> Mask:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.uint8)


_STEPS: dict[str, Callable[[Mask, int], Mask]] = {
    "open": _open,
    "close": _close,
    "fill_holes": _fill_holes,
    "remove_small": _remove_small,
    "keep_largest": _keep_largest,
}

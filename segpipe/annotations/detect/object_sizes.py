"""How thick and how long the objects of each class are in the masks, from which follows how far images may be shrunk."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.record import Mask

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectSize:
    """What most pixels of a class belong to, in pixels: an object `thickness` across, whose box is `extent` long."""

    thickness: float
    extent: float


def object_sizes(masks: Iterable[Mask], classes: Iterable[int]) -> dict[int, ObjectSize]:
    """The size of each of the classes that the masks hold.

    An object is what touches, corners included. Both numbers are medians over the class's pixels and not over its objects,
    so that specks do not outweigh what is annotated.
    """
    numbers = list(classes)
    found: dict[int, list[Numbers]] = {number: [] for number in numbers}
    for mask in masks:
        for number in numbers:
            objects = _objects((mask == number).astype(np.uint8))
            if len(objects):
                found[number].append(objects)
    return {number: _of_class(np.concatenate(parts)) for number, parts in found.items() if parts}


def _objects(held: NDArray[np.uint8]) -> Numbers:
    """A row an object: its pixels, its thickness, the longer side of its box."""
    if not held.any():
        return np.empty((0, 3))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(held, connectivity=8)
    # To the centre of the nearest pixel outside; the image's edge is no outside, where an object may go on.
    distance = cv2.distanceTransform(held, cv2.DIST_L2, 5)
    pixels = np.bincount(labels.ravel(), minlength=count)[1:]
    mean = np.bincount(labels.ravel(), distance.ravel(), minlength=count)[1:] / pixels
    # A strip of w pixels has distances of 1 to w / 2 and back: their mean is w / 4 + 1 / 2.
    thickness = np.maximum(4 * mean - 2, 1.0)
    # Nothing is outside of an object that fills the image, and OpenCV says so by distances beyond it.
    thickness = np.minimum(thickness, np.sqrt(pixels))
    extent = boxes[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    return np.column_stack([pixels, thickness, extent]).astype(np.float64)


def _of_class(objects: Numbers) -> ObjectSize:
    return ObjectSize(*(_weighted_median(objects[:, column], objects[:, 0]) for column in (1, 2)))


def _weighted_median(values: Numbers, weights: Numbers) -> float:
    """The first value at which half of the weight is reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])

"""Recall of objects by their size: how many small ones are found, and how many large ones.

An object is a connected component (8 neighbours) of the true pixels of a class, ignored ones being no part of it. It is found
where at least half of its pixels were predicted as its class. Sizes are COCO's: small below 32 x 32 pixels, medium below 96 x 96,
large from there, at original resolution. Fixed, unlike quantiles, they add up over images and can be compared between sets.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIZES = ("small", "medium", "large")
LIMITS = (32 * 32, 96 * 96)
"""Pixels at which the next size begins."""

ObjectCounts = NDArray[np.int64]
"""(K, 3, 2) of each class and size: objects, and those of them that were found. They add up over images."""


def object_counts(truth: NDArray[np.uint8], prediction: NDArray[np.uint8], n_classes: int) -> ObjectCounts:
    """(H, W) true and predicted class ids of one image to its counts."""
    counts = np.zeros((n_classes, len(SIZES), 2), np.int64)
    for number in range(n_classes):
        mask = (truth == number).view(np.uint8)
        left, top, width, height = cv2.boundingRect(mask)
        if not width:
            continue
        box = np.s_[top : top + height, left : left + width]
        n_labels, components = cv2.connectedComponents(np.ascontiguousarray(mask[box]), connectivity=8)
        # 0 is what is none of them.
        pixels = np.bincount(components.ravel(), minlength=n_labels)[1:]
        hits = np.bincount(components[prediction[box] == number], minlength=n_labels)[1:]
        sizes, found = np.digitize(pixels, LIMITS), 2 * hits >= pixels
        counts[number, :, 0] = np.bincount(sizes, minlength=len(SIZES))
        counts[number, :, 1] = np.bincount(sizes[found], minlength=len(SIZES))
    return counts


def object_recall(counts: ObjectCounts) -> list[list[float | None]]:
    """The share found of each class and size; None where there is no object."""
    return [[found / objects if objects else None for objects, found in of_class] for of_class in counts.tolist()]

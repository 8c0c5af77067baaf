"""How far the predicted boundary of a class lies from the true one: boundary F-score, surface Dice, HD95, mean distance.

A boundary pixel of a mask is one of its pixels of whose four neighbours one is not of the mask: the mask without its erosion by
a cross, as in MONAI. What lies outside the image is of no mask, nor is an ignored pixel, in the truth as in the prediction: so
every mask that is not empty has a boundary, and what was predicted under ignored pixels changes nothing. Distances are Euclidean,
from the centre of a boundary pixel to that of the nearest boundary pixel of the other mask.

    boundary F     2 P R / (P + R), with P the share of the predicted boundary within the tolerance of the true one, and R the
                   share of the true boundary within the tolerance of the predicted one (Csurka et al. 2013)
    surface Dice   boundary pixels of both within the tolerance / boundary pixels of both (NSD; Nikolov et al. 2018)
    HD95           the larger of the two 95th percentiles of the distances, one from each side
    mean distance  the mean of the distances from both sides (ASSD)

Where neither mask has the class there is no score (None), where the F-score of DAVIS is 1. Where one has it, F and surface Dice
are 0, and there is no distance (None): `one_sided` tells, and is to be counted.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE

BoundaryCounts = NDArray[np.int64]
"""(K, 4) boundary pixels of each class: predicted, those of them near the true one, true, those of them near the predicted one.

They add up over images.
"""

LARGEST_EXACT = 1000
"""Pixels, of a box's diagonal: beyond it the square of a distance is no longer known to the unit from OpenCV's float32."""
ROUNDING = 1 + 1e-6
"""What is as far as the tolerance is within it, although distances are rounded: three pixels of 0.1 mm are not above 0.3 mm."""


@dataclass(frozen=True)
class Surfaces:
    """One image: its `counts`, and the `hd95` and `mean_distance` of each class, in the unit of the spacing."""

    counts: BoundaryCounts
    hd95: list[float | None]
    mean_distance: list[float | None]


def surfaces(
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    n_classes: int,
    tolerance: float,
    spacing: tuple[float, float] = (1.0, 1.0),
) -> Surfaces:
    """Compares the boundaries in (H, W) true and predicted class ids.

    `spacing` is the distance from a row to the next and from a column to the next: pixels by default, or any unit, which
    `tolerance` is in too.
    """
    seen = np.where(truth == IGNORE, np.uint8(IGNORE), prediction)
    true_edges, seen_edges = _edges(truth), _edges(seen)
    counts = np.zeros((n_classes, 4), np.int64)
    hd95: list[float | None] = [None] * n_classes
    mean_distance: list[float | None] = [None] * n_classes
    for number in range(n_classes):
        true, predicted = _crop(true_edges & (truth == number), seen_edges & (seen == number))
        counts[number, [0, 2]] = np.count_nonzero(predicted), np.count_nonzero(true)
        if not counts[number, [0, 2]].all():
            continue
        sides = _distances(predicted, true, spacing), _distances(true, predicted, spacing)
        counts[number, [1, 3]] = [np.count_nonzero(side <= tolerance * ROUNDING) for side in sides]
        hd95[number] = float(max(np.percentile(side, 95) for side in sides))
        mean_distance[number] = float(np.concatenate(sides).mean())
    return Surfaces(counts, hd95, mean_distance)


def boundary_f(counts: BoundaryCounts) -> list[float | None]:
    """The boundary F-score of each class; None where neither mask has it."""
    return [_f_score(*of_class) if any(of_class) else None for of_class in counts.tolist()]


def surface_dice(counts: BoundaryCounts) -> list[float | None]:
    """The surface Dice (NSD) of each class; None where neither mask has it."""
    return [(near + found) / (seen + true) if seen + true else None for seen, near, true, found in counts.tolist()]


def one_sided(counts: BoundaryCounts) -> NDArray[np.bool_]:
    """(K,) of one image, whether just one of the masks has the class: no distance then, though something is wrong."""
    return (counts[:, 0] > 0) != (counts[:, 2] > 0)


def _f_score(seen: int, near: int, true: int, found: int) -> float:
    precision, recall = near / max(seen, 1), found / max(true, 1)
    return 2 * precision * recall / (precision + recall) if near and found else 0.0


def _edges(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H, W) class ids to where one of the four neighbours is of another class, ignored, or outside the image."""
    # What is outside is ignored; whether ignored pixels themselves are edges nobody asks.
    padded = np.pad(mask, 1, constant_values=IGNORE)
    inside = padded[1:-1, 1:-1]
    found = (inside != padded[:-2, 1:-1]) | (inside != padded[2:, 1:-1]) | (inside != padded[1:-1, :-2])
    return found | (inside != padded[1:-1, 2:])


def _crop(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both masks in the smallest box that holds them: nothing outside is near to anything."""
    left, top, width, height = cv2.boundingRect((first | second).view(np.uint8))
    box = np.s_[top : top + height, left : left + width]
    return first[box], second[box]


def _distances(start: NDArray[np.bool_], end: NDArray[np.bool_], spacing: tuple[float, float]) -> NDArray[np.float64]:
    """From each pixel of `start` to the nearest of `end`, which is not empty."""
    if spacing[0] == spacing[1] and math.hypot(*end.shape) < LARGEST_EXACT:
        far = cv2.distanceTransform((~end).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Its last digits differ from run to run; the squares of distances are whole numbers.
        return np.sqrt(np.rint(far[start].astype(np.float64) ** 2)) * spacing[0]
    # OpenCV's takes pixels for squares. Imported here, since few need it and it takes a while.
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~end, sampling=spacing)[start]

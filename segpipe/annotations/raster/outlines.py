"""From a mask to polygons: the outline of each region, which painted in their order give the mask again, to the pixel."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from contourpy import LineType, contour_generator
from numpy.typing import NDArray

from segpipe.record import Mask

LEVEL = 0.51
"""Where an outline crosses between the centre of a pixel inside, 1, and of one outside, 0: 0.49 pixels from the inner one.

Cut to integers, as the fill rule `labelme` does, the point is then in the inner pixel; and for `exact` the line is between the
two centres. So both rules fill the region itself.
"""
EPSILON = 0.1
"""Pixels by which a line may pass a point that is left out (Douglas and Peucker 1973): less than brings it to a centre."""


@dataclass(frozen=True)
class Outline:
    """The class of a region, and its outer border: `points` (N, 2) are x and y in pixels."""

    id: int
    points: NDArray[np.float64]


def outlines(ids: Mask, has_background: bool) -> list[Outline]:
    """Of a mask (H, W) of class ids each region with its outline, the larger ones first. Regions are connected by their sides.

    A hole is no line of its own: what lies in it comes later and is painted over. So background, class 0 where
    `has_background`, is there only inside of other regions.
    """
    found = []
    for number in np.unique(ids).tolist():
        inside = _enclosed(ids) if number == 0 and has_background else ids == number
        found += [(area, number, points) for area, points in _rings(inside)]
    # Nested ones differ in their area; `sorted` keeps the order of equal ones.
    return [Outline(number, _simplified(points)) for _, number, points in sorted(found, key=lambda each: -each[0])]


def _rings(inside: NDArray[np.bool_]) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Area and points of each region's outer border. Where two pixels touch at a corner alone, 0.5 in between is outside."""
    left, top, width, height = cv2.boundingRect(inside.view(np.uint8))
    if not width:
        return
    values = np.pad(inside[top : top + height, left : left + width], 1).astype(np.float64)
    # Index 0 is the margin, and a pixel's centre lies half a pixel from its corner.
    corner = np.array([left - 0.5, top - 0.5])
    for line in contour_generator(z=values, line_type=LineType.Separate).lines(LEVEL):
        # The last point is the first again.
        points = np.asarray(line, np.float64)[:-1] + corner
        x, y = points.T
        area = float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
        # A hole is walked the other way round.
        if area > 0:
            yield area, points


def _enclosed(ids: Mask) -> NDArray[np.bool_]:
    """The pixels of class 0 that lie in a hole of some other class."""
    inside = np.zeros(ids.shape, np.bool_)
    for number in range(1, int(ids.max()) + 1):
        _, parts = cv2.connectedComponents(np.pad(ids != number, 1, constant_values=True).view(np.uint8), connectivity=8)
        inside |= (parts != parts[0, 0])[1:-1, 1:-1] & (ids == 0)
    return inside


def _simplified(points: NDArray[np.float64]) -> NDArray[np.float64]:
    # OpenCV takes 32-bit floats: rounded again, each is the point that it was, to a hundredth of a pixel.
    fewer = np.round(cv2.approxPolyDP(points.astype(np.float32), EPSILON, True)[:, 0].astype(np.float64), 2)
    return fewer if len(fewer) > 2 else np.round(points, 2)

"""Whether masks lie on what their images show: at the borders of its regions an image has edges.

An image's edges at the borders of its own mask are compared with those where the mask of another image has its borders. Masks
that were shuffled, shifted, or turned without their images fit no better than others' do. No loss shows that: a network learns a
batch of such masks by heart.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE

FEWEST_PIXELS = 20
"""Shorter borders tell nothing."""
FEWEST_PAIRS = 12
ALIKE = 0.5
"""Of a border's pixels that also lie on that of the other mask: where more do, the two cannot be told apart."""
CERTAIN, CLEAR = 3.0, 0.05
"""Standard errors, and a difference of ranks. That of real masks is 0.1 to 0.3, that of shuffled ones 0 but for chance."""
SCALE = 1.0
"""Pixels: deviation of the Gaussian before edges are looked for."""


@dataclass(frozen=True)
class EdgeFit:
    """The mean rank, 0 to 1, of an image's edges at the borders of its own mask and of another's, over so many images.

    `z` is the mean of the differences in units of its standard error: about 0 for masks that belong to other images.
    """

    images: int
    own: float
    other: float
    z: float

    @property
    def fits(self) -> bool:
        """Whether own masks fit better; where that is little and also not certain, they do not."""
        return self.z >= CERTAIN or self.own - self.other >= CLEAR


def edge_fit(batches: Iterable[tuple[NDArray[Any], NDArray[np.integer[Any]]]]) -> EdgeFit | None:
    """The fit over batches of (N, C, H, W) images and (N, H, W) class ids; None where fewer than `FEWEST_PAIRS` have borders."""
    pairs: list[tuple[float, float]] = []
    for images, masks in batches:
        bordered = [(image, border) for image, border in zip(images, map(_border, masks), strict=True) if _long(border)]
        # Each with the one before it, the first with the last.
        for number, (image, border) in enumerate(bordered):
            other = bordered[number - 1][1]
            if len(bordered) > 1 and (border & _grown(other)).sum() <= ALIKE * border.sum():
                strength = _edge_ranks(image)
                pairs.append((float(strength[border].mean()), float(strength[other].mean())))
    if len(pairs) < FEWEST_PAIRS:
        return None
    own, other_ones = np.array(pairs).T
    difference = own - other_ones
    error = float(difference.std(ddof=1)) / math.sqrt(len(pairs))
    return EdgeFit(len(pairs), float(own.mean()), float(other_ones.mean()), float(difference.mean()) / max(error, 1e-9))


def _edge_ranks(image: NDArray[Any]) -> NDArray[np.float32]:
    """(C, H, W) to (H, W): the rank of each pixel's gradient in the image, 0 to 1, or that of a neighbour if larger."""
    gray = cv2.GaussianBlur(image.astype(np.float32).mean(axis=0), (0, 0), SCALE)
    gradient = np.hypot(cv2.Scharr(gray, cv2.CV_32F, 1, 0), cv2.Scharr(gray, cv2.CV_32F, 0, 1))
    # Ranks, so that one bright spot does not outweigh all borders.
    ranks = gradient.ravel().argsort(kind="stable").argsort(kind="stable").reshape(gradient.shape) / gradient.size
    # People draw a pixel beside the edge.
    return cv2.dilate(ranks.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.float32)


def _border(mask: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Pixels whose left or upper neighbour is of another class, none of the two ignored."""
    found = np.zeros(mask.shape, bool)
    known = mask != IGNORE
    found[:, 1:] |= (mask[:, 1:] != mask[:, :-1]) & known[:, 1:] & known[:, :-1]
    found[1:] |= (mask[1:] != mask[:-1]) & known[1:] & known[:-1]
    return found


def _grown(border: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return cv2.dilate(border.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def _long(border: NDArray[np.bool_]) -> bool:
    return int(border.sum()) >= FEWEST_PIXELS

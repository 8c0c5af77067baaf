"""What of a picture is content and what a black or white frame around it, such as a turned satellite tile's or an endoscope's."""

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.images.decode import Pixels

NEAR = 16 / 255
"""Share of the range of grays within which pixels count as black, or as white: JPEG smears them beside an edge."""
LEAST = 0.01
"""Share of the picture that a frame takes, at least."""
CLOSE = 0.7
"""Share of the content's outermost pixels, next to the frame, that are not black or white themselves, at least."""

Content = NDArray[np.uint8]
"""(H, W): 255 within the content, 0 in the frame."""


def content_of(gray: Pixels) -> Content | None:
    """The smallest convex region that holds all of (H, W) that is not black, and all that is not white; None without a frame.

    A frame holds a corner of the picture. Convex, so that dark places in the content stay content, and bright cells all
    over a black ground keep theirs.
    """
    low, high = int(gray.min()), int(gray.max())
    near = (high - low) * NEAR
    corners = gray[[0, 0, -1, -1], [0, -1, 0, -1]]
    content = np.full(gray.shape, 255, np.uint8)
    for in_frame, filled in ((corners <= low + near, gray > low + near), (corners >= high - near, gray < high - near)):
        if in_frame.any():
            content &= _hull(filled)
    frame = 1 - np.count_nonzero(content) / content.size
    return content if LEAST <= frame < 1 else None


def _hull(filled: NDArray[np.bool_]) -> Content:
    """The convex hull of what is filled, less specks; everything where its edge is no edge of what is filled, as below a sky."""
    whole = cv2.morphologyEx(filled.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    hull = np.zeros(filled.shape, np.uint8)
    rows = np.flatnonzero(whole.any(axis=1))
    if len(rows):
        # The outermost pixels of each row span the same hull as all of them.
        left, right = whole[rows].argmax(axis=1), whole.shape[1] - 1 - whole[rows, ::-1].argmax(axis=1)
        outermost = np.stack([np.concatenate([left, right]), np.concatenate([rows, rows])], axis=1).astype(np.int32)
        cv2.fillConvexPoly(hull, cv2.convexHull(outermost), 255)
    # The hull's outermost 4 pixels, next to the frame only: erode takes nothing away at the picture's own border.
    edge = (hull > 0) & (cv2.erode(hull, np.ones((9, 9), np.uint8)) == 0)
    return hull if edge.any() and whole[edge].mean() >= CLOSE else np.full(filled.shape, 255, np.uint8)

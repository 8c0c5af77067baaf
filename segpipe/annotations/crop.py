"""The side of the training crops that suits images of these sizes."""

from collections.abc import Sequence

PREFERRED_LEAST = 64
"""Pixels: a smaller crop shows too little around each pixel, so that images are rather padded, where any is as large."""
LEAST = 16
"""Pixels, whatever the images are."""


def crop_of(sides: Sequence[int], stride: int, largest: int) -> int:
    """A multiple of `stride`, at most `largest` but at least LEAST, that two thirds of the images hold.

    `sides` are their shorter sides, at least one. What is smaller gets padded: a few thumbnails do not decide for all.
    """
    ordered = sorted(sides)
    side = max(ordered[len(ordered) // 3], min(PREFERRED_LEAST, ordered[-1]))
    return max(min(side, largest) // stride * stride, stride, -(-LEAST // stride) * stride)

"""Label quality: how well an image's mask agrees with a model that did not learn from it, so that wrong masks come first.

Lad & Mueller 2023, "Estimating label quality and errors in semantic segmentation data via any model" (arXiv:2307.05080): with
p the probability that the model gives a pixel's own label, the soft minimum over the pixels

    quality = sum(p * w) / sum(w),    w = exp((1 - p) / temperature)

so that pixels in doubt count many times those that the model agrees with. It is in [0, 1], and low is suspect. Probabilities are
rounded to 65,536 levels, and weights to whole numbers: both sums are then exact, in whatever order pixels come. Ignored pixels
are left out; without another there is no quality (None).
"""

import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores.counts import Confusion
from segpipe.scores.histogram import histogram
from segpipe.scores.levels import LEVELS, Levels

TEMPERATURE = 0.1
"""The paper's; bench/suspects.py has others."""
WEIGHTS = np.rint((1 << 20) * np.exp(-np.arange(LEVELS) / (LEVELS - 1) / TEMPERATURE)).astype(np.uint64)
"""Of each level. The largest is 2^20: with 2^28 pixels, the most an image has, and 2^16 levels sums stay below 2^64."""
STEPS = 8
OF_DOUBT = (np.ceil(np.maximum(1 - 2 * np.arange(LEVELS) / (LEVELS - 1), 0) * STEPS) * 255 // STEPS).astype(np.uint8)
"""Of each level, in so many steps: a picture of few values is small, and no one sees more of them."""

Given = NDArray[np.uint16]
"""(H, W) the level of the probability of each pixel's own label."""


def given_levels(levels: Levels, mask: NDArray[np.uint8]) -> Given:
    """(K, H, W) levels and (H, W) class ids to the level of each pixel's own; the highest where it is ignored."""
    given = np.full(mask.shape, LEVELS - 1, np.uint16)
    for number, plane in enumerate(levels):
        np.copyto(given, plane, where=mask == number)
    return given


def label_quality(given: Given, mask: NDArray[np.uint8]) -> float | None:
    """That of an image; None where every pixel is ignored."""
    counts = histogram(given, LEVELS).astype(np.uint64)
    # Ignored pixels have the highest level: taken off again, they need not be cut out of the image.
    counts[-1] -= np.uint64(np.count_nonzero(mask == IGNORE))
    weighed = counts * WEIGHTS
    total = int(weighed.sum())
    return int((weighed * np.arange(LEVELS, dtype=np.uint64)).sum()) / (total * (LEVELS - 1)) if total else None


def doubt(given: Given) -> NDArray[np.uint8]:
    """(H, W), 0 where the label has half of the probability or more, or the pixel is ignored; 255 where it has none."""
    return OF_DOUBT[given]


def largest_confusion(counts: Confusion) -> tuple[int, int, int] | None:
    """The given class and the other one that most of its pixels were predicted as, and how many; None where all agree."""
    wrong = counts - np.diag(np.diag(counts))
    given, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    return (int(given), int(predicted), int(wrong.max())) if wrong.any() else None

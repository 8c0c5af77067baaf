"""How strongly rare classes are preferred: the weight of each class for a crop, and of each image for an epoch."""

import math

import numpy as np
from numpy.typing import NDArray

MOST = 8.0
"""No image is drawn more than so many times as often as a common one: beyond that it is learned by heart."""

Counts = NDArray[np.int64]
"""(images, classes) pixels of the training images, as index.csv counts them."""

Weights = NDArray[np.float64]


def class_weights(pixels: Counts, strength: float, has_background: bool) -> Weights:
    """(classes,) The weight of each class of objects when one of an image's is chosen; background has 0.

    A class's share of all pixels to the power of -strength: at 0 all alike, at 1 in inverse proportion to pixels.
    """
    return _preferred(pixels.sum(axis=0), strength, has_background)


def image_weights(pixels: Counts, strength: float, has_background: bool) -> Weights:
    """(images,) How often an epoch of as many draws as images should draw each; the sum is the number of images.

    The share of images that hold an image's rarest class, to the power of -strength, against the commonest class, and
    `MOST` at most. Repeat-factor sampling (Gupta et al., LVIS, arXiv:1908.03195) with a fixed length of the epoch.
    """
    held = pixels > 0
    weights = _preferred(held.sum(axis=0), strength, has_background)
    # The weight of the commonest class: `wanted` is relative to it.
    least = min(weights[weights > 0], default=1.0)
    # (images, classes) to (images,). One without objects counts as one of the commonest class (initial).
    wanted = np.clip((held * (weights / least)).max(axis=1, initial=1.0), 1.0, MOST)
    return wanted * (len(wanted) / wanted.sum())


def sample_indices(weights: Weights, rng: np.random.Generator) -> NDArray[np.int64]:
    """The numbers of the images of an epoch in the order they come, as many as there are weights, which sum to that.

    Each comes as often as its weight says, rounded down or up by chance (systematic sampling over a shuffled list).
    """
    order = rng.permutation(len(weights))
    # One random offset for all: the whole numbers that an image's stretch of the sum passes are its draws.
    ends = np.cumsum(weights[order]) + rng.random()
    # The sum is that number but for rounding, which must neither cost nor add a draw.
    ends[-1] = len(weights)
    counts = np.diff(np.minimum(np.floor(ends), len(weights)), prepend=0).astype(np.int64)
    return rng.permutation(np.repeat(order, counts))


def _preferred(counts: NDArray[np.int64], strength: float, has_background: bool) -> Weights:
    """Counts to the power of -strength; 0 for background and for what never occurs."""
    total = int(counts.sum())
    # By math and not by numpy, whose powers differ in their last digits from one processor's vector units to another's.
    return np.array(
        [
            math.pow(count / total, -strength) if count and (number or not has_background) else 0.0
            for number, count in enumerate(counts.tolist())
        ]
    )

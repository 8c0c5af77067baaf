"""Images that show the same whole picture, upright, turned by quarters or mirrored: by a perceptual hash (pHash).

A bit is the sign of one of the lowest 16 x 16 frequencies of the thumbnail's cosine transform (DCT). A mirrored image has the
same ones with every odd frequency's sign changed, a transposed one has them transposed: one transform gives all eight
orientations.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.near_duplicates.fingerprint import THUMBNAIL, Fingerprint, Thumbnail

FREQUENCIES = 16
N_BITS = FREQUENCIES * FREQUENCIES
MAX_DISTANCE = 48
"""Hamming distance, of 256 bits, from which on two images are not the same; unrelated ones differ in 128 +- 8."""
MIN_CORRELATION = 0.6
"""Least correlation of the two thumbnails."""
MIN_DISTINCT = 96
"""Frequencies above the rounding noise; with fewer an image is too plain to be distinguished from another one."""
ORIENTATIONS = [(transposed, down, across) for transposed in (False, True) for down in (False, True) for across in (False, True)]
"""How an image is brought to another's orientation: transposed first, then mirrored top to bottom, then left to right."""

_BLOCK = 512  # images that are compared with all others at a time
_SCALE = 1 << 10  # of the cosines as whole numbers: sums of these are the same on every processor
_ROUNDING = 2  # times the deviation of a frequency whose pixels are rounded to whole numbers


def reoriented(thumbnail: Thumbnail, orientation: int) -> Thumbnail:
    """The square image in one of the eight orientations."""
    transposed, down, across = ORIENTATIONS[orientation]
    thumbnail = thumbnail.T if transposed else thumbnail
    thumbnail = thumbnail[::-1] if down else thumbnail
    return thumbnail[:, ::-1] if across else thumbnail


def find_same_images(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int, float]]:
    """Pairs of indices (first, second), the orientation that brings the first to the second, and their correlation."""
    frequencies = [_dct(each.thumbnail) for each in fingerprints]
    usable = np.array([index for index, each in enumerate(frequencies) if _is_distinctive(each)], np.int64)
    if not len(usable):
        return
    signs = np.stack([_sign_bits(frequencies[index], 0) for index in usable])
    for orientation in range(len(ORIENTATIONS)):
        there = np.stack([_sign_bits(frequencies[index], orientation) for index in usable])
        for a, b in _near_pairs(there, signs):
            first, second = int(usable[a]), int(usable[b])
            correlation = gradient_correlation(
                reoriented(fingerprints[first].thumbnail, orientation), fingerprints[second].thumbnail
            )
            if correlation >= MIN_CORRELATION:
                yield first, second, orientation, correlation


def gradient_correlation(one: NDArray[np.integer], other: NDArray[np.integer], shown: NDArray[np.bool_] | None = None) -> float:
    """The correlation of the gradients of two images of one shape, -1 to 1; 0 where one is flat.

    Gradients and not grays, less their mean: light that falls off to one side looks the same in images of anything. No step
    counts more than the median one: else a frame or a stamp that all images share would correlate them. `shown` is the mask
    of the pixels that count.
    """
    x, y = (_steps(each.astype(np.int64), shown) for each in (one, other))  # of int8: sums of products are exact
    size = float((x * x).sum()) * float((y * y).sum())
    return float((x * y).sum()) / size**0.5 if size > 0 else 0.0


def _steps(picture: NDArray[np.int64], shown: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Differences of neighbours, down and across, less their whole mean, none larger than the median of those not zero."""
    shown = np.ones(picture.shape, np.bool_) if shown is None else shown
    down, across = np.diff(picture, axis=0)[shown[1:] & shown[:-1]], np.diff(picture, axis=1)[shown[:, 1:] & shown[:, :-1]]
    steps = np.concatenate([each - int(each.sum()) // max(len(each), 1) for each in (down, across)])
    sizes = np.sort(np.abs(steps[steps != 0]))
    bound = sizes[len(sizes) // 2] if len(sizes) else 0
    return np.clip(steps, -bound, bound)


def _near_pairs(there: NDArray[np.uint64], signs: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Pairs a < b that differ in fewer than MAX_DISTANCE bits, some rows at a time."""
    for start in range(0, len(signs), _BLOCK):
        rows = there[start : start + _BLOCK]
        others = signs[start:]
        apart = np.zeros((len(rows), len(others)), np.uint16)
        for word in range(signs.shape[1]):
            apart += np.bitwise_count(rows[:, word, None] ^ others[:, word])
        for a, b in zip(*(index.tolist() for index in np.nonzero(apart < MAX_DISTANCE)), strict=True):
            # For a > b it is the same pair in the inverse orientation, which is one of the eight.
            if a < b:
                yield start + a, start + b


def _dct(thumbnail: Thumbnail) -> NDArray[np.int64]:
    """The lowest frequencies, (FREQUENCIES, FREQUENCIES), vertical first, in whole numbers: orthonormal DCT-II x _SCALE**2."""
    n = np.arange(THUMBNAIL)
    basis = np.cos(np.pi * (2 * n + 1) * np.arange(FREQUENCIES)[:, None] / (2 * THUMBNAIL)) * np.sqrt(2 / THUMBNAIL)
    table = np.rint(basis * _SCALE).astype(np.int64)
    return table @ thumbnail.astype(np.int64) @ table.T


def _is_distinctive(frequencies: NDArray[np.int64]) -> bool:
    # Rounding a pixel to a whole number deviates by sqrt(1 / 12), and an orthonormal transform keeps that.
    return int((np.abs(frequencies) > _ROUNDING * np.sqrt(1 / 12) * _SCALE**2).sum()) >= MIN_DISTINCT


def _sign_bits(frequencies: NDArray[np.int64], orientation: int) -> NDArray[np.uint64]:
    """The signs in one of the eight orientations, as 4 words."""
    transposed, down, across = ORIENTATIONS[orientation]
    frequencies = frequencies.T if transposed else frequencies
    odd = np.where(np.arange(FREQUENCIES) % 2, -1, 1)
    frequencies = frequencies * (odd[:, None] if down else 1) * (odd if across else 1)
    return np.packbits(frequencies > 0).view(np.uint64)

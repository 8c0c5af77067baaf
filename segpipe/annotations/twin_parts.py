"""Images that share a part of one picture (a crop, a border added, two crops that overlap), by their most telling points.

Three steps, each cheaper for what it keeps: points that look alike are found by tables of some of their bits (locality
sensitive hashing, Indyk and Motwani 1998); images that share several must agree on one turn, scale and shift; and the
small pictures, laid on one another by it, must show the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.twin_print import POINTS, THUMB, Print
from segpipe.annotations.twin_whole import correlation

TABLES, KEY_BITS = 16, 20
CROWD = 256
"""Points of one key: where more are, that key tells nothing and is passed over."""
NEAR = 56
"""Bits of 256 in which two points of the same look differ at most; unrelated ones differ in 120 +- 18."""
SHARED = 3
"""Pairs of points found by the tables before two images are compared closely."""
AGREEING = 6
"""Pairs of points that agree on one turn, scale and shift."""
ALIKE = 0.8
"""Least correlation of the small pictures where they overlap."""
OVERLAP = 40
"""Least number of pixels of the coarser small picture, of 1024, that both show."""

_TOLERANCE = 0.03  # of the second image's long side
_MATCHES = 32
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Laid:
    """How the first image lies on the second: a point z = x + iy of the first is at turn * z + shift in the second.

    Where `mirrored`, z is conjugated first. `agreeing` pairs of points say so, and the pixels of both correlate by `alike`.
    """

    turn: complex
    shift: complex
    mirrored: bool
    agreeing: int
    alike: float


def same_parts(prints: list[Print]) -> Iterator[tuple[int, int, Laid]]:
    """Pairs of indices of images that share a part, and how the first lies on the second."""
    for mirrored in (False, True):
        for first, second in _candidates(prints, mirrored):
            laid = lay(prints[first], prints[second], mirrored)
            if laid:
                yield first, second, laid


def lay(first: Print, second: Print, mirrored: bool) -> Laid | None:
    """How the first lies on the second, where they share a part."""
    z, w = _matches(first, second, mirrored)
    if len(z) < AGREEING:
        return None
    tolerance = _TOLERANCE * max(second.width, second.height)
    agrees = _agreeing(z, w, tolerance)
    if agrees.sum() < AGREEING:
        return None
    turn, shift = _fitted(z[agrees], w[agrees])
    agrees = np.abs(turn * z + shift - w) < tolerance
    if agrees.sum() < AGREEING:
        return None
    turn, shift = _fitted(z[agrees], w[agrees])
    alike = _alike(first, second, turn, shift, mirrored)
    return Laid(turn, shift, mirrored, int(agrees.sum()), alike) if alike >= ALIKE else None


def _candidates(prints: list[Print], mirrored: bool) -> Iterator[tuple[int, int]]:
    """Pairs of images, first < second, of which the tables find SHARED pairs of points that look alike."""
    bits = np.concatenate([each.bits for each in prints])
    owner = np.repeat(np.arange(len(prints), dtype=np.int64), [len(each.bits) for each in prints])
    sought = _mirrored(bits) if mirrored else bits
    random = np.random.RandomState(1)  # its stream never changes
    found = []
    for _ in range(TABLES):
        chosen = random.choice(256, KEY_BITS, replace=False)
        for one, other in _sharing(_key(sought, chosen), _key(bits, chosen)):
            keep = owner[one] < owner[other]
            one, other = one[keep], other[keep]
            near = np.bitwise_count(sought[one] ^ bits[other]).sum(axis=1) <= NEAR
            found.append(one[near] * len(bits) + other[near])
    points = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
    pairs, counts = np.unique(owner[points // len(bits)] * len(prints) + owner[points % len(bits)], return_counts=True)
    for pair in pairs[counts >= SHARED].tolist():
        yield divmod(pair, len(prints))


def _sharing(sought: NDArray[np.int64], keys: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Indices of all points with the same key, some at a time."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    start, end = np.searchsorted(ranked, sought, "left"), np.searchsorted(ranked, sought, "right")
    counts = np.where(end - start > CROWD, 0, end - start)
    edges = np.searchsorted(np.cumsum(counts), np.arange(0, counts.sum() + _CHUNK, _CHUNK))
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        own = counts[low:high]
        one = np.repeat(np.arange(low, high), own)
        within = np.arange(len(one)) - np.repeat(np.cumsum(own) - own, own)
        yield one, order[start[one] + within]


def _key(bits: NDArray[np.uint64], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """The chosen bits of each point as one number."""
    octets = bits.view(np.uint8)
    key = np.zeros(len(bits), np.int64)
    for bit in chosen.tolist():
        key = (key << 1) | ((octets[:, bit // 8] >> (7 - bit % 8)) & 1)
    return key


def _mirrored(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(bits[:, [2, 3, 0, 1]])


def _matches(first: Print, second: Print, mirrored: bool) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Places, as x + iy, of the points of each that look most like one another, the likest first."""
    sought = _mirrored(first.bits) if mirrored else first.bits
    apart = np.zeros((len(sought), len(second.bits)), np.uint16)
    for word in range(4):
        apart += np.bitwise_count(sought[:, word, None] ^ second.bits[:, word])
    best = apart.argmin(axis=1)
    mutual = (apart[:, best].argmin(axis=0) == np.arange(len(best))) if len(best) else best
    least = apart[np.arange(len(best)), best]
    chosen = np.flatnonzero((least <= NEAR) & mutual)
    chosen = chosen[np.argsort(least[chosen], kind="stable")][:_MATCHES]
    z, w = first.points[chosen] @ (1, 1j), second.points[best[chosen]] @ (1, 1j)
    return z.conj() if mirrored else z, w


def _agreeing(z: NDArray[np.complex128], w: NDArray[np.complex128], tolerance: float) -> NDArray[np.bool_]:
    """Of all ways to lay two points on their partners, the one that most pairs agree with."""
    i, j = np.triu_indices(len(z), 1)
    apart = np.abs(z[i] - z[j]) > 0
    i, j = i[apart], j[apart]
    turns = (w[i] - w[j]) / (z[i] - z[j])
    scales = np.abs(turns)
    usable = (scales > 1 / 8) & (scales < 8) & (np.abs(w[i] - w[j]) > 2 * tolerance)
    turns, i = turns[usable], i[usable]
    if not len(turns):
        return np.zeros(len(z), np.bool_)
    agrees = np.abs(turns[:, None] * z + (w[i] - turns * z[i])[:, None] - w) < tolerance
    return agrees[agrees.sum(axis=1).argmax()]


def _fitted(z: NDArray[np.complex128], w: NDArray[np.complex128]) -> tuple[complex, complex]:
    """Turn and shift of least squares."""
    dz, dw = z - z.mean(), w - w.mean()
    turn = complex((dz.conj() * dw).sum() / max((np.abs(dz) ** 2).sum(), 1e-9))
    return turn, complex(w.mean() - turn * z.mean())


def _alike(first: Print, second: Print, turn: complex, shift: complex, mirrored: bool) -> float:
    """Correlation of the small pictures where they overlap, at the pixels of the coarser one; 0 for a small overlap."""
    if abs(turn) == 0:
        return 0.0
    coarse, fine = first, second
    if abs(turn) * first.width * first.height / THUMB**2 * abs(turn) < second.width * second.height / THUMB**2:
        coarse, fine = second, first
    steps = (np.arange(4 * THUMB) + 0.5) / (4 * THUMB)
    places = steps * coarse.width + 1j * (steps * coarse.height)[:, None]
    if coarse is first:
        there = turn * (places.conj() if mirrored else places) + shift
    else:
        there = (places - shift) / turn
        there = there.conj() if mirrored else there
    x = np.floor(there.real * THUMB / fine.width).astype(np.int64)
    y = np.floor(there.imag * THUMB / fine.height).astype(np.int64)
    inside = (x >= 0) & (x < THUMB) & (y >= 0) & (y < THUMB)
    values = np.where(inside, fine.small[np.clip(y, 0, THUMB - 1), np.clip(x, 0, THUMB - 1)], 0)
    whole = inside.reshape(THUMB, 4, THUMB, 4).all(axis=(1, 3))
    if whole.sum() < OVERLAP:
        return 0.0
    return correlation(values.reshape(THUMB, 4, THUMB, 4).sum(axis=(1, 3))[whole], coarse.small[whole])

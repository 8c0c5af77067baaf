"""Images that share a part of one picture (a crop, a border added, two crops that overlap), by their most telling points.

Three steps, each dearer and for fewer images. Points that look alike are found by tables of some of their bits (locality
sensitive hashing, Indyk and Motwani 1998), and some of them must agree on turn and scale. Of those images all points are
compared, and several must agree on one turn, scale and shift. The small pictures, laid on one another by it, must show the
same.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.near_duplicates.fingerprint import BITS, THUMBNAIL, Fingerprint
from segpipe.annotations.near_duplicates.whole import gradient_correlation
from segpipe.console.progress import track

TABLES, KEY_BITS = 16, 20
MAX_BUCKET = 8
"""Points of one key that a point is compared with, at most: those that follow it, so that a crowd is linked as a chain."""
MAX_DISTANCE = 64
"""Bits of 256 in which two points of the same look differ at most; unrelated ones differ in 120 +- 20."""
MIN_INLIERS = 4
"""Pairs of points that agree on one turn, scale and shift."""
MIN_CORRELATION = 0.6
"""Least likeness of the small pictures where they overlap."""
SURE_INLIERS = 8
"""So many pairs of points agree by no chance; with fewer the pictures must be as alike as DOUBTFUL says."""
DOUBTFUL_CORRELATION = 0.84
CERTAIN_INLIERS, CERTAIN_CORRELATION = 24, 0.58
"""So many leave no doubt: the small pictures of a smooth one may differ a little more, as where a frame was added."""
MIN_OVERLAP = 40
"""Least number of pixels of the coarser small picture, of 1024, that both show."""

_ANGLE, _SCALE = 0.35, 1.4  # radians and a factor by which a point's own turn and size may miss the picture's
_COSINE = math.cos(_ANGLE) ** 2
_ROTATIONS, _SIZES = math.ceil(2 * _ANGLE * 128 / math.pi) + 1, math.ceil(2 * math.log(_SCALE) * 16) + 1
"""How far two poses that fit the same turn are from one another at most, as `_rounded` gives them."""
_APART = 0.05  # of an image's long side: two points that are nearer may be one and the same, seen twice
_TOLERANCE = 0.03  # of the second image's long side
_MATCHES = 32
_FOLLOWING = 12
_FINE = 4
_SUPPORT = 2
_PARTNERS = 16  # later images that an image is laid on, at most: those of which most points agree
_IMAGES = 128  # that are looked for at once
_CHUNK = 1 << 20

Indices = NDArray[np.int64]
Places = NDArray[np.complex128]
"""Points of the plane, x + iy, in pixels."""


@dataclass(frozen=True)
class Alignment:
    """How the first image lies on the second: a point z = x + iy of the first is at turn * z + shift in the second.

    Where `mirrored`, z is conjugated first. `inliers` pairs of points say so; `correlation` is how alike the overlap looks.
    """

    rotation: complex
    translation: complex
    mirrored: bool
    inliers: int
    correlation: float


@dataclass(frozen=True)
class _Keypoints:
    """The points of some images: what they look like (n, 4), whose they are, their places, and turn and size as size * e^it."""

    descriptors: NDArray[np.uint64]
    owner: Indices
    positions: Places
    poses: NDArray[np.complex128]
    min_separation: NDArray[np.float64]
    """Pixels, from which on two points of the same image are surely two."""


@dataclass(frozen=True)
class _Table:
    """The bits chosen, the points in the order of their keys, and these keys, sorted: key * `images` + image."""

    images: int
    chosen: NDArray[np.int64]
    order: NDArray[np.int32]
    ranked: Indices


def find_overlaps(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, Alignment]]:
    """Pairs of indices, first < second, of images that share a part, and how the first lies on the second."""
    points = [_keypoints([each]) for each in fingerprints]
    for first, second, mirrored in _candidates(fingerprints):
        alignment = _align(fingerprints[first], fingerprints[second], points[first], points[second], mirrored)
        if alignment:
            yield first, second, alignment


def align(first: Fingerprint, second: Fingerprint, mirrored: bool) -> Alignment | None:
    """How the first lies on the second, where they share a part."""
    return _align(first, second, _keypoints([first]), _keypoints([second]), mirrored)


def _align(first: Fingerprint, second: Fingerprint, one: _Keypoints, other: _Keypoints, mirrored: bool) -> Alignment | None:
    i, j = _mutual_matches(_query(one.descriptors, mirrored), other.descriptors)
    if len(i) < MIN_INLIERS:
        return None
    z, w, pose = _matched_poses(one, other, i, j, mirrored)
    tolerance = _TOLERANCE * max(second.width, second.height)
    is_inlier = _inliers(z, w, pose, tolerance)
    for _ in range(2):
        if is_inlier.sum() < MIN_INLIERS:
            return None
        rotation, translation = _least_squares(z[is_inlier], w[is_inlier])
        is_inlier = (np.abs(rotation * z + translation - w) < tolerance) & _fits(pose, rotation)
    inliers, correlation = int(is_inlier.sum()), _overlap_correlation(first, second, rotation, translation, mirrored)
    least = (
        CERTAIN_CORRELATION
        if inliers >= CERTAIN_INLIERS
        else MIN_CORRELATION
        if inliers >= SURE_INLIERS
        else DOUBTFUL_CORRELATION
    )
    return (
        Alignment(rotation, translation, mirrored, inliers, correlation)
        if inliers >= MIN_INLIERS and correlation >= least
        else None
    )


def _keypoints(fingerprints: Sequence[Fingerprint]) -> _Keypoints:
    rotations, sizes = (np.concatenate(each) for each in zip(*((one.angles, one.scales) for one in fingerprints), strict=True))
    return _Keypoints(
        np.concatenate([each.descriptors for each in fingerprints]),
        np.repeat(np.arange(len(fingerprints), dtype=np.int64), [len(each.descriptors) for each in fingerprints]),
        np.concatenate([each.keypoints for each in fingerprints]) @ np.array([1, 1j]),
        sizes * np.exp(1j * rotations),
        np.concatenate([np.full(len(each.descriptors), _APART * max(each.width, each.height)) for each in fingerprints]),
    )


def _query(bits: NDArray[np.uint64], mirrored: bool) -> NDArray[np.uint64]:
    """What the points look like, or would in the mirrored picture."""
    return np.ascontiguousarray(bits[:, [2, 3, 0, 1]]) if mirrored else bits


def _matched_poses(
    points: _Keypoints, others: _Keypoints, i: Indices, j: Indices, mirrored: bool
) -> tuple[Places, Places, NDArray[np.complex128]]:
    """Places of the points i and of their partners j, and the turn and scale that each pair by itself says."""
    z, pose = points.positions[i], points.poses[i]
    if mirrored:
        z, pose = z.conj(), pose.conj()
    return z, others.positions[j], others.poses[j] / pose


def _candidates(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, bool]]:
    """Images, first < second, of which some points look alike and agree on turn and scale; and whether mirrored."""
    if sum(len(each.descriptors) for each in fingerprints) == 0:
        return
    points = _keypoints(fingerprints)
    tables = list(_tables(points, len(fingerprints)))
    for start in track(range(0, len(fingerprints), _IMAGES), "comparing"):
        low, high = np.searchsorted(points.owner, [start, start + _IMAGES]).tolist()
        for mirrored in (False, True):
            i, j = _descriptor_matches(points, tables, low, high, mirrored)
            for pair in _consistent_pairs(points, i, j, len(fingerprints), mirrored).tolist():
                yield *divmod(pair, len(fingerprints)), mirrored


def _tables(points: _Keypoints, images: int) -> Iterator[_Table]:
    """Some bits of what each point looks like, as a key, and the points sorted by it, those of an image together."""
    random = np.random.RandomState(1)  # its stream never changes
    for _ in range(TABLES):
        chosen = random.choice(BITS, KEY_BITS, replace=False)
        keys = _key(points.descriptors, chosen) * images + points.owner
        order = np.argsort(keys, kind="stable").astype(np.int32)
        yield _Table(images, chosen, order, keys[order])


def _descriptor_matches(
    points: _Keypoints, tables: Sequence[_Table], low: int, high: int, mirrored: bool
) -> tuple[Indices, Indices]:
    """Points low .. high and points of later images that look alike."""
    n, images = len(points.descriptors), tables[0].images
    bits, owner = _query(points.descriptors[low:high], mirrored), points.owner[low:high]
    found = [np.zeros(0, np.int64)]
    for table in tables:
        keys = _key(bits, table.chosen) * images
        order = np.argsort(keys)  # sorted keys are looked up in a quarter of the time
        for at, place in _same_keys(table.ranked, keys[order], owner[order], images):
            i, j = order[at], table.order[place].astype(np.int64)
            near = _hamming(bits[i], points.descriptors[j]) <= MAX_DISTANCE
            found.append((i[near] + low) * n + j[near])
    return divmod(_sorted_unique(np.concatenate(found)), n)


def _hamming(bits: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """In how many bits the rows differ."""
    counts = np.bitwise_count(bits ^ others)
    total = counts[:, 0].astype(np.uint16)
    for word in range(1, counts.shape[1]):
        total += counts[:, word]
    return total


def _sorted_unique(numbers: Indices) -> Indices:
    """The different numbers, sorted. np.unique has a table of all of them, which takes ten times as long for millions."""
    numbers.sort()
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _same_keys(ranked: Indices, keys: Indices, owner: Indices, images: int) -> Iterator[tuple[Indices, Indices]]:
    """For each key the places in `ranked` of the same key that belong to later images, CROWD at most; some at a time."""
    start = np.searchsorted(ranked, keys + owner, "right")
    counts = np.minimum(np.searchsorted(ranked, keys + images, "left") - start, MAX_BUCKET)
    total = np.cumsum(counts)
    cuts = np.searchsorted(total, np.arange(_CHUNK, int(total[-1]) if len(total) else 0, _CHUNK)).tolist()
    for low, high in zip([0, *cuts], [*cuts, len(keys)], strict=True):
        own = counts[low:high]
        i = np.repeat(np.arange(low, high), own)
        yield i, start[i] + np.arange(len(i)) - np.repeat(np.cumsum(own) - own, own)


def _key(bits: NDArray[np.uint64], chosen: NDArray[np.int64]) -> Indices:
    """The chosen bits of each point as one number."""
    octets = bits.view(np.uint8)
    key = np.zeros(len(bits), np.int64)
    for bit in chosen.tolist():
        key = (key << 1) | ((octets[:, bit // 8] >> (7 - bit % 8)) & 1)
    return key


def _consistent_pairs(points: _Keypoints, i: Indices, j: Indices, images: int, mirrored: bool) -> Indices:
    """Pairs of images, as first * number of images + second, in which pairs of points agree on turn and scale, twice.

    Of each first image the _PARTNERS with which most pairs agree.
    """
    pair = points.owner[i] * images + points.owner[j]
    order = np.argsort(pair, kind="stable")
    order = order[_frequent(pair[order])]
    pair, i, j = pair[order], i[order], j[order]
    z, w, pose = _matched_poses(points, points, i, j, mirrored)
    rotations, sizes = _rounded(pose)
    near = points.min_separation**2
    good = [np.zeros(0, np.int64)]
    for lag in range(1, _FOLLOWING):
        a = np.flatnonzero(pair[lag:] == pair[:-lag])
        a = a[(np.abs(rotations[a + lag] - rotations[a]) <= _ROTATIONS) & (np.abs(sizes[a + lag] - sizes[a]) <= _SIZES)]
        b = a + lag
        dz, dw = z[b] - z[a], w[b] - w[a]
        long = _squared(dz)
        apart = (long > near[i[a]]) & (_squared(dw) > near[j[a]])
        a, b, rotation = a[apart], b[apart], dw[apart] * dz[apart].conj() / long[apart]
        good.append(pair[a[_fits(pose[a], rotation) & _fits(pose[b], rotation)]])
    pairs, counts = np.unique(np.concatenate(good), return_counts=True)
    pairs, counts = pairs[counts >= _SUPPORT], counts[counts >= _SUPPORT]
    order = np.lexsort((pairs, -counts, pairs // images))
    first = pairs[order] // images
    rank = np.arange(len(first)) - np.searchsorted(first, first, "left")
    return np.sort(pairs[order][rank < _PARTNERS])


def _rounded(pose: NDArray[np.complex128]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The angles in 256ths of a turn, whose differences come round as angles do, and the logarithms of the sizes in 16ths."""
    rotations = np.rint(np.angle(pose) * (128 / np.pi)).astype(np.int16).astype(np.int8)
    return rotations, np.clip(np.rint(8 * np.log(_squared(pose))), -63, 63).astype(np.int8)


def _frequent(ranked: Indices) -> NDArray[np.bool_]:
    """Which of the sorted numbers occur more than _SUPPORT times: fewer points cannot agree in that many pairs."""
    starts = np.flatnonzero(np.diff(ranked, prepend=-1))
    counts = np.diff(starts, append=len(ranked))
    return np.repeat(counts > _SUPPORT, counts)


def _fits(pose: NDArray[np.complex128], rotation: NDArray[np.complex128] | complex) -> NDArray[np.bool_]:
    """Whether what a pair of points says of turn and scale is about that turn and scale."""
    along = (pose * np.conj(rotation)).real
    own, size = _squared(pose), _squared(rotation)
    return (along > 0) & (along * along > _COSINE * own * size) & (own < _SCALE**2 * size) & (size < _SCALE**2 * own)


def _squared(z: NDArray[np.complex128] | complex) -> NDArray[np.float64]:
    """The squares of their absolute values, in a fraction of the time that these take."""
    z = np.asarray(z)
    return z.real * z.real + z.imag * z.imag


def _mutual_matches(bits: NDArray[np.uint64], others: NDArray[np.uint64]) -> tuple[Indices, Indices]:
    """Points of each that look most like one another, the likest first."""
    if not (len(bits) and len(others)):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    apart = np.zeros((len(bits), len(others)), np.uint16)
    for word in range(bits.shape[1]):
        apart += np.bitwise_count(bits[:, word, None] ^ others[:, word])
    best = apart.argmin(axis=1)
    least = apart[np.arange(len(best)), best]
    mutual = apart.argmin(axis=0)[best] == np.arange(len(best))
    chosen = np.flatnonzero((least <= MAX_DISTANCE) & mutual)
    chosen = chosen[np.argsort(least[chosen], kind="stable")][:_MATCHES]
    return chosen, best[chosen]


def _inliers(z: Places, w: Places, pose: NDArray[np.complex128], tolerance: float) -> NDArray[np.bool_]:
    """Of all ways to lay two points on their partners, the pairs that agree with the one most agree with."""
    i, j = np.triu_indices(len(z), 1)
    apart = (z[i] != z[j]) & (np.abs(w[i] - w[j]) > 2 * tolerance)
    i, j = i[apart], j[apart]
    rotations = (w[i] - w[j]) / (z[i] - z[j])
    own = _fits(pose[i], rotations) & _fits(pose[j], rotations)
    i, rotations = i[own], rotations[own]
    if not len(rotations):
        return np.zeros(len(z), np.bool_)
    is_inlier = np.abs(rotations[:, None] * (z - z[i][:, None]) + w[i][:, None] - w) < tolerance
    is_inlier &= _fits(pose, rotations[:, None])
    return is_inlier[is_inlier.sum(axis=1).argmax()]


def _least_squares(z: Places, w: Places) -> tuple[complex, complex]:
    """Turn and shift of least squares."""
    dz, dw = z - z.mean(), w - w.mean()
    rotation = complex((dz.conj() * dw).sum() / (np.abs(dz) ** 2).sum())
    return rotation, complex(w.mean() - rotation * z.mean())


def _overlap_correlation(
    first: Fingerprint, second: Fingerprint, rotation: complex, translation: complex, mirrored: bool
) -> float:
    """How alike the small pictures are where they overlap, at the pixels of the coarser one; 0 for a small overlap."""
    pixel = [np.sqrt(each.width * each.height) / THUMBNAIL for each in (first, second)]
    forward = abs(rotation) * pixel[0] > pixel[1]  # the first is the coarser one
    coarse, fine = (first, second) if forward else (second, first)
    steps = (np.arange(_FINE * THUMBNAIL) + 0.5) / (_FINE * THUMBNAIL)
    places = steps * coarse.width + 1j * (steps * coarse.height)[:, None]
    if forward:
        places = rotation * (places.conj() if mirrored else places) + translation
    else:
        places = (places - translation) / rotation
        places = places.conj() if mirrored else places
    x = np.floor(places.real * (THUMBNAIL / fine.width)).astype(np.int64)
    y = np.floor(places.imag * (THUMBNAIL / fine.height)).astype(np.int64)
    inside = (x >= 0) & (x < THUMBNAIL) & (y >= 0) & (y < THUMBNAIL)
    shown = np.asarray(inside.reshape(THUMBNAIL, _FINE, THUMBNAIL, _FINE).all(axis=(1, 3)))
    if shown.sum() < MIN_OVERLAP:
        return 0.0
    values = fine.thumbnail[np.clip(y, 0, THUMBNAIL - 1), np.clip(x, 0, THUMBNAIL - 1)].astype(np.int64)
    return gradient_correlation(values.reshape(THUMBNAIL, _FINE, THUMBNAIL, _FINE).sum(axis=(1, 3)), coarse.thumbnail, shown)

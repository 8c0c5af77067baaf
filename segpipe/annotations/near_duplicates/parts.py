"""Images that share a part of one picture (a crop, an added border, two crops that overlap), by matching their keypoints.

Three steps, each more expensive and for fewer images. Keypoints of similar descriptors are found by locality-sensitive
hashing (Indyk and Motwani 1998), and some pairs must agree on rotation and scale. For the images that are left all keypoints
are matched, and several matches must agree on one similarity transform: rotation, scale, translation. The thumbnails,
aligned by it, must be correlated where they overlap.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.near_duplicates.fingerprint import BITS, THUMBNAIL, Fingerprint
from segpipe.annotations.near_duplicates.whole import gradient_correlation
from segpipe.console.progress import track

# Of descriptors that differ in 32 bits, two thirds share the key of a table.
TABLES, KEY_BITS = 16, 20
MAX_BUCKET = 8
"""Keypoints of a hash bucket that one is compared with, at most: those that follow it, so that a full bucket links as a chain."""
MAX_DISTANCE = 64
"""Largest Hamming distance, of 256 bits, between descriptors of one keypoint; unrelated ones differ in 120 +- 20."""
MIN_INLIERS = 4
"""Fewest matches that agree on one transform."""
MIN_CORRELATION = 0.6
"""Least correlation of the thumbnails where they overlap."""
SURE_INLIERS = 8
"""So many matches do not agree by chance; with fewer the thumbnails must be correlated by DOUBTFUL_CORRELATION."""
DOUBTFUL_CORRELATION = 0.84
CERTAIN_INLIERS, CERTAIN_CORRELATION = 24, 0.58
"""So many leave no doubt: thumbnails of smooth images may differ a little more, as where a frame was added."""
MIN_OVERLAP = 40
"""Fewest pixels of the coarser thumbnail, of 1024, that both show."""

_ANGLE, _SCALE = 0.35, 1.4  # radians and a factor by which a match's own rotation and scale may miss those of the image
_COSINE = math.cos(_ANGLE) ** 2
_ANGLES, _SCALES = math.ceil(2 * _ANGLE * 128 / math.pi) + 1, math.ceil(2 * math.log(_SCALE) * 16) + 1
"""How far two poses that fit the same rotation and scale are from one another at most, as `_rounded` gives them."""
_SEPARATION = 0.05  # of an image's long side: two keypoints that are nearer may be one and the same, detected twice
_TOLERANCE = 0.03  # of the second image's long side
_MATCHES = 32  # of two images that are tried for a transform, at most: all pairs of them are
_FOLLOWING = 12  # each match is compared with the next ones of the same two images, this many less one
_FINE = 4  # samples along each side of a pixel of the coarser thumbnail
_SUPPORT = 2  # pairs of matches that agree, at least, before two images are aligned
_PARTNERS = 16  # later images that an image is aligned with, at most: those with the most consistent matches
_IMAGES = 128  # that are looked up at once
_CHUNK = 1 << 20  # entries that are looked up at a time, so that memory stays small

Indices = NDArray[np.int64]
Places = NDArray[np.complex128]
"""Points of the plane, x + iy, in pixels."""


@dataclass(frozen=True)
class Alignment:
    """The similarity transform from the first image to the second: a point z = x + iy goes to rotation * z + translation.

    `rotation` is a complex number: its angle rotates, its absolute value scales. Where `mirrored`, z is conjugated first.
    `inliers` matches agree with it; `correlation` is that of the thumbnails where they overlap.
    """

    rotation: complex
    translation: complex
    mirrored: bool
    inliers: int
    correlation: float


@dataclass(frozen=True)
class _Keypoints:
    """The keypoints of some images: descriptors (n, 4), the image of each, positions, and poses: scale * e^(i angle)."""

    descriptors: NDArray[np.uint64]
    owner: Indices
    positions: Places
    poses: NDArray[np.complex128]
    min_separation: NDArray[np.float64]
    """Pixels, from which on two keypoints of the same image are surely two."""


@dataclass(frozen=True)
class _Table:
    """A hash table: the bits chosen, the keypoints in the order of their keys, and these keys, sorted: key * `images` + image."""

    images: int
    chosen: NDArray[np.int64]
    order: NDArray[np.int32]
    ranked: Indices


def find_overlaps(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, Alignment]]:
    """Pairs of indices, first < second, of images that share a part, and the transform between them."""
    keypoints = [_keypoints([each]) for each in fingerprints]
    for first, second, mirrored in _candidates(fingerprints):
        alignment = _align(fingerprints[first], fingerprints[second], keypoints[first], keypoints[second], mirrored)
        if alignment:
            yield first, second, alignment


def align(first: Fingerprint, second: Fingerprint, mirrored: bool) -> Alignment | None:
    """The transform from the first to the second, None where they share no part."""
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
    rotations, scales = (np.concatenate(each) for each in zip(*((one.angles, one.scales) for one in fingerprints), strict=True))
    return _Keypoints(
        np.concatenate([each.descriptors for each in fingerprints]),
        np.repeat(np.arange(len(fingerprints), dtype=np.int64), [len(each.descriptors) for each in fingerprints]),
        np.concatenate([each.keypoints for each in fingerprints]) @ np.array([1, 1j]),
        scales * np.exp(1j * rotations),
        np.concatenate([np.full(len(each.descriptors), _SEPARATION * max(each.width, each.height)) for each in fingerprints]),
    )


def _query(bits: NDArray[np.uint64], mirrored: bool) -> NDArray[np.uint64]:
    """The descriptors as they are, or as they would be in the mirrored image."""
    return np.ascontiguousarray(bits[:, [2, 3, 0, 1]]) if mirrored else bits  # the halves swapped: see fingerprint.py


def _matched_poses(
    keypoints: _Keypoints, others: _Keypoints, i: Indices, j: Indices, mirrored: bool
) -> tuple[Places, Places, NDArray[np.complex128]]:
    """Positions of the keypoints i and of their matches j, and the rotation and scale that each match by itself implies."""
    z, pose = keypoints.positions[i], keypoints.poses[i]
    if mirrored:
        z, pose = z.conj(), pose.conj()
    return z, others.positions[j], others.poses[j] / pose


def _candidates(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, bool]]:
    """Images, first < second, with matches that agree on rotation and scale; and whether mirrored."""
    if sum(len(each.descriptors) for each in fingerprints) == 0:
        return
    keypoints = _keypoints(fingerprints)
    tables = list(_tables(keypoints, len(fingerprints)))
    for start in track(range(0, len(fingerprints), _IMAGES), "comparing"):
        low, high = np.searchsorted(keypoints.owner, [start, start + _IMAGES]).tolist()
        for mirrored in (False, True):
            i, j = _descriptor_matches(keypoints, tables, low, high, mirrored)
            for pair in _consistent_pairs(keypoints, i, j, len(fingerprints), mirrored).tolist():
                yield *divmod(pair, len(fingerprints)), mirrored


def _tables(keypoints: _Keypoints, images: int) -> Iterator[_Table]:
    """Some bits of each descriptor as a key, and the keypoints sorted by it, those of an image together."""
    random = np.random.RandomState(1)  # its stream never changes
    for _ in range(TABLES):
        chosen = random.choice(BITS, KEY_BITS, replace=False)
        # By key and then by image, in one number.
        keys = _key(keypoints.descriptors, chosen) * images + keypoints.owner
        order = np.argsort(keys, kind="stable").astype(np.int32)
        yield _Table(images, chosen, order, keys[order])


def _descriptor_matches(
    keypoints: _Keypoints, tables: Sequence[_Table], low: int, high: int, mirrored: bool
) -> tuple[Indices, Indices]:
    """Keypoints low .. high and those of later images with similar descriptors."""
    n, images = len(keypoints.descriptors), tables[0].images
    bits, owner = _query(keypoints.descriptors[low:high], mirrored), keypoints.owner[low:high]
    found = [np.zeros(0, np.int64)]
    for table in tables:
        keys = _key(bits, table.chosen) * images
        order = np.argsort(keys)  # sorted keys are looked up in a quarter of the time
        for at, place in _same_keys(table.ranked, keys[order], owner[order], images):
            i, j = order[at], table.order[place].astype(np.int64)
            near = _hamming(bits[i], keypoints.descriptors[j]) <= MAX_DISTANCE
            found.append((i[near] + low) * n + j[near])
    return divmod(_sorted_unique(np.concatenate(found)), n)


def _hamming(bits: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """The Hamming distances, row by row."""
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
    """For each key the places in `ranked` of the same key that belong to later images, MAX_BUCKET at most; some at a time."""
    start = np.searchsorted(ranked, keys + owner, "right")  # behind the image itself: each pair is found once
    counts = np.minimum(np.searchsorted(ranked, keys + images, "left") - start, MAX_BUCKET)
    total = np.cumsum(counts)
    cuts = np.searchsorted(total, np.arange(_CHUNK, int(total[-1]) if len(total) else 0, _CHUNK)).tolist()
    for low, high in zip([0, *cuts], [*cuts, len(keys)], strict=True):
        own = counts[low:high]
        i = np.repeat(np.arange(low, high), own)
        yield i, start[i] + np.arange(len(i)) - np.repeat(np.cumsum(own) - own, own)


def _key(bits: NDArray[np.uint64], chosen: NDArray[np.int64]) -> Indices:
    """The chosen bits of each descriptor as one number."""
    octets = bits.view(np.uint8)
    key = np.zeros(len(bits), np.int64)
    for bit in chosen.tolist():
        key = (key << 1) | ((octets[:, bit // 8] >> (7 - bit % 8)) & 1)  # packbits puts the first bit highest
    return key


def _consistent_pairs(keypoints: _Keypoints, i: Indices, j: Indices, images: int, mirrored: bool) -> Indices:
    """Pairs of images, as first * number of images + second, in which matches agree on rotation and scale, twice.

    Of each first image the _PARTNERS with the most such matches.
    """
    pair = keypoints.owner[i] * images + keypoints.owner[j]
    order = np.argsort(pair, kind="stable")
    order = order[_frequent(pair[order])]
    pair, i, j = pair[order], i[order], j[order]
    z, w, pose = _matched_poses(keypoints, keypoints, i, j, mirrored)
    rotations, scales = _rounded(pose)
    min_squared = keypoints.min_separation**2
    good = [np.zeros(0, np.int64)]
    # Matches of the same two images stand side by side now. All pairs of them would be too many: near ones are enough.
    for lag in range(1, _FOLLOWING):
        a = np.flatnonzero(pair[lag:] == pair[:-lag])
        a = a[(np.abs(rotations[a + lag] - rotations[a]) <= _ANGLES) & (np.abs(scales[a + lag] - scales[a]) <= _SCALES)]
        b = a + lag
        # Two matches define a rotation and scale, which must fit what each of them implies by itself.
        dz, dw = z[b] - z[a], w[b] - w[a]
        squared_length = _squared(dz)
        apart = (squared_length > min_squared[i[a]]) & (_squared(dw) > min_squared[j[a]])
        # The rotation is dw / dz.
        a, b, rotation = a[apart], b[apart], dw[apart] * dz[apart].conj() / squared_length[apart]
        good.append(pair[a[_fits(pose[a], rotation) & _fits(pose[b], rotation)]])
    pairs, counts = np.unique(np.concatenate(good), return_counts=True)
    pairs, counts = pairs[counts >= _SUPPORT], counts[counts >= _SUPPORT]
    # By first image, the pairs with the most matches first.
    order = np.lexsort((pairs, -counts, pairs // images))
    first = pairs[order] // images
    rank = np.arange(len(first)) - np.searchsorted(first, first, "left")
    return np.sort(pairs[order][rank < _PARTNERS])


def _rounded(pose: NDArray[np.complex128]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The angles in 256ths of a full rotation, whose differences wrap around, and the logarithms of the scales in 16ths."""
    rotations = np.rint(np.angle(pose) * (128 / np.pi)).astype(np.int16).astype(np.int8)
    # 8 log |z|^2 is 16 log |z|; within 63, so that differences fit into 8 bits.
    return rotations, np.clip(np.rint(8 * np.log(_squared(pose))), -63, 63).astype(np.int8)


def _frequent(ranked: Indices) -> NDArray[np.bool_]:
    """Which of the sorted numbers occur more than _SUPPORT times: fewer matches cannot agree in that many pairs."""
    starts = np.flatnonzero(np.diff(ranked, prepend=-1))
    counts = np.diff(starts, append=len(ranked))
    return np.repeat(counts > _SUPPORT, counts)


def _fits(pose: NDArray[np.complex128], rotation: NDArray[np.complex128] | complex) -> NDArray[np.bool_]:
    """Whether the rotation and scale that a match implies are about these."""
    along = (pose * np.conj(rotation)).real
    own, size = _squared(pose), _squared(rotation)
    return (along > 0) & (along * along > _COSINE * own * size) & (own < _SCALE**2 * size) & (size < _SCALE**2 * own)


def _squared(z: NDArray[np.complex128] | complex) -> NDArray[np.float64]:
    """Squared absolute values: np.abs takes several times as long."""
    z = np.asarray(z)
    return z.real * z.real + z.imag * z.imag


def _mutual_matches(bits: NDArray[np.uint64], others: NDArray[np.uint64]) -> tuple[Indices, Indices]:
    """Mutual nearest neighbours among the descriptors, the closest first."""
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
    """The matches that agree with the best transform that two matches define (consensus as in RANSAC, but over all pairs)."""
    i, j = np.triu_indices(len(z), 1)
    # Of two places close to each other the error of either decides the rotation.
    apart = (z[i] != z[j]) & (np.abs(w[i] - w[j]) > 2 * tolerance)
    i, j = i[apart], j[apart]
    rotations = (w[i] - w[j]) / (z[i] - z[j])
    own = _fits(pose[i], rotations) & _fits(pose[j], rotations)
    i, rotations = i[own], rotations[own]
    if not len(rotations):
        return np.zeros(len(z), np.bool_)
    is_inlier = np.abs(rotations[:, None] * (z - z[i][:, None]) + w[i][:, None] - w) < tolerance  # (pairs of matches, matches)
    is_inlier &= _fits(pose, rotations[:, None])
    return is_inlier[is_inlier.sum(axis=1).argmax()]


def _least_squares(z: Places, w: Places) -> tuple[complex, complex]:
    """Rotation and translation of least squares."""
    dz, dw = z - z.mean(), w - w.mean()
    rotation = complex((dz.conj() * dw).sum() / (np.abs(dz) ** 2).sum())
    return rotation, complex(w.mean() - rotation * z.mean())


def _overlap_correlation(
    first: Fingerprint, second: Fingerprint, rotation: complex, translation: complex, mirrored: bool
) -> float:
    """The correlation of the thumbnails where they overlap, at the pixels of the coarser one; 0 for a small overlap."""
    # Pixels of the image that one of its thumbnail covers, along a side.
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
    # Places outside are clipped and not shown.
    values = fine.thumbnail[np.clip(y, 0, THUMBNAIL - 1), np.clip(x, 0, THUMBNAIL - 1)].astype(np.int64)
    return gradient_correlation(values.reshape(THUMBNAIL, _FINE, THUMBNAIL, _FINE).sum(axis=(1, 3)), coarse.thumbnail, shown)

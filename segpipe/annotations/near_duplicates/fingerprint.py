"""An image's fingerprint: the hash of its pixels, a thumbnail, and its strongest keypoints with their binary descriptors.

Keypoints are ORB's (Rublee et al. 2011: corners by FAST, an angle by the intensity centroid), spread by adaptive non-maximal
suppression (Brown et al. 2005), so that a crop keeps its share of them. A descriptor is 256 comparisons of smoothed pixels
around the keypoint, rotated by its angle (as in BRIEF, Calonder et al. 2010). Comparison k + 128 is the mirror image of
comparison k: the descriptor of the same keypoint in the mirrored image has its halves swapped.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.measure import histograms
from segpipe.annotations.near_duplicates.frame import Content, content_of
from segpipe.images.decode import Pixels

THUMBNAIL = 32
"""Side of the thumbnail, in pixels."""
MAX_KEYPOINTS = 120
LONG_SIDE = 512
"""Pixels: larger images are shrunk to it first."""

_SHORT_SIDE = 48  # pixels: smaller images get no keypoints
_LEAST_RANGE = 32  # gray levels between the 1 % and 99 % points; what is flatter is stretched no further
# ORB's nfeatures, scaleFactor, nlevels and edgeThreshold.
_CANDIDATES, _STEP, _LEVELS, _BORDER = 400, 1.2, 8, 10
_CORNER = 12  # gray levels, after the contrast stretch, by which FAST's corner differs from its ring
BITS = 256
"""Comparisons in a descriptor."""

# Pixels from the keypoint to what is compared, at most; and directions in which it may be turned.
_REACH, _ANGLES = 20, 64
_FRAME_REACH = 10  # pixels, at a keypoint's pyramid level, from a frame: the descriptor of a nearer one shows the frame's edge
_HEAD = 16 + 2 * 4
# x and y in 65535ths of the width and height, turn in _ANGLES-ths of a full one.
_KEYPOINT = np.dtype([("x", "<u2"), ("y", "<u2"), ("turn", "u1"), ("level", "u1"), ("bits", "u1", BITS // 8)])

Thumbnail = NDArray[np.int8]
"""(THUMBNAIL, THUMBNAIL), zero mean, a deviation of 32; all zero where the picture is flat."""


@dataclass(frozen=True)
class Fingerprint:
    """A fingerprint, taken apart.

    `keypoints` (n, 2) hold x and y in pixels, `angles` (n,) radians, `scales` (n,) the pixels of the original image that one
    pixel of the keypoint's pyramid level covers, `descriptors` (n, 4) 256 bits each, as uint64. `digest` is a hash of the
    pixels, `thumbnail` the image at THUMBNAIL x THUMBNAIL.
    """

    digest: bytes
    width: int
    height: int
    thumbnail: Thumbnail
    keypoints: NDArray[np.float64]
    angles: NDArray[np.float64]
    scales: NDArray[np.float64]
    descriptors: NDArray[np.uint64]


def fingerprint(image: Pixels, with_keypoints: bool = True) -> bytes:
    """The fingerprint of (H, W, C) pixels of 8 or 16 bits: at most 5.7 KB, the same each time.

    Without keypoints it takes a tenth of the time, and crops are not found.
    """
    height, width, _ = image.shape
    gray = _gray(image)
    small = _thumbnail(gray)
    head = hashlib.sha256(f"{image.shape}".encode() + b"\n")
    head.update(np.ascontiguousarray(image).data)
    sizes = np.array([width, height], "<u4").tobytes()
    return head.digest()[:16] + sizes + small.tobytes() + (_keypoints(gray).tobytes() if with_keypoints else b"")


def parse_fingerprint(content: bytes) -> Fingerprint:
    """The parts of a fingerprint."""
    width, height = (int(side) for side in np.frombuffer(content, "<u4", 2, 16))
    small = np.frombuffer(content, np.int8, THUMBNAIL * THUMBNAIL, _HEAD).reshape(THUMBNAIL, THUMBNAIL)
    table = np.frombuffer(content, _KEYPOINT, offset=_HEAD + THUMBNAIL * THUMBNAIL)
    points = np.stack([table["x"], table["y"]], axis=1) * (np.array([width, height]) / 65535)
    turns = table["turn"] * (2 * np.pi / _ANGLES)
    # Pixels of the shrunk image, then of the original.
    sizes = _STEP ** table["level"].astype(np.float64) * (max(width, height, LONG_SIDE) / LONG_SIDE)
    return Fingerprint(content[:16], width, height, small, points, turns, sizes, np.ascontiguousarray(table["bits"]).view("<u8"))


def _gray(image: Pixels) -> Pixels:
    """One channel of the same depth, (H, W), at most LONG_SIDE long."""
    height, width, channels = image.shape
    longest = max(height, width)
    if longest > LONG_SIDE:
        size = [max(1, round(side * LONG_SIDE / longest)) for side in (width, height)]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], channels)
    if channels == 3:
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return image[:, :, 0] if channels == 1 else (image.sum(axis=2, dtype=np.uint32) // channels).astype(image.dtype)


def _thumbnail(gray: Pixels) -> Thumbnail:
    small = cv2.resize(gray.astype(np.float32), (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    small -= small.mean()
    deviation = float(small.std())
    if deviation < 1:
        return np.zeros((THUMBNAIL, THUMBNAIL), np.int8)
    return np.clip(np.rint(small * (32 / deviation)), -127, 127).astype(np.int8)


def _keypoints(gray: Pixels) -> NDArray[np.void]:
    """At most MAX_KEYPOINTS rows of _KEYPOINT, the strongest first; none on the edge of a frame: all frames look the same."""
    if min(gray.shape) < _SHORT_SIDE:
        return np.zeros(0, _KEYPOINT)
    content = content_of(gray)
    stretched = _stretched(gray, content)
    inside = None if content is None else cv2.distanceTransform(content, cv2.DIST_L2, 5)
    mask = None if inside is None else (inside > _FRAME_REACH).astype(np.uint8)
    found = _detector().detect(stretched, mask)
    # (0, 5) where nothing is found
    table = np.array([(*each.pt, each.response, each.octave, each.angle) for each in found]).reshape(-1, 5)
    if inside is not None:
        x, y = np.rint(table[:, :2].T).astype(np.int64)
        table = table[inside[y, x] > _FRAME_REACH * _STEP ** table[:, 3]]
    return _described_keypoints(stretched, table)


def _stretched(gray: Pixels, content: Content | None) -> NDArray[np.uint8]:
    """8 bits, stretched from the 1st to the 99th percentile of the content: keypoints then depend on neither light nor depth."""
    counts = histograms(gray[:, :, None])[0] if content is None else np.bincount(gray[content > 0])
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, share * below[-1] / 100)) for share in (1, 99))
    levels = np.arange(2 ** (8 * gray.itemsize)) - low
    table = np.clip(levels * 255 // max(high - low, _LEAST_RANGE), 0, 255).astype(np.uint8)
    return cv2.LUT(gray, table) if gray.dtype == np.uint8 else table[gray]


def _described_keypoints(gray: NDArray[np.uint8], table: NDArray[np.float64]) -> NDArray[np.void]:
    """The keypoints of a table of x, y, response, level and angle, with their descriptors."""
    height, width = gray.shape
    table = table[_spread_out(table[:, :2], table[:, 2])]
    points = np.zeros(len(table), _KEYPOINT)
    # ORB gives the upper left corner of a pixel of the level, which covers _STEP**level pixels.
    centres = table[:, :2] + _STEP ** table[:, 3:4] / 2
    points["x"], points["y"] = (centres * 65535 / (width, height)).round().clip(0, 65535).astype(np.uint16).T
    turns = np.rint(table[:, 4] * _ANGLES / 360).astype(np.int64) % _ANGLES
    points["turn"], points["level"] = turns, table[:, 3]
    for level in np.unique(points["level"]).tolist():
        own = points["level"] == level
        points["bits"][own] = _descriptors(gray, table[own, :2], turns[own], _STEP**level)
    return points


def _spread_out(places: NDArray[np.float64], strength: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the MAX_KEYPOINTS places that are farthest from any stronger one (adaptive non-maximal suppression)."""
    # Ties by place, so that nothing depends on the order of detection.
    order = np.lexsort((places[:, 0], places[:, 1], -strength))
    x, y = places[order].astype(np.float32).T
    distances = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    # Row i keeps the distances to the stronger places, 0 .. i - 1; the strongest keeps none.
    distances[_not_below(len(x))] = np.inf
    return order[np.argsort(-distances.min(axis=1, initial=np.inf), kind="stable")[:MAX_KEYPOINTS]]


@cache
def _not_below(n: int) -> NDArray[np.bool_]:
    """On and above the diagonal."""
    return np.triu(np.ones((n, n), np.bool_))


def _descriptors(
    gray: NDArray[np.uint8], places: NDArray[np.float64], turns: NDArray[np.int64], scale: float
) -> NDArray[np.uint8]:
    """The descriptors of the places in the image shrunk by `scale`: (n, 32) packed bits."""
    height, width = (max(1, round(side / scale)) for side in gray.shape)
    level = cv2.GaussianBlur(cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR), (7, 7), 2)  # smoothed as ORB does
    offsets = _pattern()[turns]  # (n, 2, BITS, 2)
    x = np.clip(np.rint(places[:, 0] / scale).astype(np.int64)[:, None, None] + offsets[..., 0], 0, width - 1)
    y = np.clip(np.rint(places[:, 1] / scale).astype(np.int64)[:, None, None] + offsets[..., 1], 0, height - 1)
    values = level[y, x]
    return np.packbits(values[:, 0] < values[:, 1], axis=1)


@cache
def _pattern() -> NDArray[np.int64]:
    """For each angle the places compared, relative to the point: (_ANGLES, 2, BITS, 2), x and y last.

    The two places of a comparison lie across the keypoint's angle. Along the angle, which points from dark to light, nearly
    all keypoints would give the same bit, which distinguishes nothing.
    """
    random = np.random.RandomState(0)  # its stream never changes
    half = random.normal(0, _REACH / 2, (8 * BITS, 2, 2))
    half[:, 1, 0] = half[:, 0, 0] + random.normal(0, 3, len(half))
    # Enough are drawn that half of BITS surely lie within the reach; the other half is their mirror image.
    half = half[(np.hypot(half[..., 0], half[..., 1]) <= _REACH).all(axis=1)][: BITS // 2]
    both = np.concatenate([half, half * (1, -1)]).transpose(1, 0, 2)
    angles = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    turned = [np.stack([both @ (np.cos(a), -np.sin(a)), both @ (np.sin(a), np.cos(a))], axis=-1) for a in angles]
    return np.rint(turned).astype(np.int64)


@cache
def _detector() -> cv2.ORB:
    return cv2.ORB.create(_CANDIDATES, _STEP, _LEVELS, _BORDER, fastThreshold=_CORNER, scoreType=cv2.ORB_FAST_SCORE)

"""Where a training crop lies and how it is cut: placed on an object if asked, turned and scaled in one step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE

Pixels = NDArray[Any]
Mask = NDArray[np.uint8]
Range = tuple[float, float]
TOGETHER = (1, 3, 4)
"""OpenCV warps so many channels at once exactly; two by an older way, to a 32nd of a pixel, and more than four not at all."""
STRIP = 128
"""Rows of a mask that are searched at once."""
RGB, PADDED = 3, 4
"""OpenCV looks up four channels in half of the time that three take, to the same values (bench/augment.py)."""


@dataclass(frozen=True)
class Turn:
    """What becomes of an object: `scale` times as large, turned by `angle` and sheared by `shear`, both in degrees."""

    scale: float
    angle: float
    shear: float

    def matrix(self) -> NDArray[np.float64]:
        """(2, 2) From the image's offsets (x, y) to the crop's: sheared along x, then turned, then scaled."""
        cosine, sine, slope = self._parts()
        return self.scale * np.array([[cosine, slope * cosine - sine], [sine, slope * sine + cosine]])

    def inverse(self) -> NDArray[np.float64]:
        """(2, 2) From the crop's offsets to the image's. Written out, since a solver's last digits differ by processor."""
        cosine, sine, slope = self._parts()
        return np.array([[cosine + slope * sine, sine - slope * cosine], [-sine, cosine]]) / self.scale

    def _parts(self) -> tuple[float, float, float]:
        angle = math.radians(self.angle)
        return math.cos(angle), math.sin(angle), math.tan(math.radians(self.shear))


STILL = Turn(1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Box:
    """What a crop should show, in pixels from the image's upper left corner: `x` and `y` from and to, `to` excluded."""

    x: Range
    y: Range


def padded(image: Pixels) -> Pixels:
    """(H, W, 3) as (H, W, 4), the fourth channel meaning nothing; any other image as it is."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2RGBA) if image.shape[2] == RGB else image


def without_padding(image: Pixels, channels: int) -> Pixels:
    """The image without what `padded` put in, where it has more than `channels`."""
    return cv2.cvtColor(image, cv2.COLOR_RGBA2RGB) if image.shape[2] > channels else image


@dataclass(frozen=True)
class Place:
    """Where a crop comes from: `matrix` (2, 3) times each of its pixels (x, y, 1); `copied` where that is whole pixels."""

    matrix: NDArray[np.float64]
    copied: bool


def cut(image: Pixels, mask: Mask, crop: int, where: Place) -> tuple[Pixels, Mask]:
    """A square of `crop` pixels of (H, W, C) image and (H, W) mask.

    Both are copies, contiguous, that may be written to.
    What lies outside the image is mirrored; where the image is smaller than the crop, it is black and ignored.
    """
    if not where.copied:
        return _warped(image, mask, where.matrix, crop)
    left, top = map(int, where.matrix[:, 2])
    return _slice(image, left, top, crop, 0), _slice(mask, left, top, crop, IGNORE)


def place(shape: tuple[int, ...], crop: int, turn: Turn, box: Box | None, rng: np.random.Generator) -> Place:
    """Where in an image of `shape`, (H, W), a square of `crop` pixels lies: anywhere, or where `box` is in it."""
    height, width = shape
    core = _core(crop, turn)
    # The window's side in pixels of the image: an object that is to look twice as large comes from half of it.
    wanted = crop / turn.scale
    starts = [
        _starts(size, wanted, core, side) for size, side in ((width, box.x if box else None), (height, box.y if box else None))
    ]
    # Copied and not interpolated: exact, and faster.
    if turn == STILL:
        left, top = (int(rng.integers(math.ceil(low), math.floor(high), endpoint=True)) for low, high in starts)
        return Place(np.array([[1.0, 0.0, left], [0.0, 1.0, top]]), copied=True)
    # Boxes count from the image's edge, where OpenCV has -0.5: its coordinate 0 is the centre of the first pixel.
    centre = np.array([rng.uniform(low, high) + wanted / 2 - 0.5 for low, high in starts])
    # The crop's middle, (crop - 1) / 2 on both axes, has to come from `centre`.
    inverse = turn.inverse()
    shift = centre - inverse.sum(axis=1) * ((crop - 1) / 2)
    return Place(np.column_stack([inverse, shift]), copied=False)


def object_box(
    mask: Mask, classes: Sequence[int], weights: Sequence[float], crop: int, turn: Turn, rng: np.random.Generator
) -> Box | None:
    """An object for the crop to show: its whole extent on an axis where that fits in, else the middle of the crop on it.

    The class is drawn from `classes` by `weights`, a pixel of it evenly, and the object is all that touches that pixel and
    is of its class. None where no pixel is of a class that has a weight.
    """
    left = {number: weight for number, weight in zip(classes, weights, strict=True) if weight > 0}
    while left:
        shares = np.fromiter(left.values(), np.float64)
        number = list(left)[int(rng.choice(len(left), p=shares / shares.sum()))]
        if place := _pixel_of(mask, number, rng):
            return _around(mask, *place, _core(crop, turn))
        # The mask was shrunk (input.long_side), and a small class is gone from it.
        del left[number]
    return None


def _pixel_of(mask: Mask, number: int, rng: np.random.Generator) -> tuple[int, int] | None:
    """The x and y of a pixel of the class, each as likely; None where there is none."""
    # Counted in strips and looked up in one: the places of all of a large mask's pixels take five times as long to list.
    tops = range(0, mask.shape[0], STRIP)
    counts = [np.count_nonzero(mask[top : top + STRIP] == number) for top in tops]
    if not any(counts):
        return None
    ends = np.cumsum(counts)
    chosen = int(rng.integers(ends[-1]))
    strip = int(np.searchsorted(ends, chosen, side="right"))
    places = np.flatnonzero(mask[tops[strip] : tops[strip] + STRIP] == number)
    y, x = divmod(int(places[chosen - ends[strip]]), mask.shape[1])
    return x, tops[strip] + y


def _core(crop: int, turn: Turn) -> float:
    """The side, in pixels of the image, of the upright square that the crop shows wholly, whatever its turn."""
    # A square of side s in the image reaches over s times a row's sum of absolute entries on that axis of the crop.
    return float(crop / np.abs(turn.matrix()).sum(axis=1).max())


def _around(mask: Mask, x: int, y: int, core: float) -> Box:
    """The connected object at a pixel, looked for no farther than it may reach and still fit."""
    reach = math.ceil(core)
    left, top = max(0, x - reach), max(0, y - reach)
    # A copy, since OpenCV takes what it fills to be written to, and a mask from the cache cannot be.
    near = mask[top : y + reach + 1, left : x + reach + 1].copy()
    # floodFill's own mask has a border of one pixel all around.
    reached = np.zeros((near.shape[0] + 2, near.shape[1] + 2), np.uint8)
    # 8 neighbours: pixels that touch at a corner belong together. [3] is the bounding box; `near` stays as it is.
    corner_x, corner_y, width, height = cv2.floodFill(near, reached, (x - left, y - top), 0, flags=8 | cv2.FLOODFILL_MASK_ONLY)[3]
    return Box(
        _side(x, left + corner_x, width, core, mask.shape[1]),
        _side(y, top + corner_y, height, core, mask.shape[0]),
    )


def _side(at: int, start: int, length: int, core: float, size: int) -> Range:
    """The object's extent on one axis, or half of the core around its pixel where the object is too long."""
    if length <= core:
        return start, start + length
    # The pixel itself, at least, however small the core is.
    half = max(core / 4, 0.5)
    return max(0.0, at + 0.5 - half), min(float(size), at + 0.5 + half)


def _starts(size: int, wanted: float, core: float, side: Range | None) -> Range:
    """From where to where the window of `wanted` pixels may begin on an axis of `size`: in the image, `side` in its core."""
    # In an image smaller than the window the start is negative: the image is then wholly inside it.
    low, high = min(0.0, size - wanted), max(0.0, size - wanted)
    if side is None:
        return low, high
    edge = (wanted - core) / 2
    # The object lies in the core for every start from `first` to `last`.
    first, last = side[1] - edge - core, side[0] - edge
    # Brought into that range last: that the object is shown goes before that the window stays in the image.
    return min(max(low, first), last), max(min(high, last), first)


def _slice(array: Pixels, left: int, top: int, crop: int, fill: int) -> Pixels:
    """The window as it is, `fill` outside the array."""
    height, width = array.shape[:2]
    rows, columns = slice(max(top, 0), min(top + crop, height)), slice(max(left, 0), min(left + crop, width))
    if rows.stop - rows.start == columns.stop - columns.start == crop:
        return array[rows, columns].copy()
    result = np.full((crop, crop, *array.shape[2:]), fill, array.dtype)
    result[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = array[rows, columns]
    return result


def _warped(image: Pixels, mask: Mask, matrix: NDArray[np.float64], crop: int) -> tuple[Pixels, Mask]:
    """Image and mask looked up at `matrix` (2, 3) times each pixel (x, y, 1) of the crop."""
    # As in `_slice`: around an image smaller than the crop all is black and ignored.
    border = cv2.BORDER_CONSTANT if min(mask.shape) < crop else cv2.BORDER_REFLECT_101
    size, flags = (crop, crop), cv2.WARP_INVERSE_MAP

    def looked_up(part: Pixels) -> Pixels:
        return cv2.warpAffine(part, matrix, size, flags=flags | cv2.INTER_LINEAR, borderMode=border, borderValue=0)

    channels = image.shape[2]
    step = channels if channels in TOGETHER else 1
    groups = (np.ascontiguousarray(image[:, :, first : first + step]) for first in range(0, channels, step))
    # OpenCV drops the axis of a single channel.
    parts = [looked_up(group).reshape(crop, crop, step) for group in groups]
    ids = cv2.warpAffine(mask, matrix, size, flags=flags | cv2.INTER_NEAREST, borderMode=border, borderValue=IGNORE)
    return (parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)), np.asarray(ids, np.uint8)

"""Reads a mask file as codes: a number or a colour for each pixel, before anything says which class it means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.annotations import measure
from segpipe.annotations.code_counts import CodeCounts
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import STRIP, Pixels, mask_strips, strips_turn, value_colours

COLOUR_OFFSET = 1 << 24
"""Added to red << 16 | green << 8 | blue. Black, white and all grays are numbers, in whatever file they are."""
MAX_CODES = 512
"""More different codes than this are no mask of at most 255 classes."""
SHOWN = 8
MAKE_AGAIN = "Make the mask again at the image's size, without smoothing, and save it as PNG."
Indices = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class CodedMask:
    """A mask: `indices` (H, W) into `codes`, which are all different and all occur. `coloured` where its file is RGB.

    `shown` are the colours in which the file shows the codes, where it has a palette or gray of fewer than 8 bits.
    """

    indices: Indices
    codes: tuple[int, ...]
    coloured: bool
    shown: tuple[int, ...] = ()

    def mapped(self, ids: Sequence[int]) -> NDArray[np.uint8]:
        """(H, W) with `ids[i]` for `codes[i]`."""
        return apply_lookup_table(np.asarray(ids, np.uint8), self.indices)

    def code_counts(self) -> CodeCounts:
        """The codes with their pixels."""
        counts = measure.histograms(self.indices[:, :, None])[0]
        return CodeCounts(self.codes, tuple(int(count) for count in counts[: len(self.codes)]), self.shown)

    def as_shown(self) -> "CodedMask":
        """The same mask by the colours in which its file shows it; as it is where these are its codes."""
        if not self.shown:
            return self
        different = tuple(dict.fromkeys(self.shown))
        table = np.array([different.index(code) for code in self.shown], np.uint8)
        return CodedMask(apply_lookup_table(table, self.indices), different, True)


def parse_code(text: int | str) -> int:
    """The code that `7` or `255 0 0` names. Raises PipelineError for other text."""
    words = str(text).replace(",", " ").split()
    numbers = [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 6]
    if len(numbers) == len(words) == 1 and numbers[0] < 2**16:
        return numbers[0]
    if len(numbers) == len(words) == 3 and max(numbers) < 256:
        return colour_code(*numbers)
    raise PipelineError(f'data.masks.codes: "{text}" is no value of a mask. Write a number such as 7, or a colour as 255 0 0.')


def colour_code(red: int, green: int, blue: int) -> int:
    """The code of a colour of 8 bits."""
    return red if red == green == blue else COLOUR_OFFSET | red << 16 | green << 8 | blue


def colour_of(code: int) -> tuple[int, int, int]:
    """Red, green and blue of a code below 256 or of a colour."""
    return (code >> 16 & 255, code >> 8 & 255, code & 255) if code >= COLOUR_OFFSET else (code, code, code)


def format_code(code: int) -> str:
    """The code as `parse_code` reads it."""
    return " ".join(map(str, colour_of(code))) if code >= COLOUR_OFFSET else str(code)


def format_codes(codes: Sequence[int]) -> str:
    """The first few of the codes, for people."""
    more = f" and {len(codes) - SHOWN} more" if len(codes) > SHOWN else ""
    return ", ".join(map(format_code, codes[:SHOWN])) + more


def is_evenly_spaced(codes: Sequence[int]) -> bool:
    """Whether three or more values divide 0 .. top evenly, rounded up or down: ids that were scaled up to be visible."""
    last = len(codes) - 1
    if last < 2 or codes[0] != 0 or codes[-1] <= 2 * last:
        return False
    # Within 1 of at * top / last, in whole numbers.
    return all(abs(code * last - at * codes[-1]) <= last for at, code in enumerate(codes))


def read(content: bytes, name: str) -> CodedMask:
    """The codes of a mask file of any kind, turned as its EXIF says. Alpha is left out where it says nothing of its own.

    Raises DataError for what holds no codes: fractions, too many colours, an object in the alpha channel alone.
    """
    strips = mask_strips(content, name)
    first = next(strips)
    chained = _chain(first, strips)
    coded = _of_gray(chained, name) if first.ndim == 2 else _of_colours(chained, name)
    colours = value_colours(content, name)
    if colours is not None and not coded.coloured and max(coded.codes) < len(colours):
        coded = replace(coded, shown=_shown(coded.codes, colours))
    turn = strips_turn(content, name)
    return replace(coded, indices=np.ascontiguousarray(turn(coded.indices))) if turn else coded


def _shown(codes: Sequence[int], colours: NDArray[np.uint8]) -> tuple[int, ...]:
    """The colour of each code, nothing where these are the codes. A second black fills the palette, and shows nothing."""
    black = not colours[0].any()
    filling = [black and code != 0 and not colours[code].any() for code in codes]
    shown = [code if fills else colour_code(*colours[code].tolist()) for code, fills in zip(codes, filling, strict=True)]
    return () if shown == list(codes) else tuple(shown)


def apply_lookup_table(table: Pixels, indices: Indices) -> Pixels:
    """`table[indices]`; numpy would widen all indices to 64 bits at once, which of a large mask would fill the memory."""
    if indices.dtype == np.uint8:
        # OpenCV wants 256 entries; those that the table is repeated for are never looked up.
        return np.asarray(cv2.LUT(indices, np.resize(table, 256))).reshape(indices.shape)
    result = np.empty(indices.shape, table.dtype)
    rows = max(1, STRIP // max(indices.shape[1], 1))
    for top in range(0, len(indices), rows):
        result[top : top + rows] = table[indices[top : top + rows]]
    return result


def refuse_halos(coded: CodedMask, name: str) -> None:
    """Raises DataError where most codes stand on edges only, never in a square of 3 x 3 pixels: smoothing makes them.

    Smoothed ids below 64 could be ids themselves, and stay unseen.
    """
    if len(coded.codes) < 5 or max(coded.codes) < 64:
        return
    solid = len(_solid(coded.indices))
    thin = len(coded.codes) - solid
    if solid >= 2 and thin >= 3 and thin > solid:
        what = "values between those of the classes along the edges: it was resized with smoothing, or once was a JPEG"
        raise DataError(name, what, f"{MAKE_AGAIN} One of black and white can be cut in the middle: from 128 on 255, below 0.")


def _chain(first: Pixels, rest: Iterator[Pixels]) -> Iterator[Pixels]:
    yield first
    yield from rest


def _of_gray(strips: Iterator[Pixels], name: str) -> CodedMask:
    values = np.concatenate([_as_whole_numbers(strip, name) for strip in strips])
    size = 256**values.dtype.itemsize
    # Counts in float32, which is exact enough to see what occurs.
    found = np.flatnonzero(cv2.calcHist([values], [0], None, [size], [0, size]))
    _refuse_many(len(found), name)
    table = np.zeros(size, np.uint8 if len(found) <= 256 else np.uint16)
    table[found] = np.arange(len(found))
    return CodedMask(apply_lookup_table(table, values), tuple(map(int, found)), False)


def _as_whole_numbers(strip: Pixels, name: str) -> Pixels:
    """The numbers as uint8 or uint16. Raises DataError for fractions, and for what 16 bits do not hold."""
    if strip.dtype in (np.uint8, np.uint16):
        return strip
    inside = bool(np.all((strip >= 0) & (strip <= 65535)))  # false for NaN
    if inside and (strip.dtype == np.int32 or np.array_equal(strip, np.floor(strip))):
        return strip.astype(np.uint16)
    what = "fractions and not class ids" if inside else "values below 0, above 65535 or no numbers at all"
    raise DataError(name, f"a mask of 32 bits with {what}", "Save one 8- or 16-bit channel, a pixel's value being its class.")


def _of_colours(strips: Iterator[Pixels], name: str) -> CodedMask:
    """Runs of one colour are looked up once: a mask has few of them, compared with its pixels."""
    known: dict[int, int] = {}
    parts = []
    for strip in strips:
        keys = _keys(strip, name).ravel()
        starts = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])
        different, inverse = np.unique(keys[starts], return_inverse=True)
        _refuse_many(len(different), name)
        numbers = np.array([known.setdefault(key, len(known)) for key in map(int, different)], np.uint16)
        _refuse_many(len(known), name)
        parts.append(np.repeat(numbers[inverse], np.diff(starts, append=keys.size)).reshape(strip.shape[:2]))
    codes = [colour_code(key >> 24, key >> 16 & 255, key >> 8 & 255) for key in known]
    if len(set(codes)) < len(codes):
        what = "an object in its alpha channel alone" if len(set(codes)) == 1 else "pixels of one colour that differ in alpha"
        raise DataError(name, what, "Save it without alpha, each class in a value or colour of its own.")
    return CodedMask(np.concatenate(parts), tuple(codes), True)


def _keys(strip: Pixels, name: str) -> NDArray[np.uint32]:
    """Red, green, blue and alpha of each pixel in one number."""
    if strip.dtype == np.uint16:
        strip = _gray_of_16_bits(strip, name)
    has_alpha = strip.shape[2] in (2, 4)
    keys = np.zeros(strip.shape[:2], np.uint32)
    for channel in (0, 0, 0) if strip.shape[2] < 3 else (0, 1, 2):
        keys <<= np.uint32(8)
        keys |= strip[..., channel]
    keys <<= np.uint32(8)
    keys |= strip[..., -1] if has_alpha else np.uint32(255)
    return keys


def _gray_of_16_bits(strip: Pixels, name: str) -> Pixels:
    """Colours of 16 bits as those of 8, where nothing is lost: v, or 257 times v as programs widen them."""
    for factor in (1, 257):
        if not np.any(strip % factor) and np.all(strip // factor < 256):
            return (strip // factor).astype(np.uint8)
    raise DataError(name, "colours of 16 bits a channel", "Save it as one channel of class ids, or as 8-bit colours.")


def _refuse_many(n_codes: int, name: str) -> None:
    if n_codes > MAX_CODES:
        cause = "a photo, numbers of single objects, or a mask that was smoothed or once a JPEG"
        raise DataError(name, f"more than {MAX_CODES} different values: {cause}", MAKE_AGAIN)


def _solid(indices: Indices) -> NDArray[np.generic]:
    """The indices that fill a square of 3 x 3 pixels somewhere."""
    beside = indices[:, 1:] == indices[:, :-1]
    wide = beside[:, 1:] & beside[:, :-1]
    below = (indices[1:] == indices[:-1])[:, 1:-1]
    # Three neighbours alike in each of three rows, whose middle ones are alike: all nine are.
    square = wide[2:] & wide[1:-1] & wide[:-2] & below[1:] & below[:-1]
    return np.unique(indices[1:-1, 1:-1][square])

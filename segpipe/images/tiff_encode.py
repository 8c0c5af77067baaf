"""Masks and planes of numbers as TIFF, the same bytes each time, with the place on the earth that their image has."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.images import tiff_directory as tiff
from segpipe.images.palette import flat_palette

STRIP = 2**20
"""Bytes of a strip before it is packed, at least a row: what a reader unpacks at once."""
DEFLATE, SEPARATE, UNSIGNED = 8, 2, 1
PALETTE, GRAY = 3, 1
COLOUR_MAP = 320
SHORT, LONG = 3, 4
ORDER = "<"


def encode_mask(mask: NDArray[np.uint8], place: tiff.RawFields) -> bytes:
    """A palette TIFF of (H, W) class ids; `place` are fields that are written too, as `tiff_place.place_of` gives them."""
    # TIFF's palettes have 16 bits, all reds before all greens: 257 times a byte is the same share of the whole.
    colours = (np.reshape(flat_palette(), (256, 3)).T * 257).ravel()
    return _encoded(mask[None], PALETTE, {COLOUR_MAP: _shorts(colours.tolist())} | place)


def encode_planes(planes: NDArray[np.uint16], description: str, place: tiff.RawFields) -> bytes:
    """A TIFF of (K, H, W) numbers, a band for each plane, one after the other; `description` is text in ASCII."""
    text = description.encode("ascii") + b"\0"
    extra = {tiff.EXTRA_SAMPLES: _shorts([0] * (len(planes) - 1))} if len(planes) > 1 else {}
    return _encoded(planes, GRAY, {tiff.DESCRIPTION: (2, len(text), text)} | extra | place)


def _encoded(planes: NDArray[Any], photometric: int, more: tiff.RawFields) -> bytes:
    n_planes, height, width = planes.shape
    rows = max(1, STRIP // (width * planes.dtype.itemsize))
    blocks = [*_strips(planes, rows)]
    # The data begin behind the header of 8 bytes.
    starts = np.cumsum([8, *map(len, blocks)])[:-1].tolist()
    fields: tiff.RawFields = {
        tiff.WIDTH: _longs([width]),
        tiff.HEIGHT: _longs([height]),
        tiff.BITS: _shorts([8 * planes.dtype.itemsize] * n_planes),
        tiff.COMPRESSION: _shorts([DEFLATE]),
        tiff.PHOTOMETRIC: _shorts([photometric]),
        tiff.STRIP_OFFSETS: _longs(starts),
        tiff.SAMPLES: _shorts([n_planes]),
        tiff.ROWS_PER_STRIP: _longs([rows]),
        tiff.STRIP_COUNTS: _longs([*map(len, blocks)]),
        tiff.PLANAR: _shorts([SEPARATE if n_planes > 1 else 1]),
        tiff.SAMPLE_FORMAT: _shorts([UNSIGNED] * n_planes),
    }
    return tiff.assembled(b"II*\0", ORDER, False, blocks, fields | more)


def _strips(planes: NDArray[Any], rows: int) -> Iterator[bytes]:
    for plane in planes:
        for top in range(0, plane.shape[0], rows):
            part = plane[top : top + rows]
            yield zlib.compress(part.astype(part.dtype.newbyteorder(ORDER), copy=False).tobytes(), 1)


def _shorts(values: Sequence[int]) -> tuple[int, int, bytes]:
    return SHORT, len(values), struct.pack(f"{ORDER}{len(values)}H", *values)


def _longs(values: Sequence[int]) -> tuple[int, int, bytes]:
    return LONG, len(values), struct.pack(f"{ORDER}{len(values)}I", *values)

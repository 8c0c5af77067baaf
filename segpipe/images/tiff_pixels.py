"""The pixels of a TIFF of any number of channels, 8 or 16 bits each, which neither Pillow nor OpenCV reads."""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from segpipe.images import limits, tiff_directory
from segpipe.images.tiff_directory import Directory

MOST_BANDS = 64
CODECS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}
"""Compressions that know bytes and no colours."""
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2

Samples = NDArray[np.uint8] | NDArray[np.uint16]


def n_samples(content: bytes, page: Directory) -> int:
    """How many values a pixel has, alpha among them."""
    return page.number(content, tiff_directory.SAMPLES, 1)


def real_bands(content: bytes, page: Directory) -> list[int]:
    """The numbers of the channels that are no alpha. An extra channel of no stated kind, such as near infrared, is real."""
    samples = n_samples(content, page)
    extra = page.values(content, tiff_directory.EXTRA_SAMPLES)[:samples]
    # ExtraSamples tell of the last channels: 1 and 2 are alpha, with and without premultiplied colours.
    alpha = {samples - len(extra) + number for number, kind in enumerate(extra) if kind in (1, 2)}
    return [band for band in range(samples) if band not in alpha]


def decode(content: bytes, page: Directory) -> Samples:
    """All channels as (H, W, C), uint8 or uint16, white the largest value; not yet turned upright.

    Reads strips and tiles, interleaved and planar, of either byte order, with or without the horizontal predictor. Raises
    ValueError, struct.error or OSError for damage.
    """
    height, width = page.number(content, tiff_directory.HEIGHT, 0), page.number(content, tiff_directory.WIDTH, 0)
    samples, bits = n_samples(content, page), page.number(content, tiff_directory.BITS, 1)
    planar = page.number(content, tiff_directory.PLANAR, 1) == 2 and samples > 1
    planes, inner = (samples, 1) if planar else (1, samples)
    tiled = tiff_directory.TILE_OFFSETS in page.fields
    block_width = page.number(content, tiff_directory.TILE_WIDTH, 0) if tiled else width
    block_height = page.number(
        content, tiff_directory.TILE_HEIGHT if tiled else tiff_directory.ROWS_PER_STRIP, 0 if tiled else height
    )
    block_height = block_height if tiled else min(block_height, height)  # 2**32 - 1, the default, means one strip
    if min(height, width, samples, block_width, block_height) < 1:
        raise ValueError("a TIFF of no size")
    across, down = -(-width // block_width), -(-height // block_height)
    # Tiles are whole, with padding beyond the edges; the last strip ends with the image.
    rows = down * across * block_height if tiled else height
    row_bytes = block_width * inner * bits // 8
    if planes * rows * row_bytes > limits.MAX_BYTES:
        raise ValueError(f"{planes * rows * row_bytes} bytes of pixels, above the limit of {limits.MAX_BYTES}")
    dtype = np.dtype(np.uint8 if bits == 8 else f"{page.order}u2")
    result = np.empty((height, width, samples), dtype.newbyteorder("="))
    for plane in range(planes):
        raw = _plane(content, page, plane * across * down, across * down, block_height, rows, row_bytes)
        values = raw.view(dtype).astype(dtype.newbyteorder("="), copy=False).reshape(rows, block_width, inner)
        if page.number(content, tiff_directory.PREDICTOR, 1) == 2:
            # The predictor holds differences modulo 2**bits, from left to right within a block: the sum has to overflow.
            values = np.cumsum(values, axis=1, dtype=values.dtype)
        if tiled:
            # (down, across, rows, columns, channels), which has to become (down, rows, across, columns, channels).
            tiles = values.reshape(down, across, block_height, block_width, inner)
            values = tiles.swapaxes(1, 2).reshape(down * block_height, across * block_width, inner)
        result[:, :, plane * inner : (plane + 1) * inner] = values[:height, :width]
    if page.number(content, tiff_directory.PHOTOMETRIC, BLACK_IS_ZERO) == WHITE_IS_ZERO:
        np.subtract(2**bits - 1, result, out=result)
    return result


def _plane(
    content: bytes, page: Directory, first: int, blocks: int, block_height: int, rows: int, row_bytes: int
) -> NDArray[np.uint8]:
    """(rows, bytes a row) of all blocks one below the other, unpacked."""
    tiled = tiff_directory.TILE_OFFSETS in page.fields
    places = page.values(content, tiff_directory.TILE_OFFSETS if tiled else tiff_directory.STRIP_OFFSETS)[first : first + blocks]
    if len(places) < blocks:
        raise ValueError("a TIFF whose parts are not all there")
    compression = page.number(content, tiff_directory.COMPRESSION, 1)
    if compression == 1:
        result = np.empty((rows, row_bytes), np.uint8)
        for number, place in enumerate(places):
            part = result[number * block_height : (number + 1) * block_height]
            if place + part.size > len(content):
                raise ValueError("the file ends before its pixels")
            part.ravel()[:] = np.frombuffer(content, np.uint8, part.size, place)  # whole rows are contiguous, so this is a view
        return result
    sizes = page.values(content, tiff_directory.TILE_COUNTS if tiled else tiff_directory.STRIP_COUNTS)[first : first + blocks]
    if len(sizes) < blocks or any(place + size > len(content) for place, size in zip(places, sizes, strict=True)):
        raise ValueError("the file ends before its pixels")
    fill_order = page.number(content, tiff_directory.FILL_ORDER, 1)
    return _unpacked(content, places, sizes, compression, fill_order, block_height, rows, row_bytes)


def _unpacked(
    content: bytes,
    places: tuple[int, ...],
    sizes: tuple[int, ...],
    compression: int,
    fill_order: int,
    block_height: int,
    rows: int,
    row_bytes: int,
) -> NDArray[np.uint8]:
    """Lets Pillow's libtiff unpack the blocks as strips of one tall gray image: bytes are all that these codecs know."""
    end = len(content)
    # Tags in order: width, height, bits, compression, black is zero, fill order, samples, rows a strip.
    fields = {256: row_bytes, 257: rows, 258: 8, 259: compression, 262: 1, 266: fill_order, 277: 1, 278: block_height}
    lists = {tiff_directory.STRIP_OFFSETS: places, tiff_directory.STRIP_COUNTS: sizes}
    at = end + 2 + 12 * (len(fields) + 2) + 4
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items()}
    tail = []
    for tag, values in lists.items():
        packed = struct.pack(f"<{len(values)}I", *values)
        entries[tag] = struct.pack("<HHI", tag, 4, len(values)) + (packed if len(values) == 1 else struct.pack("<I", at))
        if len(values) > 1:
            tail.append(packed)
            at += len(packed)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + struct.pack("<I", 0)
    # Only the head is replaced: all blocks keep their places, and our directory comes behind them.
    whole = b"".join([b"II*\0", struct.pack("<I", end), content[8:], directory, *tail])
    with TiffImagePlugin.TiffImageFile(io.BytesIO(whole)) as image:
        return np.asarray(image).reshape(rows, row_bytes)

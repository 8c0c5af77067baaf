"""The pixels of a TIFF of any number of channels, 8 or 16 bits each, which neither Pillow nor OpenCV reads."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from segpipe.images import limits, tiff_directory
from segpipe.images.tiff_directory import Buffer, Directory

MOST_BANDS = 64
CODECS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}
"""Compressions that know bytes and no colours."""
HEAD = 8
"""Bytes before the data: the magic, and where the directory is."""
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2

Samples = NDArray[np.uint8] | NDArray[np.uint16]


def n_samples(content: Buffer, page: Directory) -> int:
    """How many values a pixel has, alpha among them."""
    return page.number(content, tiff_directory.SAMPLES, 1)


def real_bands(content: Buffer, page: Directory) -> list[int]:
    """The numbers of the channels that are no alpha. An extra channel of no stated kind, such as near infrared, is real."""
    samples = n_samples(content, page)
    extra = page.values(content, tiff_directory.EXTRA_SAMPLES)[:samples]
    # ExtraSamples tell of the last channels: 1 and 2 are alpha, with and without premultiplied colours.
    alpha = {samples - len(extra) + number for number, kind in enumerate(extra) if kind in (1, 2)}
    return [band for band in range(samples) if band not in alpha]


def decode(content: Buffer, page: Directory) -> Samples:
    """All channels as (H, W, C), uint8 or uint16, white the largest value; not yet turned upright.

    Reads strips and tiles, interleaved and planar, of either byte order, with or without the horizontal predictor. Raises
    ValueError, struct.error or OSError for damage.
    """
    return decode_rows(content, page, 0, page.number(content, tiff_directory.HEIGHT, 0))


def decode_rows(content: Buffer, page: Directory, top: int, bottom: int) -> Samples:
    """The rows from `top` to before `bottom`, of which only the strips or tiles are read that hold some. As `decode` else."""
    blocks = _blocks(content, page)
    samples, bits = n_samples(content, page), page.number(content, tiff_directory.BITS, 1)
    planes, inner = (samples, 1) if blocks.planar else (1, samples)
    # Rows of blocks, and the rows of pixels in them. Tiles are whole, with padding beyond the edges; the last strip ends with
    # the image.
    first, last = top // blocks.height, -(-bottom // blocks.height)
    start, across = first * blocks.height, blocks.across
    rows = (last - first) * across * blocks.height if blocks.tiled else min(last * blocks.height, blocks.image_height) - start
    row_bytes = blocks.width * inner * bits // 8
    is_stored = _is_stored(content, page, blocks)
    if is_stored:
        start, rows = top, bottom - top
    if planes * rows * row_bytes > limits.MAX_BYTES:
        raise ValueError(f"{planes * rows * row_bytes} bytes of pixels, above the limit of {limits.MAX_BYTES}")
    dtype = np.dtype(np.uint8 if bits == 8 else f"{page.order}u2")
    result = np.empty((bottom - top, blocks.image_width, samples), dtype.newbyteorder("="))
    for plane in range(planes):
        number = (plane * blocks.down + first) * across
        if is_stored:
            raw = _stored(content, page, number, top, bottom, blocks.height, row_bytes)
        else:
            raw = _plane(content, page, number, (last - first) * across, blocks.height, rows, row_bytes)
        values = raw.view(dtype).astype(dtype.newbyteorder("="), copy=False).reshape(rows, blocks.width, inner)
        if page.number(content, tiff_directory.PREDICTOR, 1) == 2:
            # The predictor holds differences modulo 2**bits, from left to right within a block: the sum has to overflow.
            values = np.cumsum(values, axis=1, dtype=values.dtype)
        if blocks.tiled:
            # (down, across, rows, columns, channels), which has to become (down, rows, across, columns, channels).
            tiles = values.reshape(last - first, across, blocks.height, blocks.width, inner)
            values = tiles.swapaxes(1, 2).reshape((last - first) * blocks.height, across * blocks.width, inner)
        result[:, :, plane * inner : (plane + 1) * inner] = values[top - start : bottom - start, : blocks.image_width]
    if page.number(content, tiff_directory.PHOTOMETRIC, BLACK_IS_ZERO) == WHITE_IS_ZERO:
        np.subtract(2**bits - 1, result, out=result)
    return result


def rows_read_together(content: Buffer, page: Directory) -> int:
    """How many rows have to be unpacked to have one of them: those of a strip, or of a tile. Raises ValueError for damage."""
    blocks = _blocks(content, page)
    return 1 if _is_stored(content, page, blocks) else blocks.height


@dataclass(frozen=True)
class _Blocks:
    """Strips or tiles of `width` x `height` pixels, `across` in a row and `down` below one another, in each plane."""

    image_width: int
    image_height: int
    width: int
    height: int
    tiled: bool
    planar: bool

    @property
    def across(self) -> int:
        return -(-self.image_width // self.width)

    @property
    def down(self) -> int:
        return -(-self.image_height // self.height)


def _blocks(content: Buffer, page: Directory) -> _Blocks:
    height, width = page.number(content, tiff_directory.HEIGHT, 0), page.number(content, tiff_directory.WIDTH, 0)
    samples = n_samples(content, page)
    planar = page.number(content, tiff_directory.PLANAR, 1) == 2 and samples > 1
    tiled = tiff_directory.TILE_OFFSETS in page.fields
    block_width = page.number(content, tiff_directory.TILE_WIDTH, 0) if tiled else width
    block_height = page.number(
        content, tiff_directory.TILE_HEIGHT if tiled else tiff_directory.ROWS_PER_STRIP, 0 if tiled else height
    )
    block_height = block_height if tiled else min(block_height, height)  # 2**32 - 1, the default, means one strip
    if min(height, width, samples, block_width, block_height) < 1:
        raise ValueError("a TIFF of no size")
    return _Blocks(width, height, block_width, block_height, tiled, planar)


def _is_stored(content: Buffer, page: Directory, blocks: _Blocks) -> bool:
    """Whether each row lies in the file as it is."""
    return page.number(content, tiff_directory.COMPRESSION, 1) == 1 and not blocks.tiled


def _stored(
    content: Buffer, page: Directory, first: int, top: int, bottom: int, strip_height: int, row_bytes: int
) -> NDArray[np.uint8]:
    """(rows, bytes a row) of strips without compression, of which `first` holds the row `top`."""
    strips = range(top // strip_height, -(-bottom // strip_height))
    places = page.values(content, tiff_directory.STRIP_OFFSETS)[first : first + len(strips)]
    if len(places) < len(strips):
        raise ValueError("a TIFF whose parts are not all there")
    result = np.empty((bottom - top, row_bytes), np.uint8)
    for strip, place in zip(strips, places, strict=True):
        begin, end = max(top, strip * strip_height), min(bottom, (strip + 1) * strip_height)
        part, at = result[begin - top : end - top], place + (begin - strip * strip_height) * row_bytes
        if at + part.size > len(content):
            raise ValueError("the file ends before its pixels")
        part.ravel()[:] = np.frombuffer(content, np.uint8, part.size, at)  # whole rows are contiguous, so this is a view
    return result


def _plane(
    content: Buffer, page: Directory, first: int, blocks: int, block_height: int, rows: int, row_bytes: int
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
    content: Buffer,
    places: tuple[int, ...],
    sizes: tuple[int, ...],
    compression: int,
    fill_order: int,
    block_height: int,
    rows: int,
    row_bytes: int,
) -> NDArray[np.uint8]:
    """Lets Pillow's libtiff unpack the blocks as strips of one tall gray image: bytes are all that these codecs know."""
    # A block that stands for several (an empty one, say) is there once.
    unique = dict.fromkeys(zip(places, sizes, strict=True), 0)
    # Blocks that overlap would let a small file ask for any amount of memory.
    if sum(size for _, size in unique) > len(content):
        raise ValueError("a TIFF whose parts overlap")
    end = HEAD
    for place, size in unique:
        unique[place, size] = end
        end += size
    moved = tuple(unique[block] for block in zip(places, sizes, strict=True))
    # Tags in order: width, height, bits, compression, black is zero, fill order, samples, rows a strip.
    fields = {256: row_bytes, 257: rows, 258: 8, 259: compression, 262: 1, 266: fill_order, 277: 1, 278: block_height}
    lists = {tiff_directory.STRIP_OFFSETS: moved, tiff_directory.STRIP_COUNTS: sizes}
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
    blocks = (content[place : place + size] for place, size in unique)
    whole = b"".join([b"II*\0", struct.pack("<I", end), *blocks, directory, *tail])
    with TiffImagePlugin.TiffImageFile(io.BytesIO(whole)) as image:
        return np.asarray(image).reshape(rows, row_bytes)

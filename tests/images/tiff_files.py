"""TIFFs by hand, of any number of channels, pages, byte orders, parts and compressions."""

import lzma
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LETTERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 12: "d", 16: "Q"}
Tag = tuple[int, Sequence[Any]]
"""A field's kind and its numbers; a rational is two."""
PLACE: dict[int, Tag] = {
    33550: (12, [0.5, 0.25, 0.0]),
    33922: (12, [0.0, 0.0, 0.0, 431_000.25, 5_412_000.75, 0.0]),
    34735: (3, [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32632]),
    34736: (12, [6378137.0, 298.257]),
    34737: (2, [*b"WGS 84|\0"]),
}
"""GeoTIFF's fields of a place in UTM zone 32, with pixels of 0.5 x 0.25 m."""


@dataclass(frozen=True)
class Page:
    """(H, W) or (H, W, C) with how it is to be laid out. `tags` are added, or replace what would be there."""

    array: np.ndarray
    compression: int = 1
    planar: bool = False
    tile: tuple[int, int] | None = None
    rows: int | None = None
    predictor: bool = False
    tags: dict[int, Tag] = field(default_factory=dict)


def packbits(raw: bytes) -> bytes:
    """Literal runs only."""
    pieces = [raw[at : at + 128] for at in range(0, len(raw), 128)]
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)


def lzw(raw: bytes) -> bytes:
    """Nine bits a byte: a clear code so often that codes never grow longer."""
    codes = [code for at in range(0, len(raw), 200) for code in (256, *raw[at : at + 200])] or [256]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


PACK: dict[int, Callable[[bytes], bytes]] = {1: bytes, 5: lzw, 8: zlib.compress, 32773: packbits, 34925: lzma.compress}


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """The whole file: header, then for each page its data, the values of its fields, and its directory."""
    magic = {"<": (b"II*\0", b"II+\0"), ">": (b"MM\0*", b"MM\0+")}[order][big]
    pointer, count, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    content = bytearray(magic + (struct.pack(f"{order}HHQ", 8, 0, 0) if big else struct.pack(f"{order}I", 0)))
    link = len(content) - room
    for page in pages:
        places, sizes = [], []
        for block in blocks(page, order):
            places.append(len(content))
            sizes.append(len(block))
            content += block
        tags = fields(page, places, sizes) | page.tags
        entries = []
        for tag, (kind, values) in sorted(tags.items()):
            raw = struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
            number = len(values) // 2 if kind == 5 else len(values)
            inline = raw.ljust(room, b"\0")
            if len(raw) > room:
                inline = struct.pack(f"{order}{pointer}", len(content))
                content += raw
            entries.append(struct.pack(f"{order}HH{pointer}", tag, kind, number) + inline)
        content[link : link + room] = struct.pack(f"{order}{pointer}", len(content))
        content += struct.pack(f"{order}{count}", len(entries)) + b"".join(entries)
        link = len(content)
        content += bytes(room)
    return bytes(content)


def fields(page: Page, places: list[int], sizes: list[int]) -> dict[int, Tag]:
    height, width = page.array.shape[:2]
    samples = page.array.shape[2] if page.array.ndim == 3 else 1
    tags: dict[int, Tag] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8 * page.array.dtype.itemsize] * samples),
        259: (3, [page.compression]),
        262: (3, [2 if samples == 3 else 1]),
        277: (3, [samples]),
        284: (3, [2 if page.planar else 1]),
        317: (3, [2 if page.predictor else 1]),
    }
    if samples not in (1, 3):
        tags[338] = (3, [0] * (samples - 1))
    if page.tile:
        return tags | {322: (4, [page.tile[1]]), 323: (4, [page.tile[0]]), 324: (4, places), 325: (4, sizes)}
    return tags | {273: (4, places), 278: (4, [page.rows or height]), 279: (4, sizes)}


def blocks(page: Page, order: str) -> list[bytes]:
    """The strips or tiles in their order, each packed."""
    array = page.array.reshape(*page.array.shape[:2], -1)
    planes = [array[:, :, band : band + 1] for band in range(array.shape[2])] if page.planar else [array]
    high, wide = page.tile or (page.rows or array.shape[0], array.shape[1])
    parts = []
    for plane in planes:
        for y in range(0, plane.shape[0], high):
            for x in range(0, plane.shape[1], wide):
                part = plane[y : y + high, x : x + wide]
                if page.tile:
                    part = np.pad(part, ((0, high - part.shape[0]), (0, wide - part.shape[1]), (0, 0)))
                if page.predictor:
                    part = np.diff(part, axis=1, prepend=part.dtype.type(0))
                parts.append(PACK[page.compression](part.astype(part.dtype.newbyteorder(order)).tobytes()))
    return parts

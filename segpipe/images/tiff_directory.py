"""The directories of a TIFF, one a page, read by hand and within bounds: nothing is decoded, and a page can be cut out."""

import mmap
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Little and big endian, each classic (offsets of 32 bits) and BigTIFF (64 bits)."""
UNKNOWN_TO_PILLOW = b"MM\0+"
KINDS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I"}
LARGE_KINDS = {16: "Q", 17: "q", 18: "Q"}
FORMATS = KINDS | LARGE_KINDS
"""A field's kind as `struct` writes it; a rational is two numbers."""
MOST_PAGES = 65536

SUBFILE_TYPE, OLD_SUBFILE_TYPE = 254, 255
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
DESCRIPTION, ORIENTATION, SAMPLES, ROWS_PER_STRIP, PLANAR = 270, 274, 277, 278, 284
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 279, 324, 325
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH = 317, 322, 323, 338, 339, 32997
# 288, 289: free space; 297: page number; 330, 34665, 34853, 40965: SubIFDs, EXIF, GPS, interoperability.
CUT_AWAY = (SUBFILE_TYPE, OLD_SUBFILE_TYPE, 288, 289, 297, 330, 34665, 34853, 40965)
"""What a page loses that is cut out: its place among the others, and fields that point elsewhere in the file."""
IN_DESCRIPTION = re.compile(rb"(?m)^(images|channels|slices|frames)=\d+\r?\n?")
"""What ImageJ says of all pages together."""

Buffer = bytes | mmap.mmap
RawFields = dict[int, tuple[int, int, bytes]]
"""Fields by tag as they are written: kind, number of values, and the values' bytes."""


@dataclass(frozen=True)
class Field:
    """Where a field's values lie: `count` of them from `offset`, of a kind that `FORMATS` lists."""

    kind: int
    count: int
    offset: int


@dataclass(frozen=True)
class Directory:
    """A page's fields by tag. `at` is where the directory begins, `order` `<` or `>`, `following` the next one's place or 0."""

    at: int
    order: str
    big: bool
    fields: dict[int, Field]
    following: int

    def values(self, content: Buffer, tag: int) -> tuple[Any, ...]:
        """A field's numbers, rationals as two each; nothing where it is absent. Raises ValueError where they are not there."""
        field = self.fields.get(tag)
        if field is None:
            return ()
        letters = FORMATS[field.kind]
        size = struct.calcsize(f"{self.order}{letters}") * field.count
        if field.offset + size > len(content):
            raise ValueError(f"TIFF field {tag} lies beyond the end of the file")
        return struct.unpack_from(f"{self.order}{field.count * len(letters)}{letters[0]}", content, field.offset)

    def number(self, content: Buffer, tag: int, default: int) -> int:
        """A field's first number as a whole one."""
        values = self.values(content, tag) if tag in self.fields else ()
        return int(values[0]) if values else default

    def text(self, content: Buffer, tag: int) -> bytes:
        """A field's bytes, up to the first zero."""
        field = self.fields.get(tag)
        return content[field.offset : field.offset + field.count].split(b"\0")[0] if field and field.kind in (1, 2, 7) else b""


def is_tiff(content: Buffer) -> bool:
    """Whether the first bytes are those of a TIFF."""
    return content[:4] in MAGIC


def directories(content: Buffer) -> list[Directory]:
    """All directories in the order of the file. Raises ValueError for a damaged one, or a chain that does not end."""
    found: list[Directory] = []
    seen: set[int] = set()
    at = _first(content)
    while at:
        if at in seen or len(found) == MOST_PAGES:
            raise ValueError("the chain of TIFF directories does not end")
        seen.add(at)
        found.append(directory(content, at))
        at = found[-1].following
    if not found:
        raise ValueError("a TIFF without a directory")
    return found


def pages(content: Buffer) -> list[Directory]:
    """The directories that are pages: no smaller copies (pyramids, thumbnails) and no transparency masks."""
    found = directories(content)
    return [each for each in found if not _is_accessory(content, each)] or found[:1]


def directory(content: Buffer, at: int) -> Directory:
    """The directory at this place. Raises ValueError or struct.error where there is none."""
    order, big = ("<" if content[:2] == b"II" else ">"), content[2:4] in (b"+\0", b"\0+")
    # Bytes of the count and of an entry: tag, kind, count, and `room` for the value, or for its place where it is longer.
    head, entry, pointer = (8, 20, "Q") if big else (2, 12, "I")
    room = entry - struct.calcsize(f"<HH{pointer}")
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", content, at)
    if at + head + count * entry > len(content):
        raise ValueError("a TIFF directory lies beyond the end of the file")
    fields = {}
    for number in range(count):
        start = at + head + number * entry
        tag, kind, values = struct.unpack_from(f"{order}HH{pointer}", content, start)
        if kind in FORMATS:
            size = struct.calcsize(f"<{FORMATS[kind]}") * values
            place = start + entry - room
            fields[tag] = Field(
                kind, values, place if size <= room else struct.unpack_from(f"{order}{pointer}", content, place)[0]
            )
    after = at + head + count * entry
    # Some programs end the file with its last directory and leave out the zero.
    has_next = after + struct.calcsize(f"<{pointer}") <= len(content)
    following = struct.unpack_from(f"{order}{pointer}", content, after)[0] if has_next else 0
    return Directory(at, order, big, fields, following)


def single_page(content: Buffer, page: Directory) -> bytes:
    """A TIFF of this page alone: its data copied as they are, its fields too, but for those that point elsewhere.

    The same bytes each time. A page without a description takes that of the first, where ImageJ and OME keep the scale.
    Raises ValueError where the data are not all there.
    """
    tiled = TILE_OFFSETS in page.fields
    places, sizes = (TILE_OFFSETS, TILE_COUNTS) if tiled else (STRIP_OFFSETS, STRIP_COUNTS)
    starts, counts = page.values(content, places), page.values(content, sizes)
    # Parts that overlap would let a small file ask for any amount of memory.
    if not starts or len(starts) != len(counts) or sum(counts) > len(content):
        raise ValueError("a TIFF page whose parts are not all there")
    letter, kind, head = ("Q", 16, 16) if page.big else ("I", 4, 8)
    blocks = [content[start : start + count] for start, count in zip(starts, counts, strict=True)]
    if any(len(block) != count for block, count in zip(blocks, counts, strict=True)):
        raise ValueError("a TIFF page whose data lie beyond the end of the file")
    offsets, at = [], head
    for block in blocks:
        offsets.append(at)
        at += len(block)
    fields: RawFields = {
        tag: (field.kind, field.count, _raw(content, page, tag)) for tag, field in page.fields.items() if tag not in CUT_AWAY
    }
    fields[places] = (kind, len(offsets), struct.pack(f"{page.order}{len(offsets)}{letter}", *offsets))
    said = _description(content, page)
    if said:
        fields[DESCRIPTION] = (2, len(said), said)
    return assembled(content[:4], page.order, page.big, blocks, fields)


def said_pages(content: Buffer, page: Directory) -> tuple[int, int]:
    """The pages and the channels that ImageJ's description counts, 1 where it says nothing."""
    text = page.text(content, DESCRIPTION)
    if not text.startswith(b"ImageJ="):
        return 1, 1
    # int() refuses thousands of digits
    counts = {name: int(count[:9]) for name, count in re.findall(rb"(?m)^(images|channels)=(\d+)", text)}
    return counts.get(b"images", 1), counts.get(b"channels", 1)


def _first(content: Buffer) -> int:
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] in (b"+\0", b"\0+"):
        return int(struct.unpack_from(f"{order}Q", content, 8)[0])
    return int(struct.unpack_from(f"{order}I", content, 4)[0])


def _is_accessory(content: Buffer, page: Directory) -> bool:
    """Bit 0 of the type is a smaller copy, bit 2 a transparency mask; in the old field, 2 is a smaller copy."""
    return bool(page.number(content, SUBFILE_TYPE, 0) & 0b101) or page.number(content, OLD_SUBFILE_TYPE, 1) == 2


def _raw(content: Buffer, page: Directory, tag: int) -> bytes:
    field = page.fields[tag]
    size = struct.calcsize(f"<{FORMATS[field.kind]}") * field.count
    raw = content[field.offset : field.offset + size]
    if len(raw) != size:
        raise ValueError(f"TIFF field {tag} lies beyond the end of the file")
    return raw


def _description(content: Buffer, page: Directory) -> bytes:
    first = page if DESCRIPTION in page.fields else directory(content, _first(content))
    text = first.text(content, DESCRIPTION)
    return IN_DESCRIPTION.sub(b"", text) + b"\0" if text else b""


def assembled(magic: bytes, order: str, big: bool, blocks: Iterable[bytes], fields: RawFields) -> bytes:
    """A TIFF of one page: header, data, values that do not fit into the directory, and the directory, in this order."""
    room, pointer = 8 if big else 4, "Q" if big else "I"
    body = [*blocks]
    at = (16 if big else 8) + sum(map(len, body))
    entries = []
    for tag, (kind, count, raw) in sorted(fields.items()):
        inline = raw.ljust(room, b"\0")
        if len(raw) > room:
            # Values and directories have to begin at even places; multiples of 8 also suit BigTIFF's 64-bit numbers.
            padding = -at % 8
            inline = struct.pack(f"{order}{pointer}", at + padding)
            body += [b"\0" * padding, raw]
            at += padding + len(raw)
        entries.append(struct.pack(f"{order}HH{pointer}", tag, kind, count) + inline)
    padding = -at % 8
    # BigTIFF's head says that offsets have 8 bytes, then 0.
    start = struct.pack(f"{order}HHQ", 8, 0, at + padding) if big else struct.pack(f"{order}I", at + padding)
    number = struct.pack(f"{order}{'Q' if big else 'H'}", len(entries))
    return b"".join([magic, start, *body, b"\0" * padding, number, *entries, struct.pack(f"{order}{pointer}", 0)])

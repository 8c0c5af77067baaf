"""Where on the earth a TIFF's pixels lie: the fields of GeoTIFF (OGC 19-008r4), to be written into another TIFF as they are."""

import contextlib
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from segpipe.images import pixel_size as spacing
from segpipe.images import tiff_directory as tiff

GEO_KEYS, TIE_POINTS, TRANSFORMATION = 34735, 33922, 34264
PLACE = (33550, TIE_POINTS, TRANSFORMATION, GEO_KEYS, 34736, 34737)
"""Scale, tie points, matrix; the keys that name the coordinates, with their numbers and their text."""
BROKEN = (OSError, ValueError, struct.error, OverflowError)
"""What reading a damaged TIFF raises; its decoding names the damage."""


def place_of(file: Path) -> tiff.RawFields:
    """GeoTIFF's fields of a file, little endian; none where it is no GeoTIFF of one upright page, or a damaged one.

    Pixels that are turned when they are read would lie elsewhere.
    """
    with contextlib.suppress(*BROKEN), _mapped(file) as content:
        pages = tiff.pages(content)
        fields = pages[0].fields
        is_placed = GEO_KEYS in fields and (TIE_POINTS in fields or TRANSFORMATION in fields)
        if is_placed and len(pages) == 1 and pages[0].number(content, tiff.ORIENTATION, 1) == 1:
            return {tag: _little_endian(content, pages[0], tag) for tag in PLACE if tag in fields}
    return {}


def pixel_size(file: Path) -> spacing.Spacing | None:
    """Width and height of a pixel in nanometres, of a TIFF of any size; 0 and 0 where it does not say, None for another file."""
    with contextlib.suppress(*BROKEN), _mapped(file) as content:
        return spacing.of_tiff(content, tiff.pages(content)[0])
    return None


@contextlib.contextmanager
def _mapped(file: Path) -> Iterator[mmap.mmap]:
    """A TIFF's bytes, of which no more is read than is looked at. Raises ValueError for another file, or an empty one."""
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if not tiff.is_tiff(content):
            raise ValueError("no TIFF")
        yield content


def _little_endian(content: tiff.Buffer, page: tiff.Directory, tag: int) -> tuple[int, int, bytes]:
    field, values = page.fields[tag], page.values(content, tag)
    return field.kind, field.count, struct.pack(f"<{len(values)}{tiff.FORMATS[field.kind][0]}", *values)

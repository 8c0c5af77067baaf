"""A large TIFF some rows at a time: of the file only those strips or tiles are read that hold them."""

import contextlib
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.errors import DataError
from segpipe.images import tiff_directory, tiff_pixels, unsupported
from segpipe.images.tiff_support import Bands, bands_of, only_page

MOST_TOGETHER = 2**28
"""Bytes: where the strip or tiles that hold a row unpack to more, the file is not one to be read by rows."""
BROKEN = (OSError, ValueError, struct.error, OverflowError, SyntaxError)
"""What reading a damaged TIFF raises."""


@dataclass(frozen=True)
class TiffRows:
    """An image (H, W, C) in a TIFF, uint8 or uint16, without alpha. `image[10:20]` decodes ten rows of it.

    Gray comes as three channels where `as_rgb`.
    """

    bands: Bands
    name: str
    as_rgb: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""
        return self.bands.height, self.bands.width, 3 if self.as_rgb else len(self.bands.real)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return np.dtype(np.uint8 if self.bands.bits == 8 else np.uint16)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """(rows, W, C), as `decode_image` gives them. Raises DataError where the file is damaged there."""
        first, last, _ = rows.indices(self.bands.height)
        content = self.bands.content
        try:
            array = tiff_pixels.decode_rows(content, self.bands.page, first, last)
        except BROKEN as error:
            reason = "it ends too early" if isinstance(error, struct.error) else error
            raise DataError(self.name, f"a damaged image ({reason})", "Copy it again from where it came, or remove it.") from None
        if isinstance(content, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            # Else all that was read of the file would count as this process's memory.
            content.madvise(mmap.MADV_DONTNEED)
        own = array if array.shape[2] == len(self.bands.real) else array[:, :, self.bands.real]
        return np.repeat(own, 3, axis=2) if self.as_rgb else own


@contextlib.contextmanager
def opened(file: Path, name: str) -> Iterator[TiffRows | None]:
    """The image of a file, or None for one that is no TIFF or has to be decoded at once.

    At once are decoded: several pages, turned images, palettes, JPEG inside, and strips as large as the image that are
    compressed. Raises DataError for a TIFF that nobody reads, and OSError.
    """
    if not file.stat().st_size:
        yield None
        return
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        is_read = tiff_directory.is_tiff(content) and not unsupported.kind_of(content)
        yield _rows(content, name) if is_read else None


def _rows(content: mmap.mmap, name: str) -> TiffRows | None:
    try:
        if len(tiff_directory.pages(content)) > 1:
            return None
        bands = bands_of(content, only_page(content, name), name, by_rows=True)
        if bands is None or bands.orientation != 1:
            return None
        together = tiff_pixels.rows_read_together(content, bands.page)
    except BROKEN:
        # Its whole decoding says what is wrong.
        return None
    fits = together * bands.width * bands.samples * bands.bits // 8 <= MOST_TOGETHER
    return TiffRows(bands, name) if fits else None

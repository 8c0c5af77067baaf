"""How large an image may be: checked from its header, before a pixel is decoded."""

from segpipe.errors import DataError

MAX_PIXELS = 2**28
"""Larger images are refused from the header: 268 million pixels are 0.8 GB in RGB."""
MAX_SIDE = 1_000_000
"""Pixels: libpng, and so OpenCV, holds no more in a row."""
MAX_BYTES = MAX_PIXELS * 6
"""1.6 GB, which is what so many pixels take in RGB of 16 bits."""
MAX_PIXELS_BY_ROWS = 2**30
"""Of an image that is predicted some rows at a time its classes are there at once: 1 GB, or 32,768 pixels square."""


def check(width: int, height: int, name: str, pixel_bytes: int = 1, by_rows: bool = False) -> None:
    """Raises DataError for an image that is too large; `pixel_bytes` is what a pixel takes, all its channels together.

    An image that is read `by_rows`, some at a time, may be larger.
    """
    if by_rows:
        if width * height > MAX_PIXELS_BY_ROWS:
            raise too_large(name, f"{width} x {height} pixels", MAX_PIXELS_BY_ROWS)
    elif width * height > MAX_PIXELS:
        raise too_large(name, f"{width} x {height} pixels", MAX_PIXELS)
    elif width * height * pixel_bytes > MAX_BYTES:
        raise too_large(name, f"{width} x {height} pixels of {pixel_bytes} bytes", MAX_BYTES // pixel_bytes)
    if max(width, height) > MAX_SIDE:
        raise DataError(name, f"{width} x {height} pixels, with a side above {MAX_SIDE}", "Cut it into parts.")


def too_large(name: str, size: str, limit: int = MAX_PIXELS) -> DataError:
    """The problem that an image above the limit is."""
    return DataError(name, f"{size}, above the limit of {limit}", "Cut it into parts, or shrink it.")

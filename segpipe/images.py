"""The one way an image file becomes an array: header first, bounds, EXIF orientation, bits, channels."""

import io
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from segpipe.errors import DataError
from segpipe.palette import flat_palette

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
MAX_PIXELS = 2**28
"""Larger images are refused from the header: 268 million pixels are 0.8 GB in RGB."""

GRAY_MODES = {"1": "L", "L": "L", "LA": "L"}
COLOUR_MODES = {"P": "RGB", "PA": "RGB", "RGB": "RGB", "RGBA": "RGB", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
EXIF_ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)


@dataclass(frozen=True)
class Header:
    """Size after EXIF orientation, in pixels; `channels` is 1 or 3, `bits` 8 or 16."""

    width: int
    height: int
    channels: int
    bits: int


def decode(content: bytes, name: str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The image as (H, W, C), RGB or gray, uint8 or uint16, turned as its EXIF says; alpha is dropped.

    Raises DataError for what is no image, too large, broken, of several pages, or of a kind that is not read.
    """
    with _opened(content, name) as image:
        header = _header_of(image, name)
        try:
            if header.bits == 16:
                return _decode_16_bits(image, content, name)
            mode = "L" if header.channels == 1 else "RGB"
            array = np.asarray(ImageOps.exif_transpose(image).convert(mode))
        except (OSError, SyntaxError, ValueError) as error:
            raise _broken(name, error) from None
    return array.reshape(*array.shape[:2], header.channels)


def header(content: bytes, name: str) -> Header:
    """What the first bytes say of the image, nothing decoded. Raises DataError as `decode` does."""
    with _opened(content, name) as image:
        return _header_of(image, name)


def decode_mask(content: bytes, name: str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The values of a single-channel mask, (H, W): palette masks give their indices, never colours.

    Raises DataError for a JPEG (its values are blurred), a colour image, and whatever `decode` refuses.
    """
    with _opened(content, name) as image:
        _check_bounds(image, name)
        if image.format in ("JPEG", "MPO", "WEBP"):
            raise DataError(name, f"a mask saved as {image.format}, which changes class ids", "Save masks as PNG.")
        if image.mode not in ("1", "L", "P", "I;16"):
            raise DataError(
                name,
                f"a mask of mode {image.mode} and not one channel of class ids",
                "Save one 8- or 16-bit channel, a pixel's value being the id of its class.",
            )
        try:
            array = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise _broken(name, error) from None
    return array.astype(np.uint16 if image.mode == "I;16" else np.uint8)


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """A palette PNG of (H, W) class ids: programs read the ids, people see colours."""
    image = Image.fromarray(mask, mode=None).convert("L")
    image.putpalette(flat_palette())
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=6)
    return stream.getvalue()


def with_channels(image: NDArray[np.generic], channels: int) -> NDArray[np.generic]:
    """The image with as many channels as the data set has: gray is repeated to RGB."""
    return np.repeat(image, channels, axis=2) if image.shape[2] == 1 and channels > 1 else image


def _opened(content: bytes, name: str) -> Image.Image:
    if content[128:132] == b"DICM":
        raise DataError(name, "a DICOM file", "Export it as 8- or 16-bit PNG first; DICOM is not read.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content))
    except Image.DecompressionBombError:
        raise _too_large(name, "more pixels than any reader takes") from None
    except (OSError, SyntaxError, ValueError):
        problem = "an empty file" if not content else "not an image that can be read, or its first bytes are damaged"
        raise DataError(name, problem, f"Replace or remove it; images are {', '.join(SUFFIXES)}.") from None


def _check_bounds(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"{image.width} x {image.height} pixels")
    if getattr(image, "n_frames", 1) > 1:
        raise DataError(name, f"{image.n_frames} pages in one file", "Save each page as an image of its own.")  # type: ignore[attr-defined]


def _header_of(image: Image.Image, name: str) -> Header:
    _check_bounds(image, name)
    turned = image.getexif().get(EXIF_ORIENTATION) in TURNED
    width, height = (image.height, image.width) if turned else image.size
    if image.mode in ("I;16", "I;16B"):
        return Header(width, height, 1, 16)
    if _raw_bits(image) == 16:
        return Header(width, height, 1 if image.mode in GRAY_MODES else 3, 16)
    if image.mode not in GRAY_MODES | COLOUR_MODES:
        raise DataError(name, f"an image of mode {image.mode}", "Save it as 8- or 16-bit gray or RGB.")
    return Header(width, height, 1 if image.mode in GRAY_MODES else 3, 8)


def _raw_bits(image: Image.Image) -> int:
    """16 where the file holds 16 bits a channel, which Pillow's mode RGB does not tell (it would keep 8)."""
    tiles = getattr(image, "tile", [])
    return 16 if tiles and "16" in str(tiles[0][3]) else 8


def _decode_16_bits(image: Image.Image, content: bytes, name: str) -> NDArray[np.uint16]:
    """OpenCV keeps all 16 bits; Pillow's check runs first, since OpenCV loads damaged files with a murmur only."""
    image.verify()
    array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise DataError(name, "a 16-bit image that could not be decoded", "Save it as 16-bit PNG, gray or RGB.")
    if array.ndim == 2:
        return array[:, :, None].astype(np.uint16)
    return np.ascontiguousarray(array[:, :, 2::-1]).astype(np.uint16)


def _too_large(name: str, size: str) -> DataError:
    return DataError(name, f"{size}, above the limit of {MAX_PIXELS}", "Cut it into parts, or shrink it.")


def _broken(name: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(name, f"a damaged image ({reason})", "Copy it again from where it came, or remove it.")

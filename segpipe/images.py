"""The one way an image file becomes an array: header first, bounds, EXIF orientation, bits, channels."""

import contextlib
import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segpipe import bands, spacing, tiff, unread
from segpipe.errors import DataError, Fix
from segpipe.palette import flat_palette
from segpipe.tiff import Directory

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
MAX_PIXELS = 2**28
"""Larger images are refused from the header: 268 million pixels are 0.8 GB in RGB."""
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
"""Pillow knows many more by their first bytes, whatever the name says, and hands PostScript to a program that runs it."""
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own bound is lower

Pixels = NDArray[Any]
"""(H, W, C) of an image or (H, W) of a mask, uint8 or uint16."""

GRAY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
DEEP_GRAY_MODES = ("I;16", "I;16B")
SCALED = {"L;2": 85, "L;4": 17}
"""Gray of 2 or 4 bits, as a file calls it: Pillow brings it to 0 .. 255 by these factors."""
BROKEN = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, LookupError, TypeError, struct.error, OverflowError)
"""What Pillow raises for damaged files."""
COLOUR_SPACES = {8: "Lab", 9: "Lab", 10: "Lab", 32803: "raw", 34892: "raw", 32844: "LogL", 32845: "LogLuv"}
"""TIFF's photometric interpretations that no rule here makes RGB of."""
NUMBERS = {2: "signed whole numbers", 3: "floating-point numbers", 5: "complex numbers", 6: "complex numbers"}
"""TIFF's sample formats that are not read."""
SAVE_UNSIGNED = "Save it as 8- or 16-bit whole numbers, scaled or shifted so that all values fit (uint16: 0 to 65535)."

EXIF_ORIENTATION = 0x0112
TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: array[::-1].swapaxes(0, 1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: lambda array: array.swapaxes(0, 1)[::-1],
}
"""What makes an (H, W, C) array upright, by its EXIF orientation."""
SIDEWAYS = (5, 6, 7, 8)
"""Orientations that swap width and height."""
PALETTE_OF_8_BITS = bytes([8, 3, 0, 0, 0])
"""How a PNG's header says so, after the size."""


@dataclass(frozen=True)
class Header:
    """Size after EXIF orientation, in pixels; `channels` are those without alpha, `bits` 8 or 16."""

    width: int
    height: int
    channels: int
    bits: int


def decode(content: bytes, name: str) -> Pixels:
    """The image as (H, W, C), RGB, gray or the bands of a TIFF, uint8 or uint16, turned as its EXIF says; alpha is dropped.

    Raises DataError for what is no image, too large, broken, of several pages, or of a kind that is not read.
    """
    with _opened(content, name) as opened:
        if isinstance(opened, _Bands):
            array = _turned(bands.decode(opened.content, opened.page), opened.orientation)
            return np.ascontiguousarray(array if array.shape[2] == len(opened.real) else array[:, :, opened.real])
        image = opened
        channels, bits = _kind_of(image, name)
        orientation = _orientation(image)
        if bits == 8:
            mode = "L" if channels == 1 else "RGB"
            array = np.asarray(image if image.mode == mode else image.convert(mode))
        elif image.mode in DEEP_GRAY_MODES:
            array = np.asarray(image).astype(np.uint16)
        else:
            array = _decode_16_bits(image, content, name)
    array = array.reshape(*array.shape[:2], -1)[:, :, :channels]
    return np.ascontiguousarray(_turned(array, orientation))


def header(content: bytes, name: str) -> Header:
    """What the first bytes say of the image, nothing decoded. Raises DataError as `decode` does."""
    with _opened(content, name) as opened:
        if isinstance(opened, _Bands):
            return opened.header
        channels, bits = _kind_of(opened, name)
        width, height = opened.size[::-1] if _orientation(opened) in SIDEWAYS else opened.size
        return Header(width, height, channels, bits)


def pixel_size(content: bytes, name: str) -> spacing.Spacing:
    """Width and height of a pixel of the upright image in nanometres, from the header alone; 0 and 0 where it does not say.

    Raises DataError as `decode` does.
    """
    with _opened(content, name) as opened:
        if isinstance(opened, _Bands) or opened.format == "TIFF":
            page = opened.page if isinstance(opened, _Bands) else tiff.pages(content)[0]
            size = spacing.of_tiff(content, page)
            orientation = page.number(content, tiff.ORIENTATION, 1)
        else:
            size, orientation = spacing.of_image(opened), _orientation(opened)
    return size[::-1] if orientation in SIDEWAYS else size


def transparency(content: bytes, name: str) -> DataError | None:
    """A warning where alpha is dropped that is not opaque everywhere. Only images with alpha are decoded for it."""
    with _opened(content, name) as opened:
        if isinstance(opened, _Bands):
            dropped = sorted(set(range(bands.n_samples(opened.content, opened.page))) - set(opened.real))
            alpha = bands.decode(opened.content, opened.page)[:, :, dropped] if dropped else np.zeros(0)
            if alpha.size and alpha.min() < 2**opened.header.bits - 1:
                remedy = "If it is a band such as near infrared, save it with ExtraSamples 0 (GDAL: -co ALPHA=NO)."
                return DataError(name, "a band marked as alpha that is not opaque, which is dropped", remedy, warning=True)
            return None
        if opened.mode not in ("LA", "PA", "RGBA") and "transparency" not in opened.info:
            return None
        if opened.convert("RGBA").getchannel("A").getextrema() == (255, 255):
            return None
        remedy = "What the file holds below them is what the model sees; flatten the images if that is not meant."
        return DataError(name, "transparent pixels, whose transparency is dropped", remedy, warning=True)


def decode_mask(content: bytes, name: str) -> Pixels:
    """The values of a single-channel mask, (H, W): palette masks give their indices, never colours.

    Raises DataError for a JPEG (its values are blurred), a colour image, and whatever `decode` refuses.
    """
    with _opened(content, name) as image:
        if isinstance(image, _Bands):
            if len(image.real) > 1 or bands.n_samples(image.content, image.page) > 1:
                channels = bands.n_samples(image.content, image.page)
                raise _no_ids(name, f"a mask of {channels} channels and not one of class ids")
            return np.ascontiguousarray(_turned(bands.decode(image.content, image.page), image.orientation)[:, :, 0])
        if image.format in ("JPEG", "MPO", "WEBP"):
            raise DataError(name, f"a mask saved as {image.format}, which changes class ids", "Save masks as PNG.")
        if image.mode not in ("1", "L", "P", *DEEP_GRAY_MODES):
            raise _no_ids(name, f"a mask of mode {image.mode} and not one channel of class ids")
        factor = SCALED.get(_raw_mode(image), 1)
        return np.asarray(image).astype(np.uint16 if image.mode in DEEP_GRAY_MODES else np.uint8) // factor


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """A palette PNG of (H, W) class ids: programs read the ids, people see colours.

    OpenCV writes gray, each row as its difference from the row above and then in runs: of what masks are made of this is
    both small and quick. A PNG of gray becomes one of a palette by a byte and a chunk.
    """
    options = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, gray = cv2.imencode(".png", mask, options)
    if not done:
        raise ValueError(f"a mask of {mask.shape[1]} x {mask.shape[0]} pixels, which PNG cannot hold")
    content = gray.tobytes()
    size = content[16:24]
    colours = flat_palette()[: 3 * (int(mask.max()) + 1)]
    return b"".join([content[:8], _chunk(b"IHDR", size + PALETTE_OF_8_BITS), _chunk(b"PLTE", bytes(colours)), content[33:]])


def with_channels(image: Pixels, channels: int) -> Pixels:
    """The image with as many channels as the data set has: gray is repeated to RGB."""
    return np.repeat(image, channels, axis=2) if image.shape[2] == 1 and channels > 1 else image


@dataclass(frozen=True)
class _Bands:
    """A TIFF page that `bands` reads: its header, the channels that are no alpha, and how it is to be turned."""

    content: bytes
    page: Directory
    header: Header
    real: list[int]
    orientation: int


@contextlib.contextmanager
def _opened(content: bytes, name: str) -> Iterator[Image.Image | _Bands]:
    """The image, its bounds checked, nothing decoded. What is raised for damage while it is used becomes a DataError."""
    kind = unread.kind_of(content)
    if kind:
        raise DataError(name, kind.name, kind.remedy)
    with warnings.catch_warnings(action="ignore"):
        try:
            if tiff.is_tiff(content):
                page = _only_page(content, name)
                known = _bands(content, page, name)
                if known:
                    yield known
                    return
                first = tiff.directories(content)[0]
                content = content if page.at == first.at else tiff.single_page(content, page)
        except BROKEN as error:
            raise _damaged(name, error) from None
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        except Image.DecompressionBombError:
            raise _too_large(name, "more pixels than any reader takes") from None
        except BROKEN:
            problem = "not an image that can be read, or its first bytes are damaged" if content else "an empty file"
            raise DataError(name, problem, f"Replace or remove it; images are {', '.join(SUFFIXES)}.") from None
        try:
            _check_bounds(image, name)
            yield image
        except BROKEN as error:
            raise _damaged(name, error) from None


def _only_page(content: bytes, name: str) -> Directory:
    """The one page of a TIFF. Smaller copies of it and transparency masks are no pages."""
    pages = tiff.pages(content)
    said, channels = tiff.said_pages(content, pages[0])
    if len(pages) == 1 and said > 1:
        remedy = "Save its slices as pages, or as images of their own."
        raise DataError(name, f"a stack of ImageJ, {said} slices in one page", remedy)
    if len(pages) > 1 and channels == len(pages):
        remedy = "Save the channels of a picture as bands of one page, or set data.pages to split where they are images."
        raise DataError(name, f"{channels} pages in one file, which ImageJ calls channels", remedy)
    if len(pages) > 1:
        raise several_pages(name, len(pages))
    return pages[0]


def several_pages(name: str, count: int) -> DataError:
    """The problem that a file of several pages is, where `data.pages` does not split them."""
    remedy = "Save each page as an image of its own, or set data.pages to split."
    return DataError(name, f"{count} pages in one file", remedy, Fix("data.pages", "split"))


def _bands(content: bytes, page: Directory, name: str) -> _Bands | None:
    """The page as one that `bands` reads, or None where Pillow knows better. Raises DataError for what neither reads."""
    samples, bits = bands.n_samples(content, page), set(page.values(content, tiff.BITS) or (1,))
    format_ = page.number(content, tiff.SAMPLE_FORMAT, 1)
    photometric = page.number(content, tiff.PHOTOMETRIC, bands.BLACK_IS_ZERO)
    compression = page.number(content, tiff.COMPRESSION, 1)
    width, height = page.number(content, tiff.WIDTH, 0), page.number(content, tiff.HEIGHT, 0)
    if 50706 in page.fields:
        raise DataError(name, unread.RAW.name, unread.RAW.remedy)
    if format_ in NUMBERS:
        raise DataError(name, f"an image of {NUMBERS[format_]}, {max(bits)} bits", SAVE_UNSIGNED)
    if max(bits) > 16:
        raise DataError(name, f"an image of {max(bits)} bits a channel", SAVE_UNSIGNED)
    if photometric in COLOUR_SPACES:
        raise DataError(name, f"an image in {COLOUR_SPACES[photometric]} colours", "Save it as 8- or 16-bit gray or RGB.")
    if page.number(content, tiff.DEPTH, 1) > 1:
        raise DataError(name, "a TIFF of volumes", "Save its slices as images of their own.")
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width} x {height} pixels")
    real = bands.real_bands(content, page)
    simple = bits == {8} and (samples, photometric) in ((1, 0), (1, 1), (3, 2)) and content[:4] != tiff.UNKNOWN_TO_PILLOW
    if simple or photometric not in (0, 1, 2) or not bits <= {8, 16}:
        return None
    if len(bits) > 1:
        raise DataError(name, "channels of different depth", "Save all channels with 8 or all with 16 bits.")
    if not 0 < len(real) <= bands.MOST_BANDS:
        raise DataError(name, f"{len(real)} channels, where 1 to {bands.MOST_BANDS} are read", "Save those that matter.")
    if compression not in bands.CODECS or page.number(content, tiff.PREDICTOR, 1) > 2:
        if bits == {8} and len(real) in (1, 3):
            return None
        raise DataError(name, f"{samples} channels in a compression that is not read", "Save it with LZW, deflate or none.")
    if width * height * samples * max(bits) // 8 > bands.MAX_BYTES:
        raise _too_large(name, f"{width} x {height} pixels of {samples} channels", bands.MAX_BYTES // (samples * max(bits) // 8))
    orientation = page.number(content, tiff.ORIENTATION, 1)
    upright = (height, width) if orientation in SIDEWAYS else (width, height)
    return _Bands(content, page, Header(*upright, len(real), max(bits)), real, orientation)


def _turned(array: Pixels, orientation: int) -> Pixels:
    return TURNS[orientation](array) if orientation in TURNS else array


def _chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG: length, kind, content, checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _check_bounds(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"{image.width} x {image.height} pixels")
    # The first page of an MPO is the photo, as phones save it; the others are its thumbnails and depth.
    frames = 1 if image.format in ("MPO", "TIFF") else getattr(image, "n_frames", 1)
    if frames > 1:
        raise DataError(name, f"an animation of {frames} frames", "Save the frames that you need as images of their own.")


def _kind_of(image: Image.Image, name: str) -> tuple[int, int]:
    """Channels and bits as the file holds them: Pillow's mode RGB does not tell 16 bits, of which it would keep 8."""
    if image.mode in DEEP_GRAY_MODES:
        return 1, 16
    if image.mode not in (*GRAY_MODES, *COLOUR_MODES):
        raise DataError(name, f"an image of mode {image.mode}", "Save it as 8- or 16-bit gray or RGB.")
    raw = _raw_mode(image)
    return 1 if image.mode in GRAY_MODES or raw.startswith("LA;") else 3, 16 if re.search(";16[BLN]", raw) else 8


def _raw_mode(image: Image.Image) -> str:
    """How the file lays out a pixel, in Pillow's words, such as `RGB;16B`; empty where it does not say."""
    arguments = image.tile[0].args if getattr(image, "tile", None) else ""  # type: ignore[attr-defined]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _orientation(image: Image.Image) -> int:
    """EXIF's number, 1 to 8. Pillow and OpenCV turn TIFF themselves; PNG's own `getexif` would decode the image."""
    return 1 if image.format == "TIFF" else Image.Image.getexif(image).get(EXIF_ORIENTATION, 1)


def _decode_16_bits(image: Image.Image, content: bytes, name: str) -> Pixels:
    """OpenCV keeps all 16 bits; Pillow decodes first, since OpenCV loads damaged files with a murmur only."""
    image.load()
    array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise DataError(name, "a 16-bit image that could not be decoded", "Save it as 16-bit PNG, gray or RGB.")
    return array if array.ndim == 2 else array[:, :, 2::-1]


def _no_ids(name: str, problem: str) -> DataError:
    return DataError(name, problem, "Save one 8- or 16-bit channel, a pixel's value being the id of its class.")


def _damaged(name: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(name, f"a damaged image ({reason})", "Copy it again from where it came, or remove it.")


def _too_large(name: str, size: str, limit: int = MAX_PIXELS) -> DataError:
    return DataError(name, f"{size}, above the limit of {limit}", "Cut it into parts, or shrink it.")

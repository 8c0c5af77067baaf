"""The one way an image file becomes an array: header first, bounds, EXIF orientation, bits, channels."""

import contextlib
import io
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segpipe.errors import DataError
from segpipe.images import limits, tiff_directory, tiff_pixels, unsupported
from segpipe.images import pixel_size as spacing
from segpipe.images.jpeg import is_whole
from segpipe.images.tiff_support import Bands, bands_of, only_page

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
"""Pillow knows many more by their first bytes, whatever the name says, and hands PostScript to a program that runs it."""
Image.MAX_IMAGE_PIXELS = limits.MAX_PIXELS  # Pillow's own bound is lower

Pixels = NDArray[Any]
"""(H, W, C) of an image or (H, W) of a mask, uint8 or uint16."""

GRAY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
DEEP_GRAY_MODES = ("I;16", "I;16B")
MASK_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "F", *DEEP_GRAY_MODES)
MASK_TYPES = {"I;16": np.uint16, "I;16B": np.uint16, "I": np.int32, "F": np.float32}
"""The type of a mask's values, uint8 where not said."""
STRIP = 2**22
"""Pixels of a mask that are read at once: a large one in colours would fill the memory."""
SCALED = {"L;2": 85, "L;4": 17}
"""Gray of 2 or 4 bits, as a file calls it: Pillow brings it to 0 .. 255 by these factors."""
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    struct.error,
    OverflowError,
    cv2.error,
)
"""What Pillow and OpenCV raise for damaged files."""

EXIF_ORIENTATION = 0x0112
TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],  # a half turn
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),  # mirrored at the main diagonal
    6: lambda array: array[::-1].swapaxes(0, 1),  # a quarter turn clockwise
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),  # mirrored at the other diagonal
    8: lambda array: array.swapaxes(0, 1)[::-1],  # a quarter turn counter-clockwise
}
"""What makes an (H, W, C) array upright, by its EXIF orientation."""
SIDEWAYS = (5, 6, 7, 8)
"""Orientations that swap width and height."""


@dataclass(frozen=True)
class Header:
    """Size after EXIF orientation, in pixels; `channels` are those without alpha, `bits` 8 or 16."""

    width: int
    height: int
    channels: int
    bits: int


def decode_image(content: bytes, name: str) -> Pixels:
    """The image as (H, W, C), RGB, gray or the bands of a TIFF, uint8 or uint16, turned as its EXIF says; alpha is dropped.

    Raises DataError for what is no image, too large, broken, of several pages, or of a kind that is not read.
    """
    with _opened(content, name) as opened:
        if isinstance(opened, Bands):
            array = _turned(tiff_pixels.decode(opened.content, opened.page), opened.orientation)
            return np.ascontiguousarray(array if array.shape[2] == len(opened.real) else array[:, :, opened.real])
        image = opened
        channels, bits = _kind_of(image, name)
        orientation = _orientation(image)
        if bits == 8:
            array = _decode_8_bits(image, content, channels)
        elif image.mode in DEEP_GRAY_MODES:
            array = np.asarray(image).astype(np.uint16)
        # Pillow has no mode for 16-bit colours: it would keep the upper 8 bits without a word.
        else:
            array = _decode_16_bits(image, content, name)
    # Gray gets an axis of its own; of 16-bit gray with alpha OpenCV makes BGRA, three channels alike.
    array = array.reshape(*array.shape[:2], -1)[:, :, :channels]
    # A turned array is a view with negative strides, which neither OpenCV nor torch takes.
    return np.ascontiguousarray(_turned(array, orientation))


def header(content: bytes, name: str) -> Header:
    """What the first bytes say of the image, nothing decoded. Raises DataError as `decode` does."""
    with _opened(content, name) as opened:
        if isinstance(opened, Bands):
            size = (opened.height, opened.width) if opened.orientation in SIDEWAYS else (opened.width, opened.height)
            return Header(*size, len(opened.real), opened.bits)
        channels, bits = _kind_of(opened, name)
        width, height = opened.size[::-1] if _orientation(opened) in SIDEWAYS else opened.size
        return Header(width, height, channels, bits)


def pixel_size(content: bytes, name: str) -> spacing.Spacing:
    """Width and height of a pixel of the upright image in nanometres, from the header alone; 0 and 0 where it does not say.

    Raises DataError as `decode` does.
    """
    with _opened(content, name) as opened:
        if isinstance(opened, Bands) or opened.format == "TIFF":
            size = spacing.of_tiff(content, tiff_directory.pages(content)[0])
        else:
            size = spacing.of_image(opened)
        return size[::-1] if _stored_orientation(opened, content) in SIDEWAYS else size


def transparency(content: bytes, name: str) -> list[DataError]:
    """A warning where alpha is dropped that is not opaque everywhere. Only images with alpha are decoded for it."""
    with _opened(content, name) as opened:
        if isinstance(opened, Bands):
            dropped = sorted(set(range(opened.samples)) - set(opened.real))
            alpha = tiff_pixels.decode(opened.content, opened.page)[:, :, dropped] if dropped else np.zeros(0)
            if alpha.size and alpha.min() < 2**opened.bits - 1:
                remedy = "If it is a band such as near infrared, save it with ExtraSamples 0 (GDAL: -co ALPHA=NO)."
                return [DataError(name, "a band marked as alpha that is not opaque, which is dropped", remedy, warning=True)]
            return []
        if opened.mode not in ("LA", "PA", "RGBA") and "transparency" not in opened.info:
            return []
        # RGBA, so that a palette's alpha and a single transparent colour (PNG's tRNS) count as well.
        if opened.convert("RGBA").getchannel("A").getextrema() == (255, 255):
            return []
        remedy = "What the file holds below them is what the model sees; flatten the images if that is not meant."
        return [DataError(name, "transparent pixels, whose transparency is dropped", remedy, warning=True)]


def decode_mask(content: bytes, name: str) -> Pixels:
    """The values of a single-channel mask, (H, W): palette masks give their indices, never colours; see `_own_grays`.

    Raises DataError for a JPEG (its values are blurred), a colour image, and whatever `decode` refuses.
    """
    with _opened(content, name) as image:
        if isinstance(image, Bands):
            if image.samples > 1:
                raise _no_ids(name, f"a mask of {image.samples} channels and not one of class ids")
            return np.ascontiguousarray(_turned(tiff_pixels.decode(image.content, image.page), image.orientation)[:, :, 0])
        _refuse_blurred(image, name)
        if image.mode not in ("1", "L", "P", *DEEP_GRAY_MODES):
            raise _no_ids(name, f"a mask of mode {image.mode} and not one channel of class ids")
        factor = SCALED.get(_raw_mode(image), 1)
        return np.asarray(_own_grays(image)).astype(np.uint16 if image.mode in DEEP_GRAY_MODES else np.uint8) // factor


def mask_strips(content: bytes, name: str) -> Iterator[Pixels]:
    """The values of a mask as its file holds them, some rows at a time, turned only by `strips_turn`: (rows, W), or (rows, W, C).

    Palette masks give their indices, see `_own_grays`. uint8, uint16, int32 or float32; C is 2 or 4 where there is alpha, the
    last channel. Raises DataError for a JPEG or WebP (their values are blurred), a mode that no mask has, and whatever
    `decode` refuses.
    """
    with _opened(content, name, any_numbers=True) as image:
        if isinstance(image, Bands):
            array = _turned(tiff_pixels.decode(image.content, image.page), image.orientation)
            alpha = image.bits == 8 and image.samples in (2, 4) and len(image.real) == image.samples - 1
            if image.samples not in (1, 3) and not alpha:
                what = f"a mask of {image.samples} channels of {image.bits} bits"
                raise DataError(name, what, "Save it as one channel of class ids, or as 8-bit colours.")
            yield array[:, :, 0] if image.samples == 1 else array
            return
        _refuse_blurred(image, name)
        deep = re.search(";16[BLN]", _raw_mode(image)) is not None and image.mode not in DEEP_GRAY_MODES
        if image.mode not in MASK_MODES or (deep and image.mode != "RGB"):
            what = f"a mask of mode {image.mode}{' with 16 bits a channel' if deep else ''}"
            raise DataError(name, what, "Save it as one channel of class ids, or as 8-bit colours.")
        if deep:
            yield _decode_16_bits(image, content, name)
            return
        factor = SCALED.get(_raw_mode(image), 1)
        grays = _own_grays(image)
        grays.load()
        rows = max(1, STRIP // image.width)
        for top in range(0, image.height, rows):
            strip = np.asarray(grays.crop((0, top, image.width, min(top + rows, image.height))))
            strip = strip.astype(MASK_TYPES.get(grays.mode, np.uint8), copy=False)
            yield strip // factor if factor > 1 else strip


def value_colours(content: bytes, name: str) -> NDArray[np.uint8] | None:
    """(N, 3): the colour in which the file shows each value of `mask_strips`, by a palette or as gray of fewer than 8 bits.

    A palette may be shorter than the values. None for any other file, whose values are shown as they are. Raises
    DataError alike.
    """
    with _opened(content, name, any_numbers=True) as image:
        if isinstance(image, Bands) or image.mode not in ("1", "L", "P"):
            return None
        if image.mode == "P":
            palette = image.palette
            # As the file holds it: `getpalette` would decode the image.
            held = palette.palette if palette and palette.rawmode == "RGB" else image.getpalette("RGB") or ()
            return np.frombuffer(bytes(held), np.uint8)[: len(held) // 3 * 3].reshape(-1, 3)
        factor = 255 if image.mode == "1" else SCALED.get(_raw_mode(image), 1)
        return None if factor == 1 else np.repeat(np.arange(0, 256, factor).astype(np.uint8)[:, None], 3, axis=1)


def strips_turn(content: bytes, name: str) -> Callable[[Pixels], Pixels] | None:
    """What makes the rows that `mask_strips` gives upright; nothing for a TIFF, which comes upright. Raises DataError alike."""
    with _opened(content, name, any_numbers=True) as opened:
        return None if isinstance(opened, Bands) else TURNS.get(_orientation(opened))


def turn_of(content: bytes, name: str) -> Callable[[Pixels], Pixels] | None:
    """What makes the array of an image file upright, as its EXIF says; nothing where it is. Raises DataError as `decode` does."""
    with _opened(content, name) as opened:
        return TURNS.get(_stored_orientation(opened, content))


def with_channels(image: Pixels, channels: int) -> Pixels:
    """The image with as many channels as the data set has: gray is repeated to RGB, and to nothing else."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 and channels == 3 else image


@contextlib.contextmanager
def _opened(content: bytes, name: str, any_numbers: bool = False) -> Iterator[Image.Image | Bands]:
    """The image, its bounds checked, nothing decoded. What is raised for damage while it is used becomes a DataError.

    With `any_numbers` TIFFs of floats and 32 bits are opened too, as Pillow does.
    """
    kind = unsupported.kind_of(content)
    if kind:
        raise DataError(name, kind.name, kind.remedy)
    # Pillow only warns of sizes up to twice its bound, which `_check_bounds` refuses.
    with warnings.catch_warnings(action="ignore"):
        try:
            if tiff_directory.is_tiff(content):
                page = only_page(content, name, splits=not any_numbers)
                known = bands_of(content, page, name, any_numbers)
                if known:
                    yield known
                    return
                # Pillow opens the first directory, which may be a thumbnail.
                first = tiff_directory.directories(content)[0]
                content = content if page.at == first.at else tiff_directory.single_page(content, page)
        except BROKEN as error:
            raise _damaged(name, error) from None
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        except Image.DecompressionBombError:
            raise limits.too_large(name, "more pixels than any reader takes") from None
        except BROKEN:
            problem = "not an image that can be read, or its first bytes are damaged" if content else "an empty file"
            raise DataError(name, problem, f"Replace or remove it; images are {', '.join(SUFFIXES)}.") from None
        try:
            _check_bounds(image, name)
            yield image
        except BROKEN as error:
            raise _damaged(name, error) from None


def _turned(array: Pixels, orientation: int) -> Pixels:
    return TURNS[orientation](array) if orientation in TURNS else array


def _own_grays(image: Image.Image) -> Image.Image:
    """A GIF of grays alone by its grays, any other image as it is.

    A GIF has a palette whether it means one or not, and writers number the grays that occur anew in each file.
    """
    if image.format != "GIF" or image.mode != "P":
        return image
    used = np.flatnonzero(image.histogram())
    palette = np.reshape((image.getpalette() or [])[: 3 * 256], (-1, 3))
    shown = palette[used[used < len(palette)]]
    is_gray = len(shown) == len(used) == len(np.unique(shown[:, 0])) and bool((shown == shown[:, :1]).all())
    return image.convert("L") if is_gray else image


def _refuse_blurred(image: Image.Image, name: str) -> None:
    if image.format in ("JPEG", "MPO", "WEBP"):
        raise DataError(name, f"a mask saved as {image.format}, which changes class ids", "Save masks as PNG.")


def _check_bounds(image: Image.Image, name: str) -> None:
    limits.check(image.width, image.height, name)
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


def _decode_8_bits(image: Image.Image, content: bytes, channels: int) -> Pixels:
    """OpenCV decodes a JPEG to the same pixels sooner, where the file is whole; Pillow says what is wrong with any other."""
    mode = "L" if channels == 1 else "RGB"
    if image.format in ("JPEG", "MPO") and image.mode == mode and is_whole(content):
        colour = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
        array = cv2.imdecode(np.frombuffer(content, np.uint8), colour | cv2.IMREAD_IGNORE_ORIENTATION)
        if array is not None and array.shape[1::-1] == image.size:
            return array
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _stored_orientation(opened: Image.Image | Bands, content: bytes) -> int:
    """How the pixels lie in the file, whoever turns them."""
    if isinstance(opened, Bands):
        return opened.orientation
    if opened.format == "TIFF":
        return tiff_directory.pages(content)[0].number(content, tiff_directory.ORIENTATION, 1)
    return _orientation(opened)


def _decode_16_bits(image: Image.Image, content: bytes, name: str) -> Pixels:
    """OpenCV keeps all 16 bits; Pillow decodes first, since OpenCV loads damaged files with a murmur only."""
    image.load()
    array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise DataError(name, "a 16-bit image that could not be decoded", "Save it as 16-bit PNG, gray or RGB.")
    return array if array.ndim == 2 else array[:, :, 2::-1]  # BGR or BGRA to RGB


def _no_ids(name: str, problem: str) -> DataError:
    return DataError(name, problem, "Save one 8- or 16-bit channel, a pixel's value being the id of its class.")


def _damaged(name: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    reason = "it ends too early" if isinstance(error, struct.error) else reason
    return DataError(name, f"a damaged image ({reason})", "Copy it again from where it came, or remove it.")

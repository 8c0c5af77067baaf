"""Which TIFFs are read, and by whom: by `bands`, by Pillow, or not at all, for a stated reason."""

from dataclasses import dataclass

from segpipe.errors import DataError, Fix
from segpipe.images import limits, tiff_directory, tiff_pixels, unsupported
from segpipe.images.tiff_directory import Buffer, Directory

COLOUR_SPACES = {8: "Lab", 9: "Lab", 10: "Lab", 32803: "raw", 34892: "raw", 32844: "LogL", 32845: "LogLuv"}
"""Photometric interpretations that no rule here makes RGB of."""
NUMBERS = {2: "signed whole numbers", 3: "floating-point numbers", 5: "complex numbers", 6: "complex numbers"}
"""Sample formats that are not read."""
WHOLE_BITS, GRAY_BITS = (8, 16), (1, 2, 4, 12)
"""What a channel may have, and what gray or a palette may have beside."""
PILLOW_CODECS = (2, 3, 4, 6, 7)
"""Compressions for fax and JPEG, which know colours: those pages are Pillow's to read."""
DNG_VERSION = 50706
SAVE_UNSIGNED = "Save it as 8- or 16-bit whole numbers, scaled or shifted so that all values fit (uint16: 0 to 65535)."
SAVE_PLAIN = "Save it as 8- or 16-bit gray or RGB."


@dataclass(frozen=True)
class Bands:
    """A page that `bands` reads, of `width` and `height` as stored. `real` are its channels that are no alpha."""

    content: Buffer
    page: Directory
    width: int
    height: int
    samples: int
    real: list[int]
    bits: int
    orientation: int


def only_page(content: Buffer, name: str, splits: bool = True) -> Directory:
    """The one page of a TIFF. Smaller copies of it and transparency masks are no pages.

    Raises DataError for several, with the line that splits them where `splits`: a mask is split as its image is.
    """
    pages = tiff_directory.pages(content)
    said, channels = tiff_directory.said_pages(content, pages[0])
    if len(pages) == 1 and said > 1:
        remedy = "Save its slices as pages, or as images of their own."
        raise DataError(name, f"a stack of ImageJ, {said} slices in one page", remedy)
    if len(pages) > 1 and channels == len(pages):
        remedy = "Save the channels of a picture as bands of one page, or set data.pages to split where they are images."
        raise DataError(name, f"{channels} pages in one file, which ImageJ calls channels", remedy)
    if len(pages) > 1:
        remedy = f"Save each page as an image of its own{', or set data.pages to split' if splits else ''}."
        raise DataError(name, f"{len(pages)} pages in one file", remedy, Fix("data.pages", "split") if splits else None)
    return pages[0]


def bands_of(content: Buffer, page: Directory, name: str, any_numbers: bool = False, by_rows: bool = False) -> Bands | None:
    """The page as one that `bands` reads, or None where Pillow knows better. Raises DataError for what neither reads.

    With `any_numbers` floats and 32 bits are for Pillow too, which some masks are. With `by_rows`, which Pillow never reads,
    plain gray and RGB are ours as well, and the image may be larger.
    """
    samples, bits = tiff_pixels.n_samples(content, page), set(page.values(content, tiff_directory.BITS) or (1,))
    photometric = page.number(content, tiff_directory.PHOTOMETRIC, tiff_pixels.BLACK_IS_ZERO)
    width, height = page.number(content, tiff_directory.WIDTH, 0), page.number(content, tiff_directory.HEIGHT, 0)
    limits.check(width, height, name, by_rows=by_rows)
    if any_numbers and (page.number(content, tiff_directory.SAMPLE_FORMAT, 1) in NUMBERS or max(bits) > 16):
        return None
    _refuse(content, page, name)
    simple = (
        bits == {8} and (samples, photometric) in ((1, 0), (1, 1), (3, 2)) and content[:4] != tiff_directory.UNKNOWN_TO_PILLOW
    )
    # Palettes, CMYK and YCbCr, and gray of 1, 2, 4 and 12 bits, are Pillow's.
    if (simple and not by_rows) or photometric not in (0, 1, 2) or not bits <= {8, 16}:
        return None
    real = tiff_pixels.real_bands(content, page)
    if len(bits) > 1:
        raise DataError(name, "channels of different depth", "Save all channels with 8 or all with 16 bits.")
    if not 0 < len(real) <= tiff_pixels.MOST_BANDS:
        raise DataError(name, f"{len(real)} channels, where 1 to {tiff_pixels.MOST_BANDS} are read", "Save those that matter.")
    if page.number(content, tiff_directory.COMPRESSION, 1) not in tiff_pixels.CODECS:
        if bits == {8} and len(real) in (1, 3):
            return None
        raise _other_codec(name)
    limits.check(width, height, name, samples * max(bits) // 8, by_rows)
    return Bands(content, page, width, height, samples, real, max(bits), page.number(content, tiff_directory.ORIENTATION, 1))


def _refuse(content: Buffer, page: Directory, name: str) -> None:
    """Raises DataError for numbers, colours and compressions that nobody here reads."""
    bits = max(page.values(content, tiff_directory.BITS) or (1,))
    numbers = NUMBERS.get(page.number(content, tiff_directory.SAMPLE_FORMAT, 1))
    photometric = page.number(content, tiff_directory.PHOTOMETRIC, tiff_pixels.BLACK_IS_ZERO)
    if DNG_VERSION in page.fields:
        raise DataError(name, unsupported.RAW.name, unsupported.RAW.remedy)
    if numbers:
        raise DataError(name, f"an image of {numbers}, {bits} bits", SAVE_UNSIGNED)
    if bits not in WHOLE_BITS and (bits not in GRAY_BITS or tiff_pixels.n_samples(content, page) > 1):
        raise DataError(name, f"an image of {bits} bits a channel", SAVE_UNSIGNED)
    if photometric in COLOUR_SPACES:
        raise DataError(name, f"an image in {COLOUR_SPACES[photometric]} colours", SAVE_PLAIN)
    if bits == 16 and photometric not in (0, 1, 2):
        raise DataError(name, "16 bits a channel in a palette, CMYK or YCbCr", "Save it as 8-bit, or as 16-bit RGB.")
    if page.number(content, tiff_directory.DEPTH, 1) > 1:
        raise DataError(name, "a TIFF of volumes", "Save its slices as images of their own.")
    if page.number(content, tiff_directory.COMPRESSION, 1) not in (*tiff_pixels.CODECS, *PILLOW_CODECS):
        raise _other_codec(name)
    if page.number(content, tiff_directory.PREDICTOR, 1) > 2:
        raise DataError(name, "a TIFF with a predictor for floating-point numbers", "Save it with LZW, deflate or none.")


def _other_codec(name: str) -> DataError:
    return DataError(name, "a TIFF in a compression that is not read for its kind", "Save it with LZW, deflate or none.")

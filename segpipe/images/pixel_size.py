"""How large a pixel is: what the headers of PNG, JPEG, BMP and TIFF say, in nanometres."""

import math
import re

from PIL import Image

from segpipe.images import tiff_directory
from segpipe.images.tiff_directory import Buffer, Directory

Spacing = tuple[int, int]
"""Width and height of a pixel in nanometres; 0 and 0 where the file does not say."""

UNKNOWN: Spacing = (0, 0)
NM_PER_INCH, NM_PER_CM = 25_400_000, 10_000_000
LARGEST = 10**15
"""1,000 km: more is no pixel."""
SCREEN_DPI = (72, 96)
"""What programs write that know no scale."""
UNITS = {
    "pm": 1e-3,
    "å": 0.1,
    "nm": 1,
    "nanometer": 1,
    "um": 1e3,
    "µm": 1e3,
    "μm": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "m": 1e9,
    "meter": 1e9,
    "inch": NM_PER_INCH,
    "in": NM_PER_INCH,
}
"""Nanometres in each unit that ImageJ and OME write."""
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
PIXEL_SCALE, TRANSFORMATION, GEO_KEYS = 33550, 34264, 34735
GEO_MODEL, GEO_LINEAR_UNIT = 1024, 3076
GEO_UNITS = {0: 1e9, 9001: 1e9, 9002: 304_800_000, 9003: 304_800_609.6}
"""Metre, foot and US survey foot, by EPSG's numbers."""


def of_image(image: Image.Image) -> Spacing:
    """What the header of an opened PNG, JPEG or BMP says. A JPEG's EXIF resolution is for printers, so it is not asked."""
    if image.format in ("JPEG", "MPO"):
        density = image.info.get("jfif_density", (0, 0))
        # JFIF counts dots an inch (1) or a centimetre (2); unit 0 states a ratio of the sides alone.
        size = {1: NM_PER_INCH, 2: NM_PER_CM}.get(image.info.get("jfif_unit", 0), 0)
        return _per_length(float(density[0]), float(density[1]), size)
    if image.format in ("PNG", "BMP"):
        x, y = image.info.get("dpi", (0, 0))
        return _per_length(float(x), float(y), NM_PER_INCH)
    return UNKNOWN


def of_tiff(content: Buffer, page: Directory) -> Spacing:
    """What a TIFF's fields say: GeoTIFF's scale, else OME's, else ImageJ's, else the resolution.

    Degrees are no length. Raises ValueError or struct.error for damage.
    """
    if GEO_KEYS in page.fields:
        return _geographic(content, page)
    text = page.text(content, tiff_directory.DESCRIPTION).decode("utf-8", errors="replace")
    x, y = (_resolution(content, page, tag) for tag in (X_RESOLUTION, Y_RESOLUTION))
    if "<OME" in text:
        return _ome(text)
    unit = re.search(r"(?m)^unit=(.*?)\r?$", text) if text.startswith("ImageJ=") else None
    if unit:
        # ImageJ writes the micro sign as the six characters of an escape.
        name = unit[1].replace("\\u00B5", "µ").strip().lower()
        return _per_length(x, y, UNITS.get(name, 0), screens=False)  # 72 of a unit that somebody set are meant
    # TIFF 6.0: 1 is no unit, 2 an inch (the default), 3 a centimetre.
    size = {2: NM_PER_INCH, 3: NM_PER_CM}.get(page.number(content, RESOLUTION_UNIT, 2), 0)
    return _per_length(x, y, size)


def _ome(text: str) -> Spacing:
    """The attributes are looked for as text: parsing XML of strangers would let it define what it means."""
    sizes = []
    for axis in "XY":
        size = re.search(rf'\bPhysicalSize{axis}="([0-9.eE+-]{{1,30}})"', text)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]{{1,20}})"', text)
        factor = UNITS.get(unit[1].strip().lower() if unit else "µm", 0)  # OME's default
        try:
            sizes.append(float(size[1]) * factor if size else 0.0)
        except ValueError:
            return UNKNOWN
    return _whole(*sizes)


def _geographic(content: Buffer, page: Directory) -> Spacing:
    keys = page.values(content, GEO_KEYS)
    # Entries of four numbers behind a head of four: key, where its value lies (0: here), how many, the value.
    entries = {keys[at]: keys[at + 3] for at in range(4, len(keys) - 3, 4) if keys[at + 1] == 0}
    # Model 1 is projected, in a unit of length; 2 is geographic, in degrees.
    if entries.get(GEO_MODEL) != 1:
        return UNKNOWN
    size = GEO_UNITS.get(entries.get(GEO_LINEAR_UNIT, 0), 0)
    scale, matrix = page.values(content, PIXEL_SCALE), page.values(content, TRANSFORMATION)
    if len(scale) >= 2:
        return _whole(scale[0] * size, scale[1] * size)
    if len(matrix) >= 6:
        # The lengths of the first two columns of a 4 x 4 matrix, row by row: what a pixel is in a turned raster.
        return _whole(math.hypot(matrix[0], matrix[4]) * size, math.hypot(matrix[1], matrix[5]) * size)
    return UNKNOWN


def _resolution(content: Buffer, page: Directory, tag: int) -> float:
    """Pixels a unit of length."""
    values = page.values(content, tag)
    if len(values) < 2 or not values[1]:
        return 0.0
    return float(values[0]) / float(values[1])


def _per_length(x: float, y: float, size: float, screens: bool = True) -> Spacing:
    """From pixels a unit of length of `size` nanometres, unless they are what screens are taken for."""
    if not (x > 0 and y > 0 and size):
        return UNKNOWN
    if screens and all(round(each * NM_PER_INCH / size) in SCREEN_DPI for each in (x, y)):
        return UNKNOWN
    return _whole(size / x, size / y)


def _whole(x: float, y: float) -> Spacing:
    # less than 0.5 would round to 0, which means unknown
    if not all(math.isfinite(each) and 0.5 < each < LARGEST for each in (x, y)):
        return UNKNOWN
    return round(x), round(y)

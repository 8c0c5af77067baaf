"""One image with its mask in canonical form: what annotations end in and the pack begins with."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpipe.storage.byte_source import ByteSource

Mask = NDArray[np.uint8]
"""(H, W) class ids, 255 ignored."""

IGNORE = 255
"""The mask value that no loss, gradient or score sees, whatever it was in the user's files."""


@dataclass(frozen=True)
class Record:
    """A checked image: `image` holds the user's own bytes, `mask_png` one class id a pixel (uint8, 255 ignored).

    `sums` and `squares` are the sum of each channel's values and of their squares, `low` and `high` each channel's
    0.5 and 99.5 percentile, `pixels` the count of each class. `spacing` is the width and height of a pixel in nanometres,
    0 where the file says none. Images of one `group`, and those of one `twin` (near-duplicates), belong to one part.
    """

    id: str
    source: str
    suffix: str
    width: int
    height: int
    channels: int
    bits: int
    image_sha256: str
    mask_sha256: str
    given: str
    group: str
    twin: str
    pixels: tuple[int, ...]
    ignored: int
    sums: tuple[int, ...]
    squares: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    spacing: tuple[int, int]
    image: ByteSource
    mask_png: ByteSource


@dataclass(frozen=True)
class DatasetInfo:
    """What all images share. `has_background` says that class 0 is background and no object: no mean over objects has it."""

    classes: tuple[str, ...]
    has_background: bool
    channels: int
    bits: int
    n_images: int


BACKGROUND = "background"
"""What the class of no object is called where the data does not name it."""
BACKGROUND_WORDS = (BACKGROUND, "bg", "bkg")


def is_background(name: str) -> bool:
    """Whether a class of this name is background, in whatever spelling: `Background`, `_background_`, `0 background`, `BG`.

    Capitals do not count, nor what is no letter: people number their classes and set them in underscores.
    """
    letters = re.sub(r"[\W\d_]", "", unicodedata.normalize("NFC", name)).casefold()
    return letters in BACKGROUND_WORDS

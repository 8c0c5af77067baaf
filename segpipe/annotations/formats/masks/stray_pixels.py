"""Stray pixels: values of a few pixels in a few masks, where nearly all others agree (a slip while drawing)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from segpipe.annotations.code_counts import CodeCounts, masks_by_code, pixels_by_code

PLAUSIBLE_IDS = 8
"""Ids up to this are believed, whatever gaps they have."""
BESIDE_WHITE = 200
"""Of black and white masks at most one in so many pixels that are not black is stray."""
SLIP_PIXELS = 4
"""Pixels of a slip in a mask, on average; values of more pixels are stray only in a tenth of the masks."""
BESIDE_CLASSES = 1000
"""Of masks with several values at most one in so many is."""


@dataclass(frozen=True)
class BlackAndWhite:
    """The value of nearly all pixels that are not 0, and the `stray_codes`: all others, each in at most half as many masks."""

    white: int
    stray_codes: tuple[int, ...]


def black_and_white(mask_counts: Collection[CodeCounts]) -> BlackAndWhite | None:
    """What the masks are in black and white, if that is what nearly all their pixels say; None for any other masks.

    Values up to `PLAUSIBLE_IDS` are ids rather than white.
    """
    pixels, masks = pixels_by_code(mask_counts), masks_by_code(mask_counts)
    if 0 not in pixels:
        return None
    objects = {code: count for code, count in pixels.items() if code}
    white = max(objects, key=lambda code: (objects[code], code), default=0)
    stray_codes = tuple(sorted(objects.keys() - {white}))
    few = BESIDE_WHITE * sum(objects[code] for code in stray_codes) <= sum(objects.values())
    rare = all(2 * masks[code] <= masks[white] for code in stray_codes)
    rare = rare and all(pixels[code] <= SLIP_PIXELS * masks[code] or _in_few(masks[code], mask_counts) for code in stray_codes)
    return BlackAndWhite(white, stray_codes) if white > PLAUSIBLE_IDS and few and rare else None


def few_pixels(mask_counts: Collection[CodeCounts], above: int = PLAUSIBLE_IDS) -> Sequence[int]:
    """The codes `above` a number that a `BESIDE_CLASSES`-th of the pixels have at most, together, in a tenth of the masks or one.

    Nothing is rare where all masks are but three or fewer.
    """
    pixels, masks = pixels_by_code(mask_counts), masks_by_code(mask_counts)
    rare = [code for code in pixels if code > above and _in_few(masks[code], mask_counts)]
    objects = sum(count for code, count in pixels.items() if code)
    few = BESIDE_CLASSES * sum(pixels[code] for code in rare) <= objects
    return sorted(rare) if few and len(mask_counts) > 3 and len(rare) < len(pixels) - 1 else ()


def _in_few(count: int, mask_counts: Collection[CodeCounts]) -> bool:
    return count <= max(1, len(mask_counts) // 10)

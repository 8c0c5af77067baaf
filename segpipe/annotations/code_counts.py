"""The histogram of a mask: its codes, how many pixels have each, and the colours in which its file shows them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CodeCounts:
    """The `codes` of one mask (numbers and colours, as masks/codes.py has them) and how many `pixels` have each.

    `shown` are the codes of the colours in which the file shows them, where these are others: those of a palette, or of
    gray with fewer than 8 bits, whose white is 1. Elsewhere it is empty.
    """

    codes: tuple[int, ...]
    pixels: tuple[int, ...]
    shown: tuple[int, ...] = ()

    def as_shown(self) -> "CodeCounts":
        """The same mask by the colours in which it is shown."""
        if not self.shown:
            return self
        counts: Counter[int] = Counter()
        for code, pixels in zip(self.shown, self.pixels, strict=True):
            counts[code] += pixels
        return CodeCounts(tuple(counts), tuple(counts.values()))


def merged(mask_counts: Sequence[CodeCounts]) -> CodeCounts:
    """The counts of several files of one mask, added."""
    pixels = pixels_by_code(mask_counts)
    shown: dict[int, int] = {}
    for each in mask_counts:
        shown.update(zip(each.codes, each.shown or each.codes, strict=True))
    has_colours = any(each.shown for each in mask_counts)
    return CodeCounts(tuple(pixels), tuple(pixels.values()), tuple(shown[code] for code in pixels) if has_colours else ())


def pixels_by_code(mask_counts: Iterable[CodeCounts]) -> Counter[int]:
    """How many pixels of all masks have each code."""
    counts: Counter[int] = Counter()
    for each in mask_counts:
        counts.update(dict(zip(each.codes, each.pixels, strict=True)))
    return counts


def masks_by_code(mask_counts: Iterable[CodeCounts]) -> Counter[int]:
    """How many masks hold each code."""
    return Counter(code for each in mask_counts for code in each.codes)

"""Objects found by size, and how far confidence can be trusted: tables of the page, from all folds added."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segpipe.evaluation import FoldResults
from segpipe.scores.calibration import curve
from segpipe.scores.details import PIXELS
from segpipe.scores.object_sizes import SIZES


@dataclass(frozen=True)
class Found:
    """Objects of a class and size, and how many of them were found."""

    objects: int
    found: int


@dataclass(frozen=True)
class Confidence:
    """A bin of confidence: its ends, the share of all pixels in it, their mean confidence, and how many of them are right."""

    low: float
    high: float
    share: float
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Boundaries:
    """How boundaries were compared, and how often just one of two masks had a class of objects."""

    tolerance: float
    unit: str
    one_sided: int


def boundaries(results: Sequence[FoldResults], part: str, has_background: bool) -> Boundaries:
    """Of all folds, which have one tolerance; those of nothing where no part was counted so."""
    found = [each.details[part] for each in results if part in each.details]
    if not found:
        return Boundaries(0.0, PIXELS, 0)
    one_sided = sum(sum(each.one_sided[1 if has_background else 0 :]) for each in found)
    return Boundaries(found[0].tolerance, found[0].unit, one_sided)


def objects(results: Sequence[FoldResults], part: str, has_background: bool) -> list[list[Found]]:
    """Of each class, by size; none of background, which is no object. Empty where no part was counted so."""
    counts = [each.details[part].objects for each in results if part in each.details]
    if not counts:
        return []
    total = np.sum(counts, axis=0)
    return [
        [Found(*size) for size in of_class] if number or not has_background else []
        for number, of_class in enumerate(total.tolist())
    ]


def sizes() -> tuple[str, ...]:
    """Their names, the smallest first."""
    return SIZES


def confidences(results: Sequence[FoldResults], part: str) -> list[Confidence]:
    """The bins that have pixels, from the least confident on."""
    counts = [each.details[part].reliability for each in results if part in each.details]
    if not counts:
        return []
    total = np.sum(counts, axis=0)
    pixels, n_bins = int(total[:, 0].sum()), len(total)
    return [
        Confidence(number / n_bins, (number + 1) / n_bins, int(total[number, 0]) / pixels, *point)
        for number, point in enumerate(curve(total))
        if point is not None
    ]

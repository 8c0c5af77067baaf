"""Whether two models differ: the difference of their scores on the same images, with what other images would make of it.

Pooled scores are no means over images, so the difference itself is jackknifed: it is computed once more without each image (or
group). As both models see the same images, what makes an image hard for both drops out. The difference over its standard error
goes by Student's t with Kish's effective number of images less one, as in `intervals`; there is no logit, as a difference lies in
the middle of -1 .. 1. It speaks of these two models. Another training of either would differ again: `settings` is about that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from segpipe.scores import student
from segpipe.scores.holm import LEVEL
from segpipe.scores.intervals import IMAGES, NO_SPREAD, Jackknife, Pixels, jackknives


@dataclass(frozen=True)
class Difference:
    """`value` is the second score less the first, and `low` and `high` bound it with 95 % confidence.

    p: two-sided, of no difference at all.
    better: the probability that the second is better. That is the t distribution around `value`, as it follows where any
        difference was as likely as another before (a flat prior).
    n_units, effective_n, unit: of the images (or groups) that count, as in `Interval`.
    reason: why there are no bounds, p and better, which are None then; `value` is None where one of the scores is.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    better: float | None
    n_units: int
    effective_n: float
    unit: str = IMAGES
    reason: str = ""


def difference(one: Pixels, other: Pixels, score: str, has_background: bool, groups: Sequence[str] | None = None) -> Difference:
    """Of the other model's score less the one's; `score` is a name that `score_intervals` gives.

    The pixels are (n, K), or (n, F, K) of F folds, of the same images in the same order; the rest is as for `score_intervals`.
    Raises ValueError for pixels of other images.
    """
    require_same_images([one, other])
    found = [jackknives(each, [score], has_background, groups)[score] for each in (one, other)]
    return of_jackknife(minus(found[1], found[0]))


def require_same_images(runs: Sequence[Pixels]) -> None:
    """Raises ValueError where runs are not of the same images, as their numbers and true pixels show."""
    # Of folds the largest: it is the image's own where another fold's model was not asked about it.
    true = [each.true if each.true.ndim == 2 else each.true.max(axis=1, initial=0) for each in runs]
    if any(each.shape != true[0].shape for each in true):
        shapes = ", ".join(sorted({f"{n_images} images of {classes} classes" for n_images, classes in (t.shape for t in true)}))
        raise ValueError(f"only scores of the same images are comparable, and these are of {shapes}")
    unlike = np.any([each != true[0] for each in true], axis=0).any(axis=1)
    if unlike.any():
        raise ValueError(
            f"only scores of the same images are comparable, and {unlike.sum()} of {len(unlike)} have other true pixels"
        )


def minus(one: Jackknife, other: Jackknife) -> Jackknife:
    """The one score less the other. An image weighs the mean of what it weighs in both."""
    return Jackknife(one.whole - other.whole, one.without - other.without, (one.weights + other.weights) / 2, one.unit)


def of_jackknife(found: Jackknife) -> Difference:
    """The difference that `minus` gave, by the images alone."""
    _, effective, error = found.spread()
    nothing = unknown(found)
    if nothing.reason:
        return nothing
    if error < NO_SPREAD:
        same = f"both give the same on all {found.unit}" if abs(found.whole) < NO_SPREAD else f"all {found.unit} differ alike"
        return replace(nothing, reason=same)
    return judged(nothing, error, max(effective - 1, 1.0))


def unknown(found: Jackknife) -> Difference:
    """The difference without bounds; `reason` says so where the images allow for none."""
    n_units, effective, error = found.spread()
    value = None if math.isnan(found.whole) else found.whole
    if value is None or not n_units:
        reason = "there is no score"
    else:
        reason = f"it rests on a single {found.unit.removesuffix('s')}" if n_units == 1 or math.isnan(error) else ""
    return Difference(value, None, None, None, None, n_units, effective, found.unit, reason)


def judged(known: Difference, error: float, degrees: float, level: float = LEVEL) -> Difference:
    """The difference with bounds (of confidence 1 - level), p and better, by its standard error and degrees of freedom."""
    if known.value is None:
        raise ValueError("there is no difference to be judged")
    value, margin = known.value, error * student.quantile(1 - level / 2, degrees)
    # No score is below 0 or above 1.
    low, high = max(value - margin, -1.0), min(value + margin, 1.0)
    p = 2 * student.probability(-abs(value) / error, degrees)
    return replace(known, low=low, high=high, p=p, better=student.probability(value / error, degrees))


def format_difference(found: Difference) -> str:
    """In words: "+0.013 (+0.004 .. +0.022)". The bounds have as many decimals as their distance deserves."""
    if found.value is None:
        return "no score"
    if found.low is None or found.high is None:
        return f"{found.value:+.3f} (no interval: {found.reason})"
    width = found.high - found.low
    digits = min(max(3, 1 + math.ceil(-math.log10(width))), 5) if width > 0 else 5
    return f"{found.value:+.{digits}f} ({found.low:+.{digits}f} .. {found.high:+.{digits}f})"


def format_better(found: Difference) -> str:
    """P(better) as a percentage, empty where there is none. It is never 0 or 100: no number of images makes it certain."""
    if found.better is None:
        return ""
    if not 0.01 <= found.better <= 0.99:
        return "> 99 %" if found.better > 0.5 else "< 1 %"
    return f"{100 * found.better:.0f} %"

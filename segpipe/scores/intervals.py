"""95 % intervals of scores over images, by the jackknife-t on the logit scale: what other images of the same kind might give.

Each image (or group) is left out once. How much the score moves is its standard error; on the logit scale, where no bound is
below 0 or above 1, the interval is that error times Student's t to both sides. The degrees of freedom are the effective
number of images less one. No random number is drawn, so the same counts have the same interval.

The effective number is Kish's, (sum w)^2 / sum w^2: so many images of alike size would say as much. An image's weight w is
what it has of the score's denominator, in pixels (true + predicted for Dice, the union for IoU, the predicted for precision,
the true for recall, all that are not ignored for the accuracy); in a mean over classes each class weighs alike, and in a
mean over images each image. Only images with a weight are counted.

docs/explanation/intervals.md says what the intervals mean, how often they cover the truth, and where they fail.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.scores.counts import CLASS_SCORES, OTHER_MEANS, SCORES, Confusion

FEW = 30
"""Below so many effective images a report says how little they are."""

IMAGES, GROUPS = "images", "groups"
NO_SPREAD = 1e-12
_LARGEST = 600.0  # of an exponent: no bound is infinite

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """`low` and `high` bound the score with 95 % confidence; both are None where nothing can be said, and `reason` says why.

    `n_units` images (or groups: `unit`) count in the score, as many as `effective_n` of alike size.
    """

    low: float | None
    high: float | None
    effective_n: float
    n_units: int
    unit: str = IMAGES
    reason: str = ""


@dataclass(frozen=True)
class Jackknife:
    """A score, NaN for none, the same `without` each unit (U,), and what each weighs in it (U,); `unit` says what they are."""

    whole: float
    without: Floats
    weights: Floats
    unit: str = IMAGES

    def moves(self) -> Floats:
        """(U,) how much the score moves without each unit; 0 for units that weigh nothing."""
        return np.where(self.weights > 0, self.without - self.whole, 0.0)

    def spread(self) -> tuple[int, float, float]:
        """How many units count, their effective number, and the score's standard error."""
        found = _spread(np.array([self.whole]), self.without[:, None], self.weights[:, None])
        n_units, effective, error = (each[0] for each in found)
        return int(n_units), float(effective), float(error)


def interval(
    per_image: NDArray[Any],
    score: Callable[[NDArray[Any]], float | None],
    groups: Sequence[str] | None = None,
    weights: NDArray[Any] | None = None,
) -> Interval:
    """The interval of any score in [0, 1] that is a function of sums over images.

    per_image: (n, ...) what is summed, an entry an image.
    score: from the sum (...) to the score, None where it has none. It is called once more than there are images or groups.
    groups: the name of each image's group, "" for an image of its own; None where all are. A group is left out as one.
    weights: (n,) what each image weighs in the score, for the effective number; None where all weigh alike.
    """
    return intervals(per_image, lambda total: [score(total)], groups, None if weights is None else weights[:, None])[0]


def intervals(
    per_image: NDArray[Any],
    scores: Callable[[NDArray[Any]], Sequence[float | None]],
    groups: Sequence[str] | None = None,
    weights: NDArray[Any] | None = None,
) -> list[Interval]:
    """As `interval`, of a function that returns several scores at once, one a class for instance; weights: (n, scores)."""
    units = _Units(groups, len(per_image))
    sums = units.sum(per_image)
    total = sums.sum(axis=0)
    values = [scores(total), *(scores(total - own) for own in sums)]
    found = np.array([[math.nan if value is None else value for value in each] for each in values], float)
    weighed = units.sum(np.ones((len(per_image), found.shape[1])) if weights is None else weights.astype(float))
    return _intervals(found[0], found[1:], weighed, units.name)


def mean_interval(values: Sequence[float | None], groups: Sequence[str] | None = None, top: float = 1.0) -> Interval:
    """The interval of a mean over the images that have a value. Without an upper end (`top` is inf, a distance, say) it is
    made on the scale of logarithms."""
    found = np.array([math.nan if value is None else value for value in values], float)
    return interval_of(_of_means(found[:, None], _Units(groups, len(values))), top)


def score_intervals(pixels: "Pixels", has_background: bool, groups: Sequence[str] | None = None) -> dict[str, Interval]:
    """The interval of each score of `SCORES`, and of `OTHER_MEANS` where there is background, from the (n, K) pixels of n images.

    `groups` as for `interval`.
    Of the mean of a score over F folds, if they are (n, F, K), with zeros where a fold's model was not asked about an image.
    """
    names = (*SCORES, *(OTHER_MEANS if has_background else ()))
    return {name: interval_of(found) for name, found in jackknives(pixels, names, has_background, groups).items()}


def jackknives(
    pixels: "Pixels", names: Sequence[str], has_background: bool, groups: Sequence[str] | None = None
) -> dict[str, Jackknife]:
    """Each of these scores, whole and without each unit; names and pixels as for `score_intervals`."""
    first = 1 if has_background else 0
    units = _Units(groups, len(pixels.hits))
    each = pixels if pixels.hits.ndim == 3 else Pixels(pixels.hits[:, None], pixels.true[:, None], pixels.seen[:, None])
    owned = each.sum_by(units)
    others = OTHER_MEANS if has_background else {}
    means = {"miou": ("iou", 0)} | {name: (name, first) for name in ("dice", "precision", "recall")} | others
    found = {}
    for name in names:
        if name == "dice_per_image":
            found[name] = _of_means(each.image_dice(first), units)
        elif name == "pixel_accuracy":
            found[name] = _of_ratios(owned.hits.sum(axis=-1), owned.true.sum(axis=-1), units.name)
        else:
            found[name] = _of_class_mean(owned, *means[name], units.name)
    return found


def left_out_interval(wholes: Floats, without: Floats, shares: Floats, unit: str = IMAGES, top: float = 1.0) -> Interval:
    """The interval of a mean over F folds from what each unit's absence does, for scores that no sum of pixels gives.

    wholes: (F,) the score of each fold, NaN for none.
    without: (units, F) the same without each unit.
    shares: (units, F) what each unit has of what the score is made of; 0 where a fold's model was not asked about it, and
    `without` is the whole's then.
    """
    return interval_of(_of_fold_mean(wholes, without, shares, unit), top)


def class_intervals(pixels: "Pixels", groups: Sequence[str] | None = None) -> dict[str, list[Interval]]:
    """The interval of each score of `CLASS_SCORES` for each class, from the (n, K) pixels of n images; `groups` as elsewhere."""
    units = _Units(groups, len(pixels.hits))
    owned = pixels.sum_by(units)
    total = owned.total()
    left = total.without(owned)
    return {
        name: _intervals(total.scores(name), left.scores(name), owned.weights(name).astype(float), units.name)
        for name in CLASS_SCORES
    }


def format_score(value: float | None, bounds: Interval) -> str:
    """In words: "0.913 (0.88 .. 0.94)". The bounds have as many decimals as their distance deserves."""
    if value is None:
        return "no score"
    if bounds.low is None or bounds.high is None:
        return f"{value:.3f} (no interval: {bounds.reason})"
    width = bounds.high - bounds.low
    digits = min(max(2, math.ceil(-math.log10(width))), 4) if width > 0 else 4
    return f"{value:.{digits + 1}f} ({bounds.low:.{digits}f} .. {bounds.high:.{digits}f})"


def few_images(bounds: Interval) -> str | None:
    """A sentence on how little the images are, where they are effectively fewer than `FEW`; else None."""
    n = bounds.effective_n
    if n >= FEW or not bounds.n_units:
        return None
    single = bounds.unit.removesuffix("s")
    counted = f"{bounds.n_units} {bounds.unit if bounds.n_units > 1 else single}"
    if abs(n - bounds.n_units) < 0.05:
        said = f"{counted}: that is few."
    else:
        said = f"{counted} count as many as {n:.1f} of alike size: that is few."
    missed = 100 * 0.9**n
    return (
        f"{said} A failure in one {single} of ten is missing from so few with a probability of {missed:.0f} %, "
        "and no interval allows for what was never seen."
    )


class _Units:
    """What is left out as one: images, or groups of them."""

    def __init__(self, groups: Sequence[str] | None, n_images: int) -> None:
        if groups is not None and len(groups) != n_images:
            raise ValueError(f"{len(groups)} names of groups for {n_images} images")
        numbers: dict[str | int, int] = {}
        keys = range(n_images) if groups is None else [name or number for number, name in enumerate(groups)]
        self._of_image = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.intp)
        self._n = len(numbers)
        self.name = IMAGES if self._n == n_images else GROUPS

    def sum(self, per_image: NDArray[Any]) -> NDArray[Any]:
        """(n images, ...) to (n units, ...)."""
        if self._n == len(per_image):
            return per_image
        found = np.zeros((self._n, *per_image.shape[1:]), per_image.dtype)
        np.add.at(found, self._of_image, per_image)
        return found


@dataclass(frozen=True)
class Pixels:
    """(..., K) the pixels of each class that are right, true, and predicted: all that scores of classes are made of."""

    hits: NDArray[np.int64]
    true: NDArray[np.int64]
    seen: NDArray[np.int64]

    @classmethod
    def of(cls, confusions: Confusion) -> "Pixels":
        return cls(np.diagonal(confusions, axis1=-2, axis2=-1), confusions.sum(axis=-1), confusions.sum(axis=-2))

    def sum_by(self, units: _Units) -> "Pixels":
        return Pixels(*(units.sum(each) for each in (self.hits, self.true, self.seen)))

    def total(self) -> "Pixels":
        return Pixels(self.hits.sum(axis=0), self.true.sum(axis=0), self.seen.sum(axis=0))

    def without(self, own: "Pixels") -> "Pixels":
        return Pixels(self.hits - own.hits, self.true - own.true, self.seen - own.seen)

    def scores(self, name: str) -> Floats:
        """`class_scores` of many sets at once, NaN for None."""
        above, below = self._fraction(name)
        return np.where(self.true > 0, above / np.maximum(below, 1), np.nan)

    def image_dice(self, first: int) -> Floats:
        """(n, F) `image_dice` of (n, F, K) pixels, with the classes from `first` on as objects; NaN for None."""
        dice = nan_mean(self.scores("dice")[..., first:])
        return np.where(np.isnan(dice) & self.seen[..., first:].any(axis=-1), 0.0, dice)

    def weights(self, name: str) -> NDArray[np.int64]:
        """What each set has of the denominator. A class never predicted has a precision of 0 all the same: its true pixels."""
        below = self._fraction(name)[1]
        return np.where(below.sum(axis=0) > 0, below, self.true)

    def _fraction(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return {
            "iou": (self.hits, self.true + self.seen - self.hits),
            "dice": (2 * self.hits, self.true + self.seen),
            "precision": (self.hits, self.seen),
            "recall": (self.hits, self.true),
        }[name]


def _of_class_mean(owned: Pixels, name: str, first: int, unit: str) -> Jackknife:
    """Of the mean of a class score over the classes from `first` on, and over folds; `owned` holds (units, F, K)."""
    total = owned.total()
    wholes, lefts = (part.scores(name)[..., first:] for part in (total, total.without(owned)))
    weights = owned.weights(name)[..., first:]
    # The share of each class that is a unit's: classes weigh alike in the mean, however large they are.
    shares = np.where(np.isnan(wholes), np.nan, _shares(weights))
    return _of_fold_mean(nan_mean(wholes), nan_mean(lefts), nan_mean(shares), unit)


def _of_means(values: Floats, units: _Units) -> Jackknife:
    """Of the mean of (images, F) values over the images that have one, and over folds."""
    there = ~np.isnan(values)
    return _of_ratios(units.sum(np.where(there, values, 0.0)), units.sum(there.astype(float)), units.name)


def _of_ratios(above: NDArray[Any], below: NDArray[Any], unit: str) -> Jackknife:
    """Of sum(above) / sum(below) of (units, F), averaged over folds. Units weigh what is below."""
    totals = above.sum(axis=0), below.sum(axis=0)
    return _of_fold_mean(_ratio(*totals), _ratio(totals[0] - above, totals[1] - below), _shares(below), unit)


def _of_fold_mean(wholes: Floats, left_out: Floats, shares: Floats, unit: str) -> Jackknife:
    """Of the mean over F folds: (F,) scores, (units, F) the same without each unit and the units' shares in each."""
    weights = np.where(np.isnan(wholes), 0.0, shares).sum(axis=1)
    return Jackknife(float(nan_mean(wholes)), nan_mean(left_out), weights, unit)


def interval_of(found: Jackknife, top: float = 1.0) -> Interval:
    return _intervals(np.array([found.whole]), found.without[:, None], found.weights[:, None], found.unit, top)[0]


def _shares(weights: NDArray[Any]) -> Floats:
    return weights / np.maximum(weights.sum(axis=0), 1)


def _intervals(wholes: Floats, left_out: Floats, weights: Floats, unit: str, top: float = 1.0) -> list[Interval]:
    """(S,) scores, (units, S) the same without each unit and (units, S) what each weighs, to the interval of each."""
    n_units, effective, errors = _spread(wholes, left_out, weights)
    margins = t_quantile(np.maximum(effective - 1, 1)) * errors
    return [
        _interval(float(score), float(error), float(margin), Interval(None, None, float(kish), int(n), unit), top)
        for score, error, margin, kish, n in zip(wholes, errors, margins, effective, n_units, strict=True)
    ]


def _spread(wholes: Floats, left_out: Floats, weights: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """(S,) how many units count, their effective numbers and the jackknife's standard errors; as `_intervals` takes."""
    counted = weights > 0
    n_units = counted.sum(axis=0)
    squares = (weights**2).sum(axis=0)
    effective = np.divide(weights.sum(axis=0) ** 2, squares, out=np.zeros(len(wholes)), where=squares > 0)
    # Around the whole's own score, so that images which weigh nothing change nothing.
    moves = np.where(counted, left_out - wholes, 0.0)
    errors = np.sqrt((moves**2).sum(axis=0) * (n_units - 1) / np.maximum(n_units, 1))
    return n_units, effective, errors


def _interval(score: float, error: float, margin: float, nothing: Interval, top: float) -> Interval:
    """`error` is the score's standard error and `margin` that times Student's t; `nothing` has the numbers of units."""
    if math.isnan(score) or not nothing.n_units:
        return replace(nothing, reason="there is no score")
    if nothing.n_units == 1 or math.isnan(error):
        # Left out, it leaves no score behind: a class, say, that is in one image only.
        return replace(nothing, reason=f"it rests on a single {nothing.unit.removesuffix('s')}")
    if error >= NO_SPREAD:
        low, high = _bounds(score, margin, top)
    elif math.isinf(top):
        return replace(nothing, reason=f"all {nothing.unit} have the same value")
    else:
        # All alike, all perfect for instance. If more than this share were otherwise, one of them would have been seen with a
        # probability of 95 % (some 3 / n: the rule of three), and at worst those others score 0, or 1.
        unseen = 1 - 0.05 ** (1 / nothing.effective_n)
        low, high = (1 - unseen) * score, (1 - unseen) * score + unseen
    return replace(nothing, low=low, high=high)


def _bounds(score: float, margin: float, top: float) -> tuple[float, float]:
    if score <= 0 or score >= top:
        # Units err to both sides and cancel out, as in a calibration error of 0. There is no logit: on the scale of the score.
        return max(score - margin, 0.0), min(score + margin, top)
    if math.isinf(top):
        ratio = math.exp(min(margin / score, _LARGEST))
        return score / ratio, score * ratio
    ratio = math.exp(min(margin / (score * (1 - score)), _LARGEST))
    odds = score / (1 - score)
    # The score itself stays inside whatever the rounding.
    return min(odds / (odds + ratio), score), max(1 / (1 + 1 / (odds * ratio)), score)


def t_quantile(degrees: Floats) -> Floats:
    """The 97.5 % quantiles of Student's t for any real degrees of freedom from 1 on, to six digits.

    P(|T| < t) is an integral of cos^(degrees - 1) from 0 to atan(t / sqrt(degrees)), taken by Simpson's rule.
    """
    nu = np.minimum(degrees, 1e6)
    scale = 2 / math.sqrt(math.pi) * np.exp([math.lgamma((each + 1) / 2) - math.lgamma(each / 2) for each in nu])
    nodes = np.linspace(0, 1, 201)
    simpson = np.where(np.arange(201) % 2, 4, 2) / 600
    simpson[[0, -1]] = 1 / 600
    t = np.full(len(nu), 1.9599)
    # The probability is concave in t and we start below the quantile, so Newton's steps never overshoot.
    for _ in range(14):
        angle = np.arctan(t / np.sqrt(nu))
        within = scale * angle * (np.cos(angle[:, None] * nodes) ** (nu[:, None] - 1) @ simpson)
        density = scale / np.sqrt(nu) * (1 + t**2 / nu) ** (-(nu + 1) / 2)
        t = t + (0.95 - within) / density
    return t


def _ratio(above: NDArray[np.int64] | Floats, below: NDArray[np.int64] | Floats) -> Floats:
    """NaN where nothing is below."""
    return np.where(below > 0, above / np.maximum(below, 1), np.nan)


def nan_mean(values: Floats) -> Floats:
    """The mean along the last axis of the values that are no NaN; NaN where none is."""
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0.0).sum(axis=-1), there.sum(axis=-1))

"""A score against the number of training images: its law, what twice the images would give by it, and what cannot be told.

The law is a power law of the error, 1 - score = a * images^-b, fitted to logarithms by least squares. How far such laws can be
off beyond what was measured: Mahmood et al. 2022, "How Much More Data Do I Need?" (arXiv:2207.01725). What a next training would
score lies with 95 % confidence in the prediction interval of that straight line, with Student's t for points - 2 degrees of
freedom: it is as wide as the points, each of which is a single training, lie off the line.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segpipe.scores import intervals, paired
from segpipe.scores.intervals import Interval, Pixels, format_score, t_quantile
from segpipe.scores.paired import Difference

FEWEST = 3
"""Points that a law needs: two lie on every line."""
COLUMNS = ("share", "images", "epochs", "steps", "score", "value", "low", "high")


@dataclass(frozen=True)
class Point:
    """A training on some of the images: how many, of what share, its epochs and optimizer steps.

    `pixels` holds the right, true and predicted pixels (images, classes) of each image of the validation part.
    """

    share: float
    images: int
    epochs: int
    steps: int
    pixels: Pixels


@dataclass(frozen=True)
class Judge:
    """How points are scored: by `score`, of SCORES; `groups` as in `scores.intervals`."""

    score: str
    has_background: bool
    groups: Sequence[str] | None

    def value(self, pixels: Pixels) -> float | None:
        """The score of (images, classes) pixels; None where there is none."""
        found = intervals.jackknives(pixels, [self.score], self.has_background)[self.score].whole
        return None if math.isnan(found) else found

    def interval(self, pixels: Pixels) -> Interval:
        """The 95 % interval of the score over images, as everywhere else."""
        return intervals.score_intervals(pixels, self.has_background, self.groups)[self.score]

    def gain(self, one: Pixels, other: Pixels) -> Difference:
        """The other's score less the one's, of the same images, with its 95 % interval over images."""
        return paired.difference(one, other, self.score, self.has_background, self.groups)


@dataclass(frozen=True)
class Forecast:
    """What so many `images` would give by the law, with a 95 % prediction interval; the error falls with the power `exponent`."""

    exponent: float
    images: int
    score: float
    low: float
    high: float


def forecast(images: Sequence[int], scores: Sequence[float], wanted: int) -> Forecast | None:
    """By the law of these points; None where fewer than FEWEST of them, or a score of 1, allow for none."""
    if len(images) < FEWEST or max(scores) >= 1:
        return None
    x, y = np.log(images), np.log1p(-np.array(scores))
    spread = x - x.mean()
    slope = float(spread @ y / (spread @ spread))
    off = y - y.mean() - slope * spread
    degrees = len(images) - 2
    ahead = math.log(wanted) - float(x.mean())
    error = math.sqrt(float(off @ off) / degrees * (1 + 1 / len(images) + ahead**2 / float(spread @ spread)))
    margin = float(t_quantile(np.array([float(degrees)]))[0]) * error
    at = float(y.mean()) + slope * ahead
    # An error is 1 at most, where the score is 0.
    best, low, high = (1 - min(1.0, math.exp(min(0.0, each))) for each in (at, at + margin, at - margin))
    return Forecast(-slope, wanted, best, low, high)


def rows(points: Sequence[Point], judge: Judge) -> list[list[str]]:
    """Images, epochs, steps, the score with its interval, and what it won over the row before, in words, a row a point."""
    found = []
    for before, each in zip([None, *points], points, strict=False):
        score = format_score(judge.value(each.pixels), judge.interval(each.pixels))
        won = _won(before, each, judge) if before else ""
        found.append([f"{each.images:,}", f"{each.epochs:,}", f"{each.steps:,}", score, won])
    return found


def _won(one: Point, other: Point, judge: Judge) -> str:
    gain = judge.gain(one.pixels, other.pixels)
    if gain.value is None or gain.low is None or gain.high is None:
        return "-"
    return f"{gain.value:+.3f} ({gain.low:+.3f} .. {gain.high:+.3f})"


def table(points: Sequence[Point], judge: Judge) -> list[list[object]]:
    """The rows of curve.csv, by COLUMNS; empty cells for what is not there."""
    found: list[list[object]] = []
    for each in points:
        bounds = judge.interval(each.pixels)
        numbers = (judge.value(each.pixels), bounds.low, bounds.high)
        found.append([each.share, each.images, each.epochs, each.steps, judge.score, *("" if n is None else n for n in numbers)])
    return found


def answer(points: Sequence[Point], judge: Judge) -> str:
    """Whether more images would help, in a sentence or three, and where it cannot be told, why."""
    scored = [(each, value) for each in points if (value := judge.value(each.pixels)) is not None]
    if len(scored) < FEWEST:
        return (
            f"It cannot be told what more images would give: {len(scored)} sizes show no law. Train {FEWEST} or more (--shares)."
        )
    (smallest, low), (largest, high) = scored[0], scored[-1]
    gain = judge.gain(smallest.pixels, largest.pixels)
    measured = f"from {smallest.images:,} to {largest.images:,} images the {judge.score} went from {low:.3f} to {high:.3f}"
    if gain.low is None or gain.high is None:
        return (
            f"It cannot be told whether more images would help: {measured}, and the difference has no interval ({gain.reason})."
        )
    if gain.low <= 0:
        return (
            f"It cannot be told whether more images would help: {measured}, and other validation images would move that "
            f"difference to anything between {gain.low:+.3f} and {gain.high:+.3f}."
        )
    found = forecast([each.images for each, _ in scored], [value for _, value in scored], 2 * largest.images)
    if found is None:
        return f"More images helped: {measured}. There is no error left that a law could follow."
    return f"More images helped: {measured}. {_outlook(found, high)}"


def _outlook(found: Forecast, now: float) -> str:
    law = f"twice the images, {found.images:,}, would give about {found.score:.3f} ({found.low:.3f} .. {found.high:.3f})"
    each = f"each doubling took {100 * (1 - 2**-found.exponent):.0f} % of the error away, and by that law {law}"
    if found.low > now:
        return f"{each[0].upper()}{each[1:]}: more than now, though such laws can be far off beyond what was measured."
    return f"{each[0].upper()}{each[1:]}: the points lie too far off the law to say that it would be more than now."

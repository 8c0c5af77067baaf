"""The 95 % intervals of all scores: over images, or over groups of images where the data has groups."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segpipe.evaluation import TEST, VAL, Scored, of_folds
from segpipe.report.numbers import DIGITS
from segpipe.scores import intervals, paired
from segpipe.scores.counts import OTHER_MEANS, SCORES
from segpipe.scores.details import DETAIL_SCORES
from segpipe.scores.intervals import Floats, Interval, Jackknife, Pixels, nan_mean
from segpipe.scores.paired import Difference
from segpipe.storage.csv_table import csv_text

HD95 = "hd95"
FOLDS, LAST = slice(0, -1), slice(-1, None)
"""Columns of an ensemble beside its folds."""
Found = Mapping[str, Mapping[str, Interval]]
"""By part and score."""


@dataclass(frozen=True)
class Bounds:
    """Of all classes together, by score, and of each class, by score; of differences, of all together alone."""

    scores: Mapping[str, Interval | Difference]
    classes: Mapping[str, Sequence[Interval]]


def of_scores(results: Sequence[Scored], groups: Mapping[str, str], has_background: bool) -> dict[str, dict[str, Interval]]:
    """Of each score's mean over the folds, for each part that a fold has."""
    found = {}
    for part in (VAL, TEST):
        if there := [each for each in results if part in each.counts]:
            own = _groups(there, part, groups)
            found[part] = intervals.score_intervals(_pixels(there, part), has_background, own)
            found[part] |= _of_details(there, part, has_background, intervals.GROUPS if own else intervals.IMAGES)
    return found


def of_classes(results: Sequence[Scored], part: str, groups: Mapping[str, str]) -> dict[str, list[Interval]]:
    """Of each class's scores from the counts of all folds added."""
    there = [each for each in results if part in each.counts]
    folds = _pixels(there, part)
    added = Pixels(folds.hits.sum(axis=1), folds.true.sum(axis=1), folds.seen.sum(axis=1))
    return intervals.class_intervals(added, _groups(there, part, groups))


def of_gains(
    results: Sequence[Scored], other: Scored, part: str, groups: Mapping[str, str], has_background: bool
) -> dict[str, Difference]:
    """How far the other is above the mean of the folds, for each score but HD95: all predicted the same images."""
    both = [*results, other]
    pixels, own = _pixels(both, part), _groups(both, part, groups)
    folds, last = (Pixels(*(each[:, columns] for each in (pixels.hits, pixels.true, pixels.seen))) for columns in (FOLDS, LAST))
    names = (*SCORES, *(OTHER_MEANS if has_background else ()))
    found = {score: paired.difference(folds, last, score, has_background, own) for score in names}
    return found | _gains_of_details(both, part, has_background, intervals.GROUPS if own else intervals.IMAGES)


def table(found: Mapping[str, Bounds], classes: Sequence[str]) -> str:
    """metrics/intervals.csv: a row a part and score, those of single classes below: part, score, class, low, high, how many
    images or groups (`unit`) count in it, as many as how many of alike size.
    """
    rows = [[part, score, "", *_numbers(each)] for part, bounds in found.items() for score, each in bounds.scores.items()]
    for part, bounds in found.items():
        rows += [
            [part, score, name, *_numbers(each)]
            for score, of_classes in bounds.classes.items()
            for name, each in zip(classes, of_classes, strict=True)
        ]
    return csv_text(("part", "score", "class", "low", "high", "units", "effective", "unit"), rows)


def _of_details(results: Sequence[Scored], part: str, has_background: bool, unit: str) -> dict[str, Interval]:
    """Of the scores that are more than sums of pixels."""
    return {
        score: intervals.left_out_interval(whole, without, shares, unit, math.inf if score == HD95 else 1.0)
        for score, (whole, without, shares) in _details(results, part, has_background).items()
    }


def _gains_of_details(both: Sequence[Scored], part: str, has_background: bool, unit: str) -> dict[str, Difference]:
    """Of the last above the mean of the others. Not of HD95: a difference of distances does not end at 1."""
    found = {}
    for score, (whole, without, shares) in _details(both, part, has_background).items():
        if score != HD95:
            folds, last = (
                Jackknife(float(nan_mean(whole[columns])), nan_mean(without[:, columns]), shares[:, columns].sum(axis=1), unit)
                for columns in (FOLDS, LAST)
            )
            found[score] = paired.of_jackknife(paired.minus(last, folds))
    return found


def detail_jackknife(folds: Sequence[Scored], part: str, has_background: bool, score: str, unit: str) -> Jackknife:
    """Of the mean over folds of one of DETAIL_SCORES, over the units that evaluate left out."""
    whole, without, shares = _details(folds, part, has_background)[score]
    return Jackknife(float(nan_mean(whole)), nan_mean(without), shares.sum(axis=1), unit)


def _details(results: Sequence[Scored], part: str, has_background: bool) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Of each of DETAIL_SCORES what each fold's is (folds), what it is without each unit, and the unit's share (units, folds);
    units are those that evaluate left out, one after another.
    """
    left_out = [each.details[part].left_out for each in results]
    # A unit is known by its first image, which all folds that predicted it share.
    ids = [[*each.dice[part]] for each in results]
    names = [[of_fold[number] for number in found.images] for of_fold, found in zip(ids, left_out, strict=True)]
    places = {name: place for place, name in enumerate(dict.fromkeys(name for of_fold in names for name in of_fold))}
    wholes = [each.details[part].scores(has_background) for each in results]
    found = {}
    for score in DETAIL_SCORES:
        whole = np.array([np.nan if each[score] is None else each[score] for each in wholes], np.float64)
        without, shares = np.tile(whole, (len(places), 1)), np.zeros((len(places), len(results)))
        for fold, (of_fold, numbers) in enumerate(zip(left_out, names, strict=True)):
            rows = [places[name] for name in numbers]
            if rows:
                without[rows, fold], shares[rows, fold] = of_fold.without[score], of_fold.shares[score]
        found[score] = whole, without, shares
    return found


def _ids(results: Sequence[Scored], part: str) -> list[str]:
    """The images that any fold predicted."""
    return [*dict.fromkeys(item for each in results for item in each.dice[part])]


def _groups(results: Sequence[Scored], part: str, groups: Mapping[str, str]) -> list[str] | None:
    own = [groups[item] for item in _ids(results, part)]
    return own if any(own) else None


def _pixels(results: Sequence[Scored], part: str) -> Pixels:
    """(images, folds, classes), over the images that any fold predicted."""
    return of_folds([([*each.dice[part]], each.pixels[part]) for each in results])[1]


def _numbers(found: Interval | Difference) -> list[object]:
    bounds = ("" if each is None else repr(round(each, DIGITS)) for each in (found.low, found.high))
    return [*bounds, found.n_units, round(found.effective_n, 1), found.unit]

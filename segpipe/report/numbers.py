"""The numbers of all folds together: the summary's means and spreads, and the counts that classes are scored by."""

import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from segpipe.console.tables import format_table
from segpipe.evaluation import TEST, VAL, FoldResults
from segpipe.scores.counts import OTHER_MEANS, SCORES, Confusion, mean, other_means, scores
from segpipe.scores.details import DETAIL_SCORES
from segpipe.scores.intervals import Interval

Summary = dict[str, dict[str, float | None]]
DIGITS = 6
COLOUR = "colour_dice"
PRIVACY = "privacy"
"""In run.json, what a private training spent and guarantees; in the summary, its numbers."""


def names(has_background: bool) -> tuple[str, ...]:
    """All scores that a part has, in the order in which they are shown."""
    return (*SCORES, *(OTHER_MEANS if has_background else ()), *DETAIL_SCORES)


def headline(results: Sequence[FoldResults]) -> str:
    """The part that the report speaks of first: test, or val where the data have no test part."""
    return TEST if all(TEST in each.counts for each in results) else VAL


def summary(results: Sequence[FoldResults], has_background: bool, colour_dice: float | None) -> Summary:
    """Each score's mean over the folds, for val and for test (empty without a test part), rounded to 6 digits.

    With several folds NAME_std is their sample standard deviation (divided by n - 1). Folds where a score is undefined
    are left out of it; None where none has one, or only one for a spread. `colour_dice` joins the headline's part. `privacy` is
    there for private trainings: the largest epsilon of a fold at its delta; None where one of them has no guarantee.
    """
    found: Summary = {}
    for part in (VAL, TEST):
        found[part] = _over_folds([of_fold(each, part, has_background) for each in results if part in each.counts])
    found[headline(results)][COLOUR] = _rounded(colour_dice)
    if private := [each.run[PRIVACY] for each in results if PRIVACY in each.run]:
        most = max(private, key=lambda each: each["epsilon"])
        guaranteed = all(each["guarantee"] for each in private)
        found[PRIVACY] = {"epsilon": _rounded(most["epsilon"]) if guaranteed else None, "delta": most["delta"]}
    return found


def of_fold(results: FoldResults, part: str, has_background: bool) -> dict[str, float | None]:
    """Each score of one fold's model on a part, unrounded; those of `SCORES` are the numbers that evaluate printed."""
    counts = results.counts[part]
    pooled = scores([counts], has_background) | (other_means(counts) if has_background else {})
    details = results.details[part].scores(has_background) if part in results.details else dict.fromkeys(DETAIL_SCORES)
    return pooled | {"dice_per_image": mean(results.dice[part].values())} | details


def pooled(results: Sequence[FoldResults], part: str) -> Confusion:
    """The counts of all folds' models on a part, added; a test pixel counts once for each model."""
    total: Confusion = np.sum([each.counts[part] for each in results], axis=0)
    return total


def table(found: Summary, bounds: Mapping[str, Mapping[str, Interval]], has_background: bool) -> str:
    """The summary's means for the console, a line a score, each with its 95 % interval over images."""
    parts = [part for part in (VAL, TEST) if found[part]]
    rows = [
        [name, *(cell for part in parts for cell in _cells(found[part].get(name), bounds[part].get(name)))]
        for name in (*names(has_background), COLOUR)
    ]
    return format_table(rows, ["score", *(head for part in parts for head in (part, "95 %"))])


def _cells(value: float | None, bounds: Interval | None) -> tuple[str, str]:
    number = "-" if value is None else f"{value:.4f}"
    if bounds is None or bounds.low is None or bounds.high is None:
        return number, ""
    return number, f"{bounds.low:.3f} .. {bounds.high:.3f}"


def _over_folds(of_folds: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    if not of_folds:
        return {}
    columns = {name: [scored[name] for scored in of_folds] for name in of_folds[0]}
    found = {name: _rounded(mean(values)) for name, values in columns.items()}
    if len(of_folds) > 1:
        found |= {f"{name}_std": _rounded(_spread(values)) for name, values in columns.items()}
    return found


def _spread(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return statistics.stdev(there) if len(there) > 1 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)

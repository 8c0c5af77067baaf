"""What the mean of all folds' models scores on the test part, beside the folds themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segpipe.evaluation import TEST, FoldResults
from segpipe.inference.ensemble_file import EnsembleResults
from segpipe.report import intervals
from segpipe.report.intervals import Bounds
from segpipe.report.numbers import Summary, of_fold, rounded
from segpipe.scores.counts import mean
from segpipe.scores.paired import Difference

PART = "ensemble"
"""What the ensemble is called in metrics/, where parts have their names."""
GAIN = "ensemble_gain"
"""What it is above the mean of the folds, in metrics/intervals.csv."""


@dataclass(frozen=True)
class Ensemble:
    """The `folds` whose models were averaged, what each scores on the test part, what their mean scores, and its intervals.

    `gains` says of each score how far it is above the mean of the folds, None where either has none, and `sure` how sure that is,
    for all but HD95.
    """

    folds: Sequence[int]
    of_folds: Sequence[Mapping[str, float | None]]
    scores: dict[str, float | None]
    bounds: Bounds
    gains: Mapping[str, float | None]
    sure: Mapping[str, Difference]

    @property
    def titles(self) -> list[str]:
        """What the folds are called."""
        return [f"Fold {fold}" for fold in self.folds]


def compute(
    found: EnsembleResults | None, results: Sequence[FoldResults], groups: Mapping[str, str], has_background: bool
) -> Ensemble | None:
    """None where there is none."""
    if found is None:
        return None
    scored = [found.scores]
    own = Bounds(intervals.of_scores(scored, groups, has_background)[TEST], intervals.of_classes(scored, TEST, groups))
    of_folds = [of_fold(each, TEST, has_background) for each in results]
    scores = of_fold(found.scores, TEST, has_background)
    gains = {name: _gain(name, scores, of_folds) for name in scores}
    sure = intervals.of_gains(results, found.scores, TEST, groups, has_background)
    return Ensemble(found.folds, of_folds, scores, own, gains, sure)


def summary(found: Ensemble | None) -> Summary:
    """The section `ensemble` of metrics/summary.json: each score and, as NAME_gain, how far it is above the mean of the folds,
    rounded; no section where there is no ensemble.
    """
    if found is None:
        return {}
    gains = {f"{name}_gain": value for name, value in found.gains.items()}
    return {PART: {name: rounded(value) for name, value in (found.scores | gains).items()}}


def bounds(found: Ensemble | None) -> dict[str, Bounds]:
    """The parts that metrics/intervals.csv has of it: the scores, and what they are above the mean of the folds."""
    return {PART: found.bounds, GAIN: Bounds(found.sure, {})} if found else {}


def _gain(name: str, scores: Mapping[str, float | None], of_folds: Sequence[Mapping[str, float | None]]) -> float | None:
    whole, average = scores[name], mean(each[name] for each in of_folds)
    return None if whole is None or average is None else whole - average

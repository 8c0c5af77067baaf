"""Whether settings differ: each against the first one, by several runs of each that differ in their seed alone.

The difference of two settings' mean scores moves with the seeds and with the images (`seed_noise`); over its standard error it
goes by Student's t. Holm's correction is over all comparisons with the first setting (`holm`), and a verdict's p and bounds are
the corrected ones: 0 is outside of the bounds exactly where the word is better or worse. The noise of seeds is taken as alike in
all settings. A single run says nothing of a setting where none of the others has two.

docs/explanation/comparisons.md says how often the verdicts are right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from segpipe.scores import holm, seeds_needed
from segpipe.scores.holm import LEVEL
from segpipe.scores.intervals import NO_SPREAD, Jackknife, Pixels, jackknives
from segpipe.scores.paired import Difference, judged, minus, require_same_images, unknown
from segpipe.scores.seed_noise import SeedNoise, Variance, mean_of, seed_noise

BETTER, WORSE, CANNOT_BE_TOLD = "better", "worse", "cannot be told"


@dataclass(frozen=True)
class Setting:
    """A setting's runs, one a seed: (n, K) pixels, or (n, F, K) of F folds, of the same images in the same order in all."""

    name: str
    runs: Sequence[Pixels]


@dataclass(frozen=True)
class Verdict:
    """A setting against the first one.

    word: better, worse, or cannot be told.
    difference: of the means of the runs, this setting's less the first one's; p and the bounds are corrected for the number of
        comparisons, `better` is not.
    seeds: how many runs the setting has.
    seed_noise: the standard deviation of a score between seeds, pooled over the settings; None where none has two runs.
    seeds_needed: with so many seeds of each setting a difference as large as the one seen is found with 80 % power; None where
        more than 100 are, or nothing is known.
    would_tell: a sentence on that, or on what else would tell; empty where it is told, and where nothing would.
    """

    setting: str
    word: str
    difference: Difference
    seeds: int
    seed_noise: float | None
    seeds_needed: int | None
    would_tell: str


def verdicts(settings: Sequence[Setting], score: str, has_background: bool, groups: Sequence[str] | None = None) -> list[Verdict]:
    """Of each setting but the first, by a score that `score_intervals` gives; the rest is as for `score_intervals`.

    Raises ValueError for runs of other images, and for a setting without a run.
    """
    if empty := [each.name for each in settings if not each.runs]:
        raise ValueError(f"no runs of {', '.join(empty)}: a setting has one at least")
    require_same_images([run for each in settings for run in each.runs])
    found = [[jackknives(run, [score], has_background, groups)[score] for run in each.runs] for each in settings]
    return verdicts_of([each.name for each in settings], found)


def verdicts_of(names: Sequence[str], found: Sequence[Sequence[Jackknife]]) -> list[Verdict]:
    """As `verdicts`, from the jackknives of each setting's runs; of the same units in the same order in all."""
    noise = seed_noise(found)
    compared = [_compare(found[0], runs, noise) for runs in found[1:]]
    corrected = _corrected([each for each, _ in compared], [variance for _, variance in compared])
    return [
        _verdict(name, len(runs), difference, variance, len(names))
        for name, runs, difference, (_, variance) in zip(names[1:], found[1:], corrected, compared, strict=True)
    ]


def word_of(difference: Difference) -> str:
    """What bounds say of the second: better, worse, or cannot be told."""
    if difference.low is None or difference.high is None:
        return CANNOT_BE_TOLD
    return BETTER if difference.low > 0 else WORSE if difference.high < 0 else CANNOT_BE_TOLD


def _compare(first: Sequence[Jackknife], runs: Sequence[Jackknife], noise: SeedNoise) -> tuple[Difference, Variance]:
    """The difference of two settings by this test alone, and its variance."""
    found = minus(mean_of(runs), mean_of(first))
    _, effective, error = found.spread()
    variance = Variance(noise, error**2, max(effective - 1, 1.0), 1 / len(first) + 1 / len(runs))
    known = unknown(found)
    if known.reason:
        return known, variance
    if not noise.degrees:
        return replace(known, reason="one run each: another seed may move it by more"), variance
    if variance.error < NO_SPREAD:
        same = "all runs of both give the same" if abs(found.whole) < NO_SPREAD else f"all runs and {found.unit} differ alike"
        return replace(known, reason=same), variance
    return judged(known, variance.error, variance.degrees), variance


def _corrected(differences: Sequence[Difference], variances: Sequence[Variance]) -> list[Difference]:
    """With p and bounds corrected for the number of those that have them."""
    tested = {at: each.p for at, each in enumerate(differences) if each.p is not None}
    p_values = dict(zip(tested, holm.adjusted(list(tested.values())), strict=True))
    levels = dict(zip(tested, holm.levels(list(tested.values())), strict=True))
    return [
        replace(judged(each, variance.error, variance.degrees, levels[at]), p=p_values[at]) if at in tested else each
        for at, (each, variance) in enumerate(zip(differences, variances, strict=True))
    ]


def _verdict(name: str, n_runs: int, difference: Difference, variance: Variance, n_settings: int) -> Verdict:
    told = difference.value is not None and difference.p is not None and difference.p <= LEVEL
    word = CANNOT_BE_TOLD if not told else BETTER if (difference.value or 0) > 0 else WORSE
    needed, sentence = _needed(difference, variance, n_settings)
    noise = math.sqrt(variance.noise.seed) if variance.noise.degrees else None
    return Verdict(name, word, difference, n_runs, noise, needed, "" if told else sentence)


def _needed(difference: Difference, variance: Variance, n_settings: int) -> tuple[int | None, str]:
    """How many seeds each would tell, and the sentence."""
    level = LEVEL / (n_settings - 1)
    if difference.value is not None and difference.p is not None:
        needed = seeds_needed.seeds_needed(difference.value, variance, n_settings, level)
        about = (difference.n_units, difference.unit)
        return needed, seeds_needed.would_tell(difference.value, variance, needed, level, *about)
    if variance.noise.degrees or difference.value is None:
        return None, ""
    return None, seeds_needed.would_tell_from_one_run(n_settings, level)

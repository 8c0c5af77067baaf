"""The comparison of the report with a baseline: commits whose results DVC has, and what lies here."""

import math
from collections.abc import Sequence
from dataclasses import replace

from segpipe.errors import PipelineError
from segpipe.experiments import alignment, outcome
from segpipe.experiments.alignment import Aligned
from segpipe.experiments.outcome import Outcome
from segpipe.experiments.outputs import WORKSPACE
from segpipe.report.against import SAME_SETTING, SAME_TRAINING, Against, Row
from segpipe.scores import paired
from segpipe.scores.counts import SCORES
from segpipe.scores.intervals import Jackknife, jackknives, score_intervals
from segpipe.scores.settings import Setting, verdicts

SHORT = 12
"""Characters of a commit that are shown."""


def against(commits: Sequence[str]) -> Against | None:
    """This model beside that of the first commit; more of them are further runs, with other seeds. None where there is none.

    Raises PipelineError for commits that are not there or whose results are not, and for results that are not comparable.
    """
    if not commits:
        return None
    outcomes = [*(replace(outcome.read(each), name=each[:SHORT]) for each in commits), outcome.read(WORKSPACE)]
    images = alignment.aligned(outcomes, None)
    names = [each.name for each in outcomes[:-1]]
    return Against(names, images.part, len(images.ids), images.left_out, _rows(outcomes, images), *_setting(outcomes, images))


def _rows(outcomes: Sequence[Outcome], images: Aligned) -> list[Row]:
    background = outcomes[0].has_background
    both = images.pixels[0], images.pixels[-1]
    wholes = [jackknives(each, SCORES, background, images.groups) for each in both]
    bounds = [score_intervals(each, background, images.groups) for each in both]
    return [
        Row(
            score,
            _value(wholes[1][score]),
            bounds[1][score],
            _value(wholes[0][score]),
            bounds[0][score],
            paired.of_jackknife(paired.minus(wholes[1][score], wholes[0][score])),
        )
        for score in SCORES
    ]


def _value(found: Jackknife) -> float | None:
    return None if math.isnan(found.whole) else found.whole


def _setting(outcomes: Sequence[Outcome], images: Aligned) -> tuple[str, str, int, int]:
    """What this setting is against the baseline's, by Dice; what would tell; how many runs either has."""
    found = alignment.settings(outcomes)
    first, own = found[0], next(each for each in found if len(outcomes) - 1 in each.runs)
    if others := [outcomes[run].name for each in found if each not in (first, own) for run in each.runs]:
        raise PipelineError(
            f"report.baseline: {', '.join(others)} is of another setting than {outcomes[0].name}. Name runs of one setting, "
            "which differ in their seed alone; `segpipe compare` takes several settings."
        )
    if own is first:
        same = outcomes[-1].trainings == outcomes[0].trainings
        return SAME_TRAINING if same else SAME_SETTING, "", len(first.runs) - 1, 1
    given = [Setting(each.label, [images.pixels[run] for run in each.runs]) for each in (first, own)]
    (told,) = verdicts(given, "dice", outcomes[0].has_background, images.groups)
    return told.word, told.would_tell, len(first.runs), len(own.runs)

"""This model beside a baseline's on the same images: score by score, and whether their settings differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from segpipe.scores.intervals import Interval
from segpipe.scores.paired import Difference, format_difference
from segpipe.scores.settings import word_of

SAME_TRAINING = "the same training"
SAME_SETTING = "another training of the same setting"


@dataclass(frozen=True)
class Row:
    """A score of this model and of the baseline with their intervals, and the difference, this one less that one."""

    score: str
    own: float | None
    own_bounds: Interval
    baseline: float | None
    baseline_bounds: Interval
    difference: Difference

    @property
    def word(self) -> str:
        """better, worse, or cannot be told: of the two models."""
        return word_of(self.difference)


@dataclass(frozen=True)
class Against:
    """The comparison with the first of `commits`, on `n_images` of `part`; `left_out` are images that one of them lacks.

    setting: what this setting is, trained again, against the baseline's: better, worse, cannot be told, or one of SAME_TRAINING
        and SAME_SETTING.
    would_tell: a sentence on what would tell; empty where it is told.
    runs, own_runs: how many trainings of the baseline's setting were given, and of this one.
    """

    commits: Sequence[str]
    part: str
    n_images: int
    left_out: int
    rows: Sequence[Row]
    setting: str
    would_tell: str
    runs: int
    own_runs: int


def sentence(found: Against) -> str:
    """The whole in one line."""
    dice = next(row for row in found.rows if row.score == "dice")
    told = f"{found.part} Dice {format_difference(dice.difference)} against {found.commits[0]}"
    if found.setting in (SAME_TRAINING, SAME_SETTING):
        return f"{told}: {found.setting}"
    return f"{told}; this model: {dice.word}; this setting, trained again: {found.setting}"

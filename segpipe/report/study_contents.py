"""What a study came to, as its page, tables and findings take it: plain values, so that these need neither DVC nor torch."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segpipe.inference.snapshot_scores import SnapshotScores
from segpipe.scores.intervals import Interval
from segpipe.scores.settings import Verdict
from segpipe.scores.winner import Winner


@dataclass(frozen=True)
class Cost:
    """Of one training: parameters, bytes of a step's peak as computed, seconds of training as MLflow has them; None: unknown."""

    parameters: int | None
    peak_bytes: int | None
    seconds: float | None


@dataclass(frozen=True)
class ArmResults:
    """An arm, all its seeds. `scores` has one a seed, on the images that are compared; `bounds` is `mean`'s interval over images.

    `value` is the number that is swept, None where it is none or the arm has more than one. `curves` are the validation score by
    epoch, one a seed and fold, and `epochs_to` is after how many epochs 95 % of a curve's best were there, on average.
    `verdict` compares it with the first arm, whose own is None. `others` are all scores of metrics/summary.json, means over
    seeds. `pictures` are JPEG bytes, one a shown image; `evolution` those of the image `followed`, by caption.
    `snapshots` are the scores of the epochs whose weights were kept, a list a seed.
    """

    label: str
    value: float | None
    seeds: Sequence[int]
    scores: Sequence[float]
    mean: float | None
    bounds: Interval
    verdict: Verdict | None
    curves: Sequence[Mapping[int, float]]
    epochs_to: float | None
    others: Mapping[str, float | None]
    cost: Cost
    pictures: Sequence[bytes]
    evolution: Mapping[str, bytes]
    snapshots: Sequence[Sequence[SnapshotScores]]

    @property
    def spread(self) -> float | None:
        """The sample standard deviation between seeds, None for one."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None


@dataclass(frozen=True)
class StudyContents:
    """A study: what it asks, the arms with results, and those without (`missing`, label and seed, and why).

    `key` is the swept key, empty for named arms; `base` what all arms share, in words. `shown` are the ids of the images of the
    pictures, each with JPEG bytes of it and of its truth, and `followed` that of the image over the epochs, "" without.
    `watched` is the score of the curves.
    """

    name: str
    title: str
    score: str
    part: str
    n_images: int
    key: str
    base: Mapping[str, str]
    arms: Sequence[ArmResults]
    winner: Winner | None
    missing: Mapping[str, str]
    watched: str
    shown: Sequence[tuple[str, bytes, bytes]]
    followed: str

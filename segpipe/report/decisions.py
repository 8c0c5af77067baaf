"""What the page says of how probabilities become classes: one entry a fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segpipe import decided
from segpipe.decided import Chosen


@dataclass(frozen=True)
class FoldDecision:
    """The decision of a fold's model; `sentence` is empty where it is the likeliest class and nothing else was asked for."""

    fold: int
    chosen: Chosen
    sentence: str


def read(folder: Path, folds: Sequence[int], classes: Sequence[str]) -> list[FoldDecision]:
    """Those in data/eval. Raises PipelineError where one is not there or not whole."""
    found = [(fold, decided.read(folder / f"fold{fold}", fold)) for fold in folds]
    return [FoldDecision(fold, chosen, decided.sentence(chosen, classes)) for fold, chosen in found]

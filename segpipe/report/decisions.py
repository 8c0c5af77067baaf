"""What the page says of how probabilities become classes: one entry a fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segpipe import decided
from segpipe.decided import Chosen


@dataclass(frozen=True)
class FoldDecision:
    """The decision of a fold's model; `sentence` is empty where it is the likeliest class and nothing else was asked for."""

    fold: int
    chosen: Chosen
    sentence: str


def entries(found: Mapping[int, Chosen], classes: Sequence[str]) -> list[FoldDecision]:
    """Those of all folds, in their order."""
    return [FoldDecision(fold, chosen, decided.sentence(chosen, classes)) for fold, chosen in found.items()]

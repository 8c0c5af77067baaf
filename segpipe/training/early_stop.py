"""When a training stops early: after so many epochs without a better score."""

from collections.abc import Callable, Sequence

from segpipe.training.loop import Record
from segpipe.training.monitored_score import Score


def early_stop(epochs: int, score: Score) -> Callable[[Sequence[Record]], bool]:
    """Whether the history so far ends in `epochs` epochs without a better score; 0 never stops.

    It follows from the history alone, so that a resume stops where the whole run did. An epoch without a score counts, and
    proves nothing: only one with a score can be the last.
    """
    return lambda history: 0 < epochs <= epochs_without_better([score(record) for record in history])


def epochs_without_better(scores: Sequence[float | None]) -> int:
    """How many epochs have passed since the one of the best score, 0 where the last epoch has none."""
    known = [score for score in scores if score is not None]
    if not scores or scores[-1] is None:
        return 0
    # index() finds the first of equal scores, which is the best epoch of `loop.fit` too.
    return len(scores) - 1 - scores.index(max(known))

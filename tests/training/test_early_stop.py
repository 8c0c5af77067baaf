"""When a training stops early."""

import pytest

from segpipe.training import monitored_score
from segpipe.training.early_stop import early_stop


def stopped_after(patience: int, values: list[float | None]) -> int:
    """How many epochs are trained until early stopping has enough, or all."""
    stop = early_stop(patience, monitored_score.of_whole("dice"))
    history = [{} if value is None else {"val_dice": value} for value in values]
    return next((done for done in range(len(values)) if stop(history[:done])), len(values))


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [
        (2, [0.1, 0.3, 0.2, 0.2, 0.9], 4),
        (2, [0.1, 0.3, 0.2, 0.4, 0.3, 0.3, 0.3], 6),
        (1, [0.3, 0.3, 0.3], 2),
        (3, [0.1, 0.2, 0.3, 0.4], 4),
        (0, [0.9, 0.1, 0.1, 0.1, 0.1], 5),
        # An epoch without a score counts, and is no proof: only the next one with a score is.
        (2, [None, 0.3, None, None, None, 0.2, 0.9], 6),
        (2, [None, 0.3, None, None, None, 0.4, None, 0.3, 0.9], 8),
        (1, [None, None, None], 3),
    ],
)
def test_early_stopping_counts_epochs_without_a_better_value(patience: int, values: list[float | None], epochs: int) -> None:
    assert stopped_after(patience, values) == epochs

"""How good an epoch is by train.monitor, of the whole validation part or of a fixed subset of it."""

import math
from collections.abc import Callable

from segpipe.errors import PipelineError
from segpipe.training.loop import Record

Score = Callable[[Record], float | None]
"""An epoch's score, larger being better; None where the record has none. One that is not finite is as bad as can be."""


def of_whole(monitor: str) -> Score:
    """The score on the whole validation part, None where the epoch was not validated on it.

    Raises PipelineError for a record without the number but with others: the validation part has none, in any epoch.
    """
    value = _value("val_", monitor)

    def score(record: Record) -> float | None:
        if f"val_{monitor}" not in record and any(name.startswith("val_") for name in record):
            raise PipelineError(
                f"train.monitor: the validation part has no {monitor}, since it holds no object. "
                "Look at what `dvc repro split` prints, or set train.monitor to loss or pixel_accuracy."
            )
        return value(record)

    return score


def of_subset(monitor: str) -> Score:
    """The score on the subset, None where the epoch was not validated, or the subset holds no object."""
    return _value("subset_", monitor)


def latest(record: Record) -> float:
    """For a validation part without a pixel that is not ignored: nothing tells the epochs apart, and the later is the better."""
    return record["epoch"]


def _value(prefix: str, monitor: str) -> Score:
    sign, name = -1.0 if monitor == "loss" else 1.0, f"{prefix}{monitor}"

    def score(record: Record) -> float | None:
        if name not in record:
            return None
        value = sign * record[name]
        # No number is larger than a NaN, so one that came first would stay the best.
        return value if math.isfinite(value) else -math.inf

    return score

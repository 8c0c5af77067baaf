"""When to advise: a training waits for data, predicts one class only, or learns its images by heart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpipe.scores.counts import scores
from segpipe.training.loop import Hook, Record, Run, Speed
from segpipe.training.monitored_score import Score

WAITING = 0.3
"""The share of its time from which on an epoch waits for data: without the wait it would be 1.4 times as fast."""
WORTH_S = 60.0
"""Waiting that costs less than this until the end is not worth a line."""
NEAR = 0.01
"""How near its scores come to those of one class everywhere, where hardly another class is predicted."""
ALONE = ("miou", "recall", "pixel_accuracy")
"""Those scores: no other prediction has all three alike."""
VALIDATIONS = 3
"""So many in a row that are worse than the best one; two may be chance."""
RISEN, FALLEN = 1.15, 0.9
"""A validation loss so many times the best one, and a training loss so many times the one of that epoch, have parted."""

Rule = Callable[[Sequence[Record], Sequence[Speed], Run], str | None]
"""A sentence where there is something to say after the epochs of the history, of which this process trained the last ones."""


def hook(rules: Sequence[Rule], say: Callable[[str], None]) -> Hook:
    """Says what each rule has to say, once, when it first has."""
    quiet, speeds = [*rules], list[Speed]()

    def advise(record: Record, speed: Speed, run: Run) -> None:
        speeds.append(speed)
        for rule in [*quiet]:
            if sentence := rule(run.progress.history, speeds, run):
                quiet.remove(rule)
                say(sentence)

    return advise


def data_wait(speeds: Sequence[Speed], epochs_left: int) -> float | None:
    """The share of the time that the last two epochs waited for data, where both did much and the rest of the training will.

    None otherwise. The first epoch of a process is none of them: it starts loader workers, and decodes each image.
    """
    last = speeds[1:][-2:]
    if len(last) < 2 or min(each.data_wait for each in last) < WAITING:
        return None
    waited_s = sum(each.data_wait * each.seconds for each in last)
    return waited_s / sum(each.seconds for each in last) if waited_s / 2 * epochs_left >= WORTH_S else None


def scores_of_one_class(pixels: NDArray[np.int64], has_background: bool) -> dict[int, Record]:
    """The scores that a prediction of one class everywhere would have, by that class; `pixels` has the true ones of each, (K,).

    Without a class that would be right everywhere: all images may have that one only.
    """
    found = {}
    for number in range(len(pixels)):
        counts = np.zeros((len(pixels), len(pixels)), np.int64)
        counts[:, number] = pixels
        values = scores([counts], has_background)
        record = {name: value for name in ALONE if (value := values[name]) is not None}
        if len(record) == len(ALONE) and record["pixel_accuracy"] < 1:
            found[number] = record
    return found


def only_class(history: Sequence[Record], alone: Mapping[str, Mapping[int, Record]], first: float) -> int | None:
    """The class that the last two validations predicted nearly everywhere, None where there is no such class.

    `alone` has the scores of `scores_of_one_class` for `val_` and `subset_`. Validations before epoch `first` (from 0) are
    left out.
    """
    validated = [found for record in history if record["epoch"] >= first if (found := _scores(record, alone)) is not None]
    if len(validated) < 2:
        return None
    both = [
        {number for number, expected in alone[prefix].items() if all(abs(values[name] - expected[name]) < NEAR for name in ALONE)}
        for prefix, values in validated[-2:]
    ]
    return min(set.intersection(*both), default=None)


@dataclass(frozen=True)
class Parted:
    """The epoch of the best validation loss, counted from 0, and both losses there and in the last validated epoch."""

    epoch: int
    train: tuple[float, float]
    validation: tuple[float, float]


def parted(history: Sequence[Record], prefix: str, score: Score, first: float) -> Parted | None:
    """Where the validation loss is behind its best and training goes on to fall; None where they have not parted clearly.

    `prefix` is `val_` or `subset_`: losses of other images cannot be compared. `score` is the monitored one: while it still gets
    better nothing is wrong, since a network that is surer of itself pays more for the same errors. The last validations are not
    before epoch `first`, counted from 0: at a high rate losses swing, and come back.
    """
    loss = f"{prefix}loss"
    validated = [record for record in history if loss in record and "train_loss" in record]
    if len(validated) <= VALIDATIONS:
        return None
    best = min(validated, key=lambda record: record[loss])
    last = validated[-VALIDATIONS:]
    if last[0]["epoch"] < first:
        return None
    values = [value for record in validated if (value := score(record)) is not None]
    if values and max(values[-VALIDATIONS:]) > max(values[:-VALIDATIONS], default=-np.inf):
        return None
    falling = last[-1]["train_loss"] < last[0]["train_loss"]
    if not falling or last[-1]["train_loss"] >= FALLEN * best["train_loss"]:
        return None
    if min(record[loss] for record in last) <= RISEN * best[loss]:
        return None
    return Parted(int(best["epoch"]), (best["train_loss"], last[-1]["train_loss"]), (best[loss], last[-1][loss]))


def _scores(record: Record, prefixes: Mapping[str, object]) -> tuple[str, Record] | None:
    """The scores of the part that an epoch was validated on, and what their names begin with."""
    for prefix in prefixes:
        if all(prefix + name in record for name in ALONE):
            return prefix, {name: record[prefix + name] for name in ALONE}
    return None

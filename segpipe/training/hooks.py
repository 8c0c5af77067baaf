"""What watches a training: the console's line an epoch; and when to stop early."""

import time
from collections.abc import Callable, Iterable, Sequence

from segpipe.training.loop import Hook, Record, Run, Speed
from segpipe.training.monitored_score import Score
from segpipe.training.validation_plan import ValidationPlan


def console(monitor: str, plan: ValidationPlan) -> Hook:
    """Prints a line an epoch, with the time that is left."""
    pace = _Pace(plan)
    names = dict.fromkeys(("loss", "miou", monitor))

    def report(record: Record, speed: Speed, run: Run) -> None:
        done, epoch = len(run.progress.history), int(record["epoch"])
        left = pace.left(epoch, run.epochs, speed.seconds)
        loss = f"{record['train_loss']:.4f}" if "train_loss" in record else "none"
        validated = "not validated" if not plan.images(epoch, run.epochs) else f"validation{_shown(record, names) or '  none'}"
        print(
            f"epoch {done}/{run.epochs}  train loss {loss} | {validated}"
            f" | {speed.images_per_s:.0f} images/s, {speed.data_wait:.0%} waiting for data, {left} left",
            flush=True,
        )

    return report


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


class _Pace:
    """How long the epochs that are left take: training and validation apart, since not every epoch is validated alike.

    A resumed training takes its pace from the epochs that it trained itself.
    """

    def __init__(self, plan: ValidationPlan) -> None:
        self.plan = plan
        self.last = time.monotonic()
        self.training_s = self.validation_s = 0.0
        self.epochs = self.images = 0

    def left(self, epoch: int, epochs: int, training_s: float) -> str:
        """The time that is left after an epoch that took so long without its validation; the call marks the epoch's end."""
        now, predicted = time.monotonic(), len(self.plan.images(epoch, epochs))
        others_s, self.last = now - self.last - training_s, now
        self.epochs, self.images = self.epochs + 1, self.images + predicted
        # Beside validation it is states that are saved, which hardly counts where there is one.
        self.validation_s += others_s if predicted else 0.0
        self.training_s += training_s + (0.0 if predicted else others_s)
        to_predict = sum(len(self.plan.images(each, epochs)) for each in range(epoch + 1, epochs))
        seconds = self.training_s / self.epochs * (epochs - epoch - 1)
        if not self.images and to_predict:
            return f"more than {_minutes(seconds)}"
        return _minutes(seconds + (self.validation_s / self.images * to_predict if to_predict else 0.0))


def _shown(record: Record, names: Iterable[str]) -> str:
    """The numbers of these names, of the whole validation part, or else of its subset."""
    prefix = "val_" if any(name.startswith("val_") for name in record) else "subset_"
    found = "".join(f"  {name} {record[prefix + name]:.3f}" for name in names if prefix + name in record)
    return f" of the subset{found}" if found and prefix == "subset_" else found


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

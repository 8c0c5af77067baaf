"""How long what is left of a training takes, by what its epochs took so far."""

import time
from dataclasses import dataclass

from segpipe.training.validation_plan import ValidationPlan


@dataclass(frozen=True)
class TimeLeft:
    """Seconds; `at_least` where images are to be validated and none was yet, so that nobody knows how long one takes."""

    seconds: float
    at_least: bool

    def __str__(self) -> str:
        return f"more than {minutes(self.seconds)}" if self.at_least else minutes(self.seconds)


class Pace:
    """What the epochs of this process took: training and validation apart, since not every epoch is validated alike.

    `skipped` is the share of the first one, 0 to 1, that an interrupted process had trained already.
    """

    def __init__(self, plan: ValidationPlan) -> None:
        self.plan = plan
        self.last = time.monotonic()
        self.training_s = self.validation_s = self.epochs = self.skipped = 0.0
        self.images = 0

    def ended(self, epoch: int, epochs: int, training_s: float) -> None:
        """Called at the end of an epoch of so many, counted from 0, whose training without its validation took so long."""
        now, predicted = time.monotonic(), len(self.plan.images(epoch, epochs))
        others_s, self.last = now - self.last - training_s, now
        self.epochs, self.images, self.skipped = self.epochs + 1 - self.skipped, self.images + predicted, 0.0
        # Beside validation it is states that are saved, which hardly counts where there is one.
        self.validation_s += others_s if predicted else 0.0
        self.training_s += training_s + (0.0 if predicted else others_s)

    def after(self, epoch: int, epochs: int) -> TimeLeft:
        """What is left when an epoch has ended."""
        each_s = self.training_s / self.epochs if self.epochs else 0.0
        return self._with_validation(each_s * (epochs - epoch - 1), epoch + 1, epochs)

    def within(self, epoch: int, epochs: int, rest_s: float, epoch_s: float) -> TimeLeft:
        """What is left while an epoch is trained: `rest_s` of its own; `epoch_s` is what all of it takes by now."""
        each_s = self.training_s / self.epochs if self.epochs else epoch_s
        return self._with_validation(rest_s + each_s * (epochs - epoch - 1), epoch, epochs)

    def _with_validation(self, training_s: float, first: int, epochs: int) -> TimeLeft:
        """With what validation takes at the end of the epochs from `first` on."""
        images = sum(len(self.plan.images(epoch, epochs)) for epoch in range(first, epochs))
        if images and not self.images:
            return TimeLeft(training_s, at_least=True)
        return TimeLeft(training_s + (self.validation_s / self.images * images if images else 0.0), at_least=False)


def minutes(seconds: float) -> str:
    """A time in words, in seconds or minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

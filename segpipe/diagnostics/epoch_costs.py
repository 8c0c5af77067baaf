"""What an epoch takes, part by part: what each thing takes once, and how often an epoch has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segpipe.diagnostics.sample_times import SampleTimes
from segpipe.diagnostics.step_times import FIRST, WAITING

READING, DECODING, AUGMENTING = "reading", "decoding", "augmenting"
VALIDATION, VALIDATION_START, SAVING = "validation", "start of a validation", "saving"


@dataclass(frozen=True)
class Cost:
    """`seconds` of one `each` (image, step, state ...), of which an epoch has `count` on average.

    `beside` is work that other processes do while the loop trains, in seconds of a core: it is no part of the epoch's time.
    """

    part: str
    seconds: float
    each: str
    count: float
    beside: bool = False

    @property
    def in_an_epoch(self) -> float:
        """Seconds of an epoch on average."""
        return self.seconds * self.count


@dataclass(frozen=True)
class Counts:
    """How often an epoch has what, on average over all epochs of a training.

    `images` are drawn, `decoded` of them are decoded anew; `validated` images in `validations`, fewer than one where not every
    epoch is validated.
    """

    epochs: int
    images: int
    batches: int
    decoded: float
    validations: float
    validated: float


@dataclass(frozen=True)
class Saving:
    """A state takes `seconds`; two are `pause` apart or more, 0 where each batch has one."""

    seconds: float
    pause: float


def costs(
    counts: Counts, samples: SampleTimes, steps: Mapping[str, float], validation: tuple[float, float], saving: Saving
) -> list[Cost]:
    """The parts in the order in which they come.

    `steps` holds the seconds of `step_times.PARTS`, `validation` those before its first image and those of each.
    """
    found = [
        Cost(READING, samples.reading, "image", counts.decoded, beside=True),
        Cost(DECODING, samples.decoding, "image", counts.decoded, beside=True),
        Cost(AUGMENTING, samples.augmenting, "image", counts.images, beside=True),
    ]
    for part, seconds in steps.items():
        each, count = {FIRST: ("epoch", 1), WAITING: ("step", counts.batches - 1)}.get(part, ("step", counts.batches))
        found.append(Cost(part, seconds, each, count))
    start, image = validation
    found.append(Cost(VALIDATION_START, start, "validation", counts.validations))
    found.append(Cost(VALIDATION, image, "image", counts.validated))
    return [*found, Cost(SAVING, saving.seconds, "state", _states(saving, counts, total(found)))]


def total(costs: Sequence[Cost]) -> float:
    """The seconds of an epoch."""
    return sum(cost.in_an_epoch for cost in costs if not cost.beside)


def share(costs: Sequence[Cost], *parts: str) -> float:
    """The share of an epoch, 0 to 1, that these parts take."""
    whole = total(costs)
    return sum(cost.in_an_epoch for cost in costs if cost.part in parts and not cost.beside) / whole if whole else 0.0


def _states(saving: Saving, counts: Counts, epoch_seconds: float) -> float:
    """How many states an epoch saves on average."""
    if not saving.pause:
        # After each batch, and after the epoch.
        return counts.batches + 1
    return int(counts.epochs * epoch_seconds / (saving.pause + saving.seconds)) / counts.epochs

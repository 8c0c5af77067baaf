"""Parameters that suit a data set, each with its reason: a start that trains at once, to be improved by experiments."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segpipe.annotations.crop import crop_of
from segpipe.annotations.examination.result import Examination
from segpipe.annotations.name_groups import suggest_pattern
from segpipe.errors import plain
from segpipe.record import Record, is_background

STEPS = 1500
"""Optimizer steps of a first training: fewer leave even a small U-Net far from where it could be."""
LARGEST_CROP = {False: 256, True: 512}
"""Pixels, without and with a GPU."""
BYTES_A_VALUE = 160
"""Memory that training takes for each pixel and channel of the first level: a U-Net's activations, twice for their
gradients, and what the augmentation holds."""
RARE = 0.01


@dataclass(frozen=True)
class Advice:
    """A key of params.yaml by its dotted name, the value it should have, and why, in a few words."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Machine:
    """What training will run on: whether there is a GPU, and the bytes of its memory or the computer's."""

    has_gpu: bool
    memory: int


def suggest_training(examination: Examination, machine: Machine, stride: int, width: int) -> list[Advice]:
    """What the images ask for. `stride` is the model's, `width` the channels of its first level."""
    records = examination.records
    crop = _crop(records, machine, stride)
    batch = _batch(records, crop.value, machine, width)
    return [crop, batch, _epochs(records, batch.value), _normalise(records), _augment(examination), _monitor(examination)]


def suggest_groups(ids: Sequence[str]) -> list[Advice]:
    """That images belong together by their names, where these plainly show it."""
    pattern = suggest_pattern(ids)
    if pattern is None:
        return []
    names = sorted({match[1] for item in ids if (match := re.search(pattern, item))})
    reason = f"{len(names)} groups in the names, such as {plain(names[0])}".replace("]", "")
    return [Advice("split.group", "name", reason), Advice("split.group_pattern", pattern, reason)]


def _crop(records: Sequence[Record], machine: Machine, stride: int) -> Advice:
    """As much of the shorter side as fits, in steps of the stride."""
    sides = [min(record.width, record.height) for record in records]
    crop = crop_of(sides, stride, LARGEST_CROP[machine.has_gpu])
    small = sum(each < crop for each in sides)
    what = f"{small} of {len(sides)} images are smaller and get padded" if small else f"shorter sides are {min(sides)} or more"
    return Advice("input.crop", crop, f"{what}, stride {stride}, {'a GPU' if machine.has_gpu else 'no GPU'}")


def _batch(records: Sequence[Record], crop: int, machine: Machine, width: int) -> Advice:
    """A power of two that fits a quarter of the memory, and leaves several batches an epoch."""
    fits = machine.memory // 4 // (crop * crop * width * BYTES_A_VALUE)
    batch = 16
    while batch > 2 and (batch > fits or 8 * batch > len(records)):
        batch //= 2
    return Advice("train.batch_size", batch, f"{len(records)} images, {machine.memory / 2**30:.0f} GiB of memory")


def _epochs(records: Sequence[Record], batch: int) -> Advice:
    given = sum(record.given == "train" for record in records)
    # Without a given split, a test part of 0.2 and one fold of five are not trained on.
    steps = max(1, round((given or 0.64 * len(records)) / batch))
    epochs = min(300, max(10, -(-STEPS // steps)))
    return Advice("train.epochs", epochs, f"about {steps} steps an epoch, {steps * epochs} in all")


def _normalise(records: Sequence[Record]) -> Advice:
    if records[0].bits == 16:
        return Advice("input.normalise", "percentile", "16 bits: a few bright pixels would stretch the deviation")
    return Advice("input.normalise", "dataset", f"8 bits, {max(record.channels for record in records)} channels")


def _augment(examination: Examination) -> Advice:
    """Stronger where images are few, without colours where they are measurements, on the objects where these are rare."""
    records, classes = examination.records, examination.classes
    pixels = sum(record.width * record.height for record in records)
    objects = range(is_background(classes[0]), len(classes))
    shares = {classes[number]: sum(record.pixels[number] for record in records) / pixels for number in objects}
    rare = {name: share for name, share in shares.items() if 0 < share < RARE}
    if records[0].bits == 16 or max(record.channels for record in records) not in (1, 3):
        return Advice("augment.preset", "medical", "values are measurements, so no change of colour")
    if rare:
        name = min(rare, key=lambda each: rare[each])
        return Advice("augment.preset", "crop", f"{name} covers {100 * rare[name]:.2g} % of the pixels")
    if len(records) < 500:
        return Advice("augment.preset", "standard", f"{len(records)} images are few")
    return Advice("augment.preset", "light", f"{len(records)} images vary by themselves")


def _monitor(examination: Examination) -> Advice:
    classes = examination.classes
    if is_background(classes[0]):
        what = "one class of objects" if len(classes) == 2 else f"{len(classes) - 1} classes of objects"
        return Advice("train.monitor", "dice", f"{what} before a background")
    return Advice("train.monitor", "miou", "no background: every class counts alike")

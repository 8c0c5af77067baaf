"""Two traces of a training side by side, and a model's card against this machine: what differs, in words."""

from collections.abc import Mapping
from typing import Any

from segpipe.reproducibility.fingerprint import differences

PROCESSOR = ("device", "instruction_set", "versions", "python")
"""What decides the last digits and is no choice of the project's."""
CAUSES = {
    "order": "the order of the images is drawn from something else than seed, fold and epoch (segpipe/dataset/loader.py)",
    "augmented": "an augmentation or the reading of an image draws from a generator of its own (segpipe/dataset/augment.py)",
    "output": "this layer's forward pass does not repeat itself: take another, or set train.deterministic to true",
    "loss": "the loss does not repeat itself (segpipe/losses)",
    "gradient": "the backward pass of this layer, or of the one after it, does not repeat itself: take another operation",
    "weights": "the optimizer's step does not repeat itself: optim.name",
    "val": "the validation does not repeat itself (segpipe/inference)",
}


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Where two traces part, and what to change; empty where they agree."""
    pairs = zip(one["entries"], other["entries"], strict=False)
    # Where an entry stands is said, not compared: it follows from those before it, and other code may word it in another way.
    for (_, what, value), (where, *second) in pairs:
        if [what, value] != second:
            return f"{where}: {what} differs ({value} and {second[1]}); {_cause(what)}"
    if len(one["entries"]) != len(other["entries"]):
        return f"one training ended before the other, after {len(one['entries'])} hashes and {len(other['entries'])}"
    return ""


def describe_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A word on each key under which two cards' trainings differ, with both values."""
    return [f"{key} {_short(old)} there, {_short(new)} here" for key, (old, new) in differences(before, now).items()]


def of_processor(training: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a card's training that the machine decides."""
    return {key: training.get(key) for key in PROCESSOR}


def _cause(what: str) -> str:
    return next((cause for start, cause in CAUSES.items() if what.startswith(start)), "see segpipe/training/loop.py")


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."

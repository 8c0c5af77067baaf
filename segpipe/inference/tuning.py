"""Chooses the decision (rule, threshold, steps of post-processing) that scores best on validation images. Test images see none.

Each pass predicts the images anew, so that no more than one of them is in memory.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor

from segpipe.dataset.loader import WholeImage
from segpipe.decided import Candidate, Chosen
from segpipe.inference.postprocess import applied
from segpipe.inference.predict import Forward, ids_of, predict_logits, require_finite
from segpipe.params.decision import ARGMAX, Decision, Step
from segpipe.params.schema import DecisionParams, InferParams
from segpipe.scores.counts import Confusion, confusion, image_dice
from segpipe.scores.intervals import Pixels, nan_mean

MOST_UNITS = 200
"""Images, or groups, that are left out one by one; of more, several are left out as one."""
NO_GAIN = (0.0, math.nan)
"""Of what the others are held against."""
NOTHING = 1e-12
"""Of a gain: what is left of rounding."""
THRESHOLDS = tuple(number / 100 for number in range(1, 100))


@dataclass(frozen=True)
class Model:
    """What predicts the validation images: `predict_logits` with these gives the logits of one."""

    forward: Forward
    infer: InferParams
    long_side: int
    device: torch.device
    classes: tuple[str, ...]
    has_background: bool

    def logits(self, image: WholeImage) -> Tensor:
        """(K, H, W). Raises DataError where one is not finite."""
        found = predict_logits(self.forward, image.image, self.infer, self.long_side, self.device)
        require_finite(found, image.id)
        return found


@dataclass
class _Tally:
    """What a candidate scored so far: of each unit (an image, or those that belong together) the right, true and predicted
    pixels of each class, and the sum of the images' own Dice with their number.
    """

    has_background: bool
    pixels: NDArray[np.int64]
    dice: NDArray[np.float64]
    units: int = 0

    @classmethod
    def empty(cls, model: Model) -> "_Tally":
        return cls(model.has_background, np.zeros((MOST_UNITS, 3, len(model.classes)), np.int64), np.zeros((MOST_UNITS, 2)))

    def add(self, unit: int, counts: Confusion) -> None:
        self.units = max(self.units, unit + 1)
        self.pixels[unit] += np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
        dice = image_dice(counts, self.has_background)
        self.dice[unit] += (0, 0) if dice is None else (dice, 1)

    def scores(self, name: str) -> NDArray[np.float64]:
        """(1 + units,) the score, and what it is without each unit; NaN where there is none."""
        units = self.units
        if name == "dice_per_image":
            total, number = _without_each(self.dice[:units]).T
            return np.where(number > 0, total / np.maximum(number, 1), np.nan)
        left = Pixels(*_without_each(self.pixels[:units]).transpose(1, 0, 2))
        if name == "miou":
            return nan_mean(left.scores("iou"))
        return nan_mean(left.scores("dice")[:, 1 if self.has_background else 0 :])


def given(params: DecisionParams, classes: Sequence[str], has_background: bool) -> Decision:
    """The decision as params.yaml gives it; what is left to choose is argmax, and every step for every class of objects."""
    rule = "argmax" if params.rule == "auto" else params.rule
    objects = tuple(range(1 if has_background else 0, len(classes)))
    steps = tuple(_step(each, objects) for each in params.postprocess)
    return Decision(rule, params.threshold if rule == "threshold" else 0.5, steps, has_background)


def is_open(params: DecisionParams) -> bool:
    """Whether anything is left to choose."""
    return params.rule == "auto" or (params.keep == "helpful" and bool(params.postprocess))


def choose(
    params: DecisionParams, model: Model, images: Callable[[str], Iterable[WholeImage]], groups: Mapping[str, str]
) -> Chosen:
    """The decision that raises `params.score` most on the images, those of validation; what is in params.yaml where all is said.

    `images` reads them all, once for each time it is called with the words that say what for. `groups` names by id what an image
    belongs to, "" for nothing: frames of one film say as much as one image. Argmax stays, and a step is left
    out, unless the gain is more than twice its standard error over the images. Of equal thresholds the nearest to a half is
    taken. A step is kept for those classes by which it raises the score, one step after another.
    """
    decision = given(params, model.classes, model.has_background)
    if not is_open(params):
        return Chosen(decision)
    steps, count = decision.steps, 0
    tried: list[Candidate] = []
    decision = replace(decision, steps=())
    if params.rule == "auto":
        decision, tried, count = _rule(params.score, model, _numbered(images("choosing the decision"), groups))
    if params.keep == "all":
        return Chosen(replace(decision, steps=steps), params.score, count, tuple(tried))
    for step in steps:
        kept, rows, count = _classes(step, decision, params.score, model, _numbered(images(f"trying {_named(step)}"), groups))
        tried += rows
        decision = replace(decision, steps=(*decision.steps, replace(step, classes=kept))) if kept else decision
    return Chosen(decision, params.score, count, tuple(tried))


def _rule(score: str, model: Model, images: Iterable[tuple[int, WholeImage]]) -> tuple[Decision, list[Candidate], int]:
    """The best rule, all that were tried, and the number of images."""
    n_classes = len(model.classes)
    plain = replace(ARGMAX, has_background=model.has_background)
    rules = {"argmax": plain, "dice": replace(plain, rule="dice")}
    tallies = {name: _Tally.empty(model) for name in rules}
    thresholds = [_Tally.empty(model) for _ in THRESHOLDS] if n_classes == 2 else []
    count = 0
    for unit, image in images:
        logits = model.logits(image)
        for name, rule in rules.items():
            tallies[name].add(unit, confusion(image.mask, ids_of(logits, rule), n_classes))
        for tally, counts in zip(thresholds, _by_threshold(logits, image.mask) if thresholds else (), strict=True):
            tally.add(unit, counts)
        count += 1
    base = tallies["argmax"].scores(score)
    found = [("argmax", plain, base)]
    if thresholds:
        # The nearest to a half first, since of equals the first is taken.
        order = sorted(range(len(THRESHOLDS)), key=lambda number: abs(THRESHOLDS[number] - 0.5))
        best = max(order, key=lambda number: np.nan_to_num(thresholds[number].scores(score)[0], nan=-1.0))
        rule = replace(plain, rule="threshold", threshold=THRESHOLDS[best])
        found.append((f"threshold {THRESHOLDS[best]:g}", rule, thresholds[best].scores(score)))
    found.append(("dice", rules["dice"], tallies["dice"].scores(score)))
    gains = [NO_GAIN, *(_gain(values, base) for _, _, values in found[1:])]
    # The first, argmax, where none is surely better.
    chosen = max(range(len(found)), key=lambda number: gains[number][0] if _is_sure(*gains[number]) else 0.0)
    rows = [
        _candidate(what, values, gain, number == chosen)
        for number, ((what, _, values), gain) in enumerate(zip(found, gains, strict=True))
    ]
    return found[chosen][1], rows, count


def _by_threshold(logits: Tensor, mask: NDArray[np.uint8]) -> Iterator[Confusion]:
    """The confusion of an image of two classes at each of THRESHOLDS, as `decide` would give it."""
    cuts = np.array([math.log(each / (1 - each)) for each in THRESHOLDS], np.float32)
    # How many cuts a logit is above.
    above = np.searchsorted(cuts, logits[0].cpu().numpy(), side="left").astype(np.uint8)
    # Row: the true class, column: the number of cuts.
    counts = confusion(mask, above, len(THRESHOLDS) + 1)[:2]
    for number in range(len(THRESHOLDS)):
        yield np.stack([counts[:, : number + 1].sum(axis=1), counts[:, number + 1 :].sum(axis=1)], axis=1)


def _classes(
    step: Step, decision: Decision, score: str, model: Model, images: Iterable[tuple[int, WholeImage]]
) -> tuple[tuple[int, ...], list[Candidate], int]:
    """The classes for which a step raises the score, each against the decision so far; all that was tried; the images."""
    before, after, count = _Tally.empty(model), {number: _Tally.empty(model) for number in step.classes}, 0
    for unit, image in images:
        ids = ids_of(model.logits(image), decision)
        counts = confusion(image.mask, ids, len(model.classes))
        before.add(unit, counts)
        for number, tally in after.items():
            changed = applied(ids, step, number, model.has_background)
            tally.add(unit, counts if changed is ids else confusion(image.mask, changed, len(model.classes)))
        count += 1
    base = before.scores(score)
    values = {number: tally.scores(score) for number, tally in after.items()}
    gains = {number: _gain(each, base) for number, each in values.items()}
    kept = tuple(number for number, gain in gains.items() if _is_sure(*gain))
    rows = [
        _candidate(f"{_named(step)}: {model.classes[number]}", values[number], gains[number], number in kept) for number in values
    ]
    return kept, [_candidate(f"without {_named(step)}", base, NO_GAIN, not kept), *rows], count


def _numbered(images: Iterable[WholeImage], groups: Mapping[str, str]) -> Iterator[tuple[int, WholeImage]]:
    """Each image with the number of its unit: its group, or itself."""
    places: dict[str, int] = {}
    for image in images:
        # A name of its own, which no group can have.
        yield places.setdefault(groups.get(image.id) or f"\0{image.id}", len(places)) % MOST_UNITS, image


def _gain(values: NDArray[np.float64], base: NDArray[np.float64]) -> tuple[float, float]:
    """How much a candidate scores above the plain one, and the jackknife's standard error of that; NaN where there is none."""
    moves = values[1:] - base[1:]
    n = len(moves)
    error = float(np.sqrt((n - 1) / n * ((moves - moves.mean()) ** 2).sum())) if n > 1 else math.inf
    return float(values[0] - base[0]), error


def _is_sure(gain: float, error: float) -> bool:
    """Whether a gain is more than twice its standard error: what a single image gives is about one, however much that is."""
    return gain > 2 * error and gain > NOTHING


def _candidate(what: str, values: NDArray[np.float64], gain: tuple[float, float], used: bool) -> Candidate:
    score, error = (float(each) if math.isfinite(each) else None for each in (values[0], gain[1]))
    return Candidate(what, score, error, used)


def _without_each(units: NDArray[Any]) -> NDArray[Any]:
    """(units, ...) to (1 + units, ...): the sum of all, and that without each."""
    return units.sum(axis=0) - np.concatenate([np.zeros_like(units[:1]), units])


def _step(written: str, classes: tuple[int, ...]) -> Step:
    """A step as it stands in params.yaml, such as `remove_small 64`, for these classes."""
    name, *number = written.split()
    return TypeAdapter(Step).validate_python({"name": name, "number": int(number[0]) if number else 0, "classes": classes})


def _named(step: Step) -> str:
    return f"{step.name} {step.number}" if step.number else step.name

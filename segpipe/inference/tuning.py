"""Chooses the decision (rule, threshold, steps of post-processing) that scores best on validation images. Test images see none.

Each pass predicts the images anew, so that no more than one of them is in memory.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

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
from segpipe.scores.counts import Confusion, confusion, image_dice, mean, scores

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
    """What a candidate scored so far. One that goes by the images' own Dice keeps that of each."""

    has_background: bool
    counts: Confusion
    dice: list[float | None] = field(default_factory=list)

    def add(self, counts: Confusion) -> None:
        self.counts += counts
        self.dice.append(image_dice(counts, self.has_background) if counts.any() else None)

    def score(self, name: str) -> float | None:
        return mean(self.dice) if name == "dice_per_image" else scores([self.counts], self.has_background)[name]


def given(params: DecisionParams, classes: Sequence[str], has_background: bool) -> Decision:
    """The decision as params.yaml gives it; what is left to choose is argmax, and every step for every class of objects."""
    rule = "argmax" if params.rule == "auto" else params.rule
    objects = tuple(range(1 if has_background else 0, len(classes)))
    steps = tuple(_step(each, objects) for each in params.postprocess)
    return Decision(rule, params.threshold if rule == "threshold" else 0.5, steps, has_background)


def is_open(params: DecisionParams) -> bool:
    """Whether anything is left to choose."""
    return params.rule == "auto" or (params.keep == "helpful" and bool(params.postprocess))


def choose(params: DecisionParams, model: Model, images: Callable[[str], Iterable[WholeImage]]) -> Chosen:
    """The decision that raises `params.score` most on the images, those of validation; what is in params.yaml where all is said.

    `images` reads them all, once for each time it is called with the words that say what for. Of equal scores the plainest
    counts: argmax, and the threshold nearest to a half. A step is kept for the classes by which it raises the score, one class
    and one step after another.
    """
    decision = given(params, model.classes, model.has_background)
    if not is_open(params):
        return Chosen(decision)
    steps, count = decision.steps, 0
    tried: list[Candidate] = []
    decision = replace(decision, steps=())
    if params.rule == "auto":
        decision, tried, count = _rule(params.score, model, images("choosing the decision"))
    if params.keep == "all":
        return Chosen(replace(decision, steps=steps), params.score, count, tuple(tried))
    for step in steps:
        kept, rows, count = _classes(step, decision, params.score, model, images(f"trying {_named(step)}"))
        tried += rows
        decision = replace(decision, steps=(*decision.steps, replace(step, classes=kept))) if kept else decision
    return Chosen(decision, params.score, count, tuple(tried))


def _rule(score: str, model: Model, images: Iterable[WholeImage]) -> tuple[Decision, list[Candidate], int]:
    """The best rule, all that were tried, and the number of images."""
    n_classes = len(model.classes)
    plain = replace(ARGMAX, has_background=model.has_background)
    rules = {"argmax": plain, "dice": replace(plain, rule="dice")}
    tallies = {name: _tally(model) for name in rules}
    thresholds = [_tally(model) for _ in THRESHOLDS] if n_classes == 2 else []
    count = 0
    for image in images:
        logits = model.logits(image)
        for name, rule in rules.items():
            tallies[name].add(confusion(image.mask, ids_of(logits, rule), n_classes))
        for tally, counts in zip(thresholds, _by_threshold(logits, image.mask) if thresholds else (), strict=True):
            tally.add(counts)
        count += 1
    found = [("argmax", plain, tallies["argmax"].score(score))]
    if thresholds:
        # The nearest to a half first, since of equals the first is taken.
        order = sorted(range(len(THRESHOLDS)), key=lambda number: abs(THRESHOLDS[number] - 0.5))
        best = max(order, key=lambda number: _comparable(thresholds[number].score(score)))
        named = f"threshold {THRESHOLDS[best]:g}"
        found.append((named, replace(plain, rule="threshold", threshold=THRESHOLDS[best]), thresholds[best].score(score)))
    found.append(("dice", rules["dice"], tallies["dice"].score(score)))
    chosen = max(found, key=lambda each: _comparable(each[2]))
    return chosen[1], [Candidate(what, value, what == chosen[0]) for what, _, value in found], count


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
    step: Step, decision: Decision, score: str, model: Model, images: Iterable[WholeImage]
) -> tuple[tuple[int, ...], list[Candidate], int]:
    """The classes for which a step raises the score, each against the decision so far; all that was tried; the images."""
    before, after, count = _tally(model), {number: _tally(model) for number in step.classes}, 0
    for image in images:
        ids = ids_of(model.logits(image), decision)
        counts = confusion(image.mask, ids, len(model.classes))
        before.add(counts)
        for number, tally in after.items():
            changed = applied(ids, step, number, model.has_background)
            tally.add(counts if changed is ids else confusion(image.mask, changed, len(model.classes)))
        count += 1
    base = _comparable(before.score(score))
    values = {number: tally.score(score) for number, tally in after.items()}
    kept = tuple(number for number, value in values.items() if _comparable(value) > base)
    rows = [Candidate(f"{_named(step)}: {model.classes[number]}", value, number in kept) for number, value in values.items()]
    return kept, [Candidate(f"without {_named(step)}", before.score(score), not kept), *rows], count


def _tally(model: Model) -> _Tally:
    return _Tally(model.has_background, np.zeros((len(model.classes), len(model.classes)), np.int64))


def _comparable(score: float | None) -> float:
    return -1.0 if score is None else score


def _step(written: str, classes: tuple[int, ...]) -> Step:
    """A step as it stands in params.yaml, such as `remove_small 64`, for these classes."""
    name, *number = written.split()
    return TypeAdapter(Step).validate_python({"name": name, "number": int(number[0]) if number else 0, "classes": classes})


def _named(step: Step) -> str:
    return f"{step.name} {step.number}" if step.number else step.name

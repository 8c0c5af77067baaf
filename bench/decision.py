"""What the choice of a decision is worth: python -m bench.decision PROJECT. On a trained project, with its own model.

Chooses on validation images, as stage evaluate does, and scores on test images what argmax gives and what was chosen gives, with
the 95 % interval of the difference over images (jackknife).
"""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segpipe import paths
from segpipe.dataset import loader, pack
from segpipe.dataset.loader import WholeImage
from segpipe.dataset.split import folds
from segpipe.inference import tuning
from segpipe.inference.predict import ids_of
from segpipe.params.decision import ARGMAX, Decision
from segpipe.params.schema import DecisionParams
from segpipe.scores.counts import Confusion, confusion, image_dice, mean, scores
from segpipe.training import device
from segpipe.workflows.own_model import load_own_model

STEPS = ("fill_holes", "open 1", "remove_small 64", "keep_largest")
SCORES = ("dice", "miou", "dice_per_image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="a project in which `dvc repro train` has run")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--images", type=int, default=10**9, help="validation and test images, at most")
    arguments = parser.parse_args()
    os.chdir(arguments.project)
    data, parts = pack.open_pack(paths.PREPARED), folds.read(paths.FOLDS)
    segmenter, card = load_own_model(arguments.fold, data.info)
    device.configure_determinism(card.training["params"]["threads"], deterministic=True)
    model = tuning.Model(segmenter, card.infer, card.long_side, torch.device("cpu"), card.classes, card.has_background)
    validation = folds.train_and_validation(parts, arguments.fold)[1][: arguments.images]
    test = folds.test(parts)[: arguments.images]

    def read(ids: list[str]) -> Iterable[WholeImage]:
        return loader.whole_image_loader(loader.WholeImages(data, ids), 0)

    with torch.inference_mode():
        chosen = {score: tuning.choose(_params(score), model, lambda _: read(validation)) for score in SCORES}
        rules = {"argmax": ARGMAX} | {score: each.decision for score, each in chosen.items()}
        counts = _counts(model, rules, read(test))
    print(f"{len(validation)} validation images, {len(test)} test images")
    for score, each in chosen.items():
        print(f"\nby {score} on validation images")
        for candidate in each.candidates:
            print(f"  {candidate.what:40} {_text(candidate.score)}{'  used' if candidate.used else ''}")
        before, after = (_scores(counts[name], model.has_background)[score] for name in ("argmax", score))
        print(f"  on test images: argmax {_text(before)}, chosen {_text(after)}, {_difference(counts, score, model)}")


def _params(score: str) -> DecisionParams:
    return DecisionParams.model_validate(
        {"rule": "auto", "threshold": 0.5, "postprocess": STEPS, "keep": "helpful", "score": score}
    )


def _counts(model: tuning.Model, rules: dict[str, Decision], images: Iterable[WholeImage]) -> dict[str, list[Confusion]]:
    """The confusion of each image by each rule."""
    found: dict[str, list[Confusion]] = {name: [] for name in rules}
    for image in images:
        logits = model.logits(image)
        for name, rule in rules.items():
            found[name].append(confusion(image.mask, ids_of(logits, rule), len(model.classes)))
    return found


def _scores(counts: list[Confusion], has_background: bool) -> dict[str, float | None]:
    return scores(counts, has_background)


def _difference(counts: dict[str, list[Confusion]], score: str, model: tuning.Model) -> str:
    """Chosen less argmax, and 1.96 times its jackknife standard error over images."""
    pairs = [_leaving_one_out(counts[name], score, model.has_background) for name in ("argmax", score)]
    whole, left_out = pairs[1][0] - pairs[0][0], pairs[1][1] - pairs[0][1]
    n = len(left_out)
    error = float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
    return (
        f"difference {100 * whole:+.2f} points (95 %: {100 * (whole - 1.96 * error):+.2f} to {100 * (whole + 1.96 * error):+.2f})"
    )


def _leaving_one_out(counts: list[Confusion], score: str, has_background: bool) -> tuple[float, NDArray[np.float64]]:
    if score == "dice_per_image":
        dice = [each for each in (image_dice(one, has_background) for one in counts) if each is not None]
        total = np.array(dice)
        return float(mean(dice) or 0), (total.sum() - total) / max(len(dice) - 1, 1)
    whole = np.sum(counts, axis=0)
    left_out = [scores([whole - one], has_background)[score] or 0.0 for one in counts]
    return scores([whole], has_background)[score] or 0.0, np.array(left_out)


def _text(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


if __name__ == "__main__":
    main()

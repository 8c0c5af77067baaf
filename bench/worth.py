"""What flips, several folds, and a chosen decision are worth on a trained project: python -m bench.worth PROJECT.

Each is scored on test images beside the plain prediction (one view, one model, argmax), with the 95 % interval of the difference
over images by the jackknife. Decisions are chosen on validation images, as stage evaluate does.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segpipe import paths
from segpipe.dataset import loader, pack
from segpipe.dataset.loader import WholeImage
from segpipe.dataset.split import folds
from segpipe.inference import tuning
from segpipe.inference.average import over_models
from segpipe.inference.predict import ids_of
from segpipe.params.decision import ARGMAX, Decision
from segpipe.params.schema import DecisionParams
from segpipe.scores.counts import Confusion, confusion, image_dice, mean, scores
from segpipe.training import device
from segpipe.workflows.own_model import load_own_model

STEPS = ("fill_holes", "open 1", "remove_small 64", "keep_largest")
SCORES = ("dice", "miou", "dice_per_image")
Read = Callable[[list[str]], Iterable[WholeImage]]


@dataclass
class Scored:
    """One way to predict: the confusion of each test image, and the seconds that all took."""

    counts: list[Confusion]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="a project in which `dvc repro train` has run")
    parser.add_argument("--images", type=int, default=10**9, help="validation and test images, at most")
    parser.add_argument("--apart", action="store_true", help="take groups and near-duplicates for images of their own")
    arguments = parser.parse_args()
    os.chdir(arguments.project)
    data, parts = pack.open_pack(paths.PREPARED), folds.read(paths.FOLDS)
    trained = paths.trained_folds()
    members = [load_own_model(fold, data.info) for fold in trained]
    card = members[0][1]
    device.configure_determinism(card.training["params"]["threads"], deterministic=True)

    def read(ids: list[str]) -> Iterable[WholeImage]:
        return loader.whole_image_loader(loader.WholeImages(data, ids), 0)

    plain = tuning.Model(
        members[0][0], card.without_flips().infer, card.long_side, torch.device("cpu"), card.classes, card.has_background
    )
    validation = folds.train_and_validation(parts, trained[0])[1][: arguments.images]
    test = folds.test(parts)[: arguments.images]
    rows = data.index.loc[validation, ["group", "twin"]]
    alike = {str(item): "" if arguments.apart else group or twin for item, group, twin in rows.itertuples(name=None)}
    units = len({group or item for item, group in alike.items()})
    print(f"{len(validation)} validation images, which count as {units}; {len(test)} test images")
    with torch.inference_mode():
        found = {"plain": scored(plain, ARGMAX, read(test))}
        for flips in ("horizontal", "both", "all"):
            model = replace(plain, infer=plain.infer.model_copy(update={"flips": flips}))
            found[f"flips {flips}"] = scored(model, ARGMAX, read(test))
        if len(members) > 1:
            model = replace(plain, forward=over_models([each for each, _ in members]))
            found[f"{len(members)} folds"] = scored(model, ARGMAX, read(test))
        for score in SCORES:
            chosen = tuning.choose(asked(score), plain, lambda _: read(validation), alike)
            tell(score, chosen.candidates)
            found[f"decision by {score}"] = scored(plain, chosen.decision, read(test))
    table(found, card.has_background)


def asked(score: str) -> DecisionParams:
    """All that may be chosen."""
    return DecisionParams.model_validate(
        {"rule": "auto", "threshold": 0.5, "postprocess": STEPS, "keep": "helpful", "score": score}
    )


def tell(score: str, candidates: Iterable[tuning.Candidate]) -> None:
    """What was tried, with its score on validation images."""
    tried = (f"{each.what} {number(each.score)}{' (used)' if each.used else ''}" for each in candidates)
    print(f"by {score} on validation images: {', '.join(tried)}")


def scored(model: tuning.Model, decision: Decision, images: Iterable[WholeImage]) -> Scored:
    """Each image predicted and counted."""
    start = time.perf_counter()
    counts = [confusion(each.mask, ids_of(model.logits(each), decision), len(model.classes)) for each in images]
    return Scored(counts, time.perf_counter() - start)


def table(found: dict[str, Scored], has_background: bool) -> None:
    """A line a way and score."""
    plain = found["plain"]
    for name, each in found.items():
        print(f"{name}: {each.seconds / plain.seconds:.2f} times the time")
        for score in SCORES:
            (before, without), (after, others) = (left_out(one.counts, score, has_background) for one in (plain, each))
            whole, moved = after - before, others - without
            error = float(np.sqrt((len(moved) - 1) / len(moved) * ((moved - moved.mean()) ** 2).sum()))
            low, high = (100 * (whole + sign * 1.96 * error) for sign in (-1, 1))
            print(f"  {score:15} {after:.4f}, {100 * whole:+.2f} points (95 %: {low:+.2f} to {high:+.2f})")


def left_out(counts: list[Confusion], score: str, has_background: bool) -> tuple[float, NDArray[np.float64]]:
    """The score, and the same without each image."""
    if score == "dice_per_image":
        dice = [each for each in (image_dice(one, has_background) for one in counts) if each is not None]
        return mean(dice) or 0.0, (sum(dice) - np.array(dice)) / max(len(dice) - 1, 1)
    whole = np.sum(counts, axis=0)
    without = [scores([whole - one], has_background)[score] or 0.0 for one in counts]
    return scores([whole], has_background)[score] or 0.0, np.array(without)


def number(score: float | None) -> str:
    """Four digits; a dash for none."""
    return "-" if score is None else f"{score:.4f}"


if __name__ == "__main__":
    main()

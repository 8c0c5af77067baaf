"""Which score finds the images that are predicted worst: the agreement of folds, or how sure a model is of itself.

Run in the repository: python bench/trust.py [FOLDER CLASSES]. FOLDER has images/ and masks/ of class ids, of which 240 are
taken, and CLASSES are the names in their order, with commas between them; without it the images are the sample's. Three folds
are trained for a few epochs. Every third test image is blurred, made noisy or changed in gamma. An image's risk is 1 - Dice,
the mean over its objects; images in which nothing is found have scores that say nothing, and are counted apart. The others
are left out as a score says, the least trusted first; the area under the curve is the mean risk of what is left, over all
shares that may be left. `perfect` leaves out the worst first, `at random` any. What is less than the first is
of 95 % of 2,000 draws of as many of the images, with replacement.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sample_project import project

import segpipe
from segpipe import paths
from segpipe.dataset import pack
from segpipe.dataset.split import folds
from segpipe.inference.trust import Trust
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.scores.counts import confusion, image_dice
from segpipe.workflows.predictor import Predicted, Predictor
from segpipe.workflows.train import train

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]
FOLDS, IMAGES, EPOCHS, DRAWS = (0, 1, 2), 240, 6, 2000


def main() -> None:
    values: dict[str, object] = {
        "threads": 1,
        "folds": [*FOLDS],
        "split.n_folds": len(FOLDS),
        "split.test_share": 0.4,
        "train.epochs": EPOCHS,
        "train.validate_every": EPOCHS,
        "sanity.steps": 0,
        "runtime.workers": 0,
    }
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 2:
            chosen(Path(sys.argv[1]), Path(folder))
            own: dict[str, object] = {"data.source": "masks", "data.path": folder, "data.masks.classes": sys.argv[2].split(",")}
        else:
            own = {"data.sample.n_images": IMAGES}
        with project(values | own):
            for fold in FOLDS:
                train(TrainKeys.of(load_params()), fold)
            print_areas()


def chosen(source: Path, folder: Path) -> None:
    """Some of the images and their masks, spread over the folder."""
    images = sorted((source / "images").iterdir())
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for image in images[:: max(1, len(images) // IMAGES)][:IMAGES]:
        shutil.copy(image, folder / "images" / image.name)
        mask = next((source / "masks").glob(f"{image.stem}.*"))
        shutil.copy(mask, folder / "masks" / mask.name)


def print_areas() -> None:
    opened = pack.open_pack(paths.PREPARED)
    test = folds.test(folds.read(paths.FOLDS))
    files = [paths.model_file(fold) for fold in FOLDS]
    together, alone = segpipe.load(*files), segpipe.load(files[0])
    rng = np.random.default_rng(0)
    rows: dict[str, list[dict[str, float]]] = {"the mean of three folds": [], "one fold": []}
    for number, item in enumerate(test):
        image = opened.image(item)
        if number % 3 == 0:
            image = BROKEN[number // 3 % len(BROKEN)](image, rng)
        for found, model in zip(rows.values(), (together, alone), strict=True):
            found.append(of_image(model, model.predict(image), opened.mask(item)))
    for name, found in rows.items():
        empty = [row["risk"] for row in found if row["objects"] == 0]
        said = f"{len(empty)} without any that was found, whose mean risk is {np.nanmean(empty):.3f}" if empty else "none without"
        there = [row for row in found if row["objects"] and not np.isnan(row["risk"])]
        risks = np.array([row["risk"] for row in there])
        print(f"\npredictions by {name}: {len(there)} images in which objects were found, mean risk {risks.mean():.3f}; {said}\n")
        print("| left out by | area under the risk-coverage curve | less than the first by |\n|---|---|---|")
        scores = {key: np.array([row[key] for row in there]) for key in there[0] if key not in ("risk", "objects")}
        first = next(iter(scores.values()))
        for each, ranked in (scores | {"perfect": -risks}).items():
            low, high = difference(risks, first, ranked)
            print(f"| {each} | {area(risks, ranked):.4f} | {low:.3f} to {high:.3f} |")
        print(f"| at random | {risks.mean():.4f} | |")


def of_image(model: Predictor, found: Predicted, truth: Image) -> dict[str, float]:
    """The risk of a prediction, NaN where there is nothing to find, and each score of how far it is to be trusted."""
    dice = image_dice(confusion(truth, found.ids, len(model.classes)), model.card.has_background)
    objects = found.ids >= int(model.card.has_background)
    largest = found.probabilities.max(axis=0)
    single = Trust(len(model.classes), model.card.has_background, 1, model.card.decision)
    single.see_block(torch.from_numpy(found.probabilities).log())
    scores = {
        "mean probability, objects": single.score(),
        "Dice with its own probabilities": soft_dice(found, int(model.card.has_background)),
        "mean probability, all pixels": float(largest.mean()),
    }
    pairs = {"Dice of each two folds": found.trust} if len(model.members) > 1 else {}
    return {"risk": np.nan if dice is None else 1 - dice, "objects": float(objects.sum())} | pairs | scores


def soft_dice(found: Predicted, first: int) -> float:
    """The soft Dice confidence (Borges, Paulino, Silva 2024), the mean over the classes of objects that were predicted."""
    pairs = [(probability, found.ids == number) for number, probability in enumerate(found.probabilities) if number >= first]
    dices = [2 * each[mask].sum() / (each.sum() + mask.sum()) for each, mask in pairs if mask.any()]
    return float(np.mean(dices)) if dices else 0.0


def area(risks: Floats, ranked: Floats) -> float:
    """The mean over all coverages of the mean risk of the images that are kept."""
    order = np.argsort(-ranked, kind="stable")
    return float(np.mean(np.cumsum(risks[order]) / np.arange(1, len(risks) + 1)))


def difference(risks: Floats, first: Floats, other: Floats) -> tuple[float, float]:
    """The 95 % interval of how much smaller the area of another score is than that of the first."""
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(risks), (DRAWS, len(risks)))
    low, high = np.quantile([area(risks[draw], first[draw]) - area(risks[draw], other[draw]) for draw in draws], (0.025, 0.975))
    return float(low), float(high)


def blurred(image: Image, _: np.random.Generator) -> Image:
    return cv2.GaussianBlur(image, (0, 0), 4).reshape(image.shape)


def noisy(image: Image, rng: np.random.Generator) -> Image:
    return np.clip(image + rng.normal(0, 50, image.shape), 0, 255).astype(np.uint8)


def darker(image: Image, _: np.random.Generator) -> Image:
    return (255 * (image / 255) ** 3).astype(np.uint8)


BROKEN: tuple[Callable[[Image, np.random.Generator], Image], ...] = (blurred, noisy, darker)

if __name__ == "__main__":
    main()

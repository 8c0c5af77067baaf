"""What sites reach together that keep their images: Dice of the sample, in one place against four unequal sites.

Run in the repository: python bench/federated.py

Each site has most of its images of one animal, and the largest has five times as many as the smallest. The same params.yaml
trains on all images in one place, then federated with one and more epochs a round, then on each site's images alone. Prints the
table of docs/explanation/federated.md in a quarter of an hour on two cores.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sample_project import Values, project

from segpipe import paths
from segpipe.dataset import loader
from segpipe.dataset.split import folds
from segpipe.inference.scoring import score_images
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.scores.counts import scores
from segpipe.training import loop
from segpipe.workflows.assemble import Training, assemble
from segpipe.workflows.federated_training import sites
from segpipe.workflows.train import prepare

ANIMALS = {"fish": "east", "turtle": "north", "starfish": "south", "snail": "west"}
"""Whose images a site has most of."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12, help="of each training")
    parser.add_argument("--local", type=int, nargs="+", default=[1, 2, 4], help="epochs a round")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    os.environ["MLFLOW_TRACKING_URI"] = "nowhere://"
    print("| seed | trained on | rounds | test Dice | of that in one place |\n|---|---|---|---|---|", flush=True)
    for seed in options.seeds:
        with project({"seed": seed, "train.epochs": options.epochs}, by_site):
            one_place = trained()
            found = dice(one_place)
            show(seed, f"all {len(one_place.data.train_ids)} images in one place", "", found, found)
            for local in options.local:
                epochs = f"{local} epoch{'s' * (local > 1)} a round"
                together = trained({"strategy": "federated"}, {"local_epochs": local})
                show(seed, f"four sites, {epochs}", options.epochs // local, dice(together), found)
            for site in sites(one_place.params, one_place.data):
                show(seed, f"{site.name} alone, {len(site.train_ids)} images", "", dice(trained(ids=site.train_ids)), found)


def show(seed: int, what: str, rounds: object, score: float, in_one_place: float) -> None:
    print(f"| {seed} | {what} | {rounds} | {score:.3f} | {score / in_one_place:.1%} |", flush=True)


def by_site(raw: Path) -> Values:
    """Copies each image, with its annotation, to the site of its first animal; two of three snails' go to the turtles'."""
    snails = 0
    for file in sorted(raw.glob("*.json")):
        labels = [shape["label"] for shape in json.loads(file.read_text(encoding="utf-8"))["shapes"]]
        animal = next((label for label in labels if label in ANIMALS), "fish")
        snails += animal == "snail"
        folder = Path("apart", ANIMALS["turtle" if animal == "snail" and snails % 3 else animal])
        folder.mkdir(parents=True, exist_ok=True)
        for each in (file, file.with_suffix(".png")):
            shutil.copy(each, folder / each.name)
    classes = ["background", *ANIMALS]
    return {"data.source": "labelme", "data.path": str(Path("apart").resolve()), "data.labelme.classes": classes}


def trained(train: dict[str, Any] | None = None, federated: dict[str, Any] | None = None, ids: Sequence[str] = ()) -> Training:
    """A training of the first fold, with the best epoch's weights; on these images alone, if any are given."""
    params = TrainKeys.of(load_params())
    changed = {
        "train": params.train.model_copy(update=train or {}),
        "federated": params.federated.model_copy(update=federated or {}),
    }
    training = prepare(params.model_copy(update=changed), 0)
    if ids:
        data = replace(training.data, train_ids=list(ids))
        training = assemble(training.params, data, training.device, training.card.training["versions"])
    training.segmenter.load_state_dict(loop.fit(training.run).weights)
    return training


def dice(training: Training) -> float:
    """Of the test images of all sites."""
    params, pack = training.params, training.data.pack
    images = loader.whole_image_loader(loader.WholeImages(pack, folds.test(folds.read(paths.FOLDS))), 0)
    n_classes = len(pack.info.classes)
    scored = score_images(training.segmenter.eval(), images, n_classes, training.loss, params.infer, 0, training.device)
    found = scores([each.counts for each in scored], pack.info.has_background)["dice"]
    assert found is not None
    return found


if __name__ == "__main__":
    sys.exit(main())

"""Trains one setting with many seeds on the same images, and keeps what each did to every test image: for bench/verdicts.py.

Run in the repository: python bench/seed_runs.py SET FOLDER [--seeds 40] [--first 0] [--data DATA]

SET is `sample`, or `concrete_voc` (of which DATA holds the folder), both small and from scratch; or the folder of a project in
which `dvc repro split` has run, whose params.yaml is taken as it is. Only the training's seed differs: the images, their parts
and all else stay. FOLDER gets seed_N.npz of the right, true and predicted pixels (images, classes) of the test part; a seed that
is there already is not trained again.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sample_project

from segpipe import paths
from segpipe.dataset.split import folds
from segpipe.dataset.split.groups import groups_of
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.scores.intervals import Pixels
from segpipe.storage import workspace
from segpipe.training import loop
from segpipe.workflows.assemble import scorer
from segpipe.workflows.train import prepare_on
from segpipe.workflows.training_data import read_fold

IMAGES = 400
CLASSES = ["background", "crack", "spalling"]
SMALL: sample_project.Values = {
    "threads": 1,
    "split.test_share": 0.5,
    "split.val_share": 0.1,
    "data.near_duplicates": "none",
    "input.crop": 64,
    "input.long_side": 64,
    "input.normalise": "dataset",
    "model.name": "unet",
    "model.width": 16,
    "model.depth": 3,
    "model.weights": "none",
    "model.weights_sha256": "none",
    "train.epochs": 7,
    "train.validate_every": 7,
    "runtime.workers": 0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", help="sample, concrete_voc, or a project's folder")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--data", type=Path, default=sample_project.ROOT.parent / "shared" / "data")
    asked = parser.parse_args()
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with project(asked.set, asked.data.resolve()):
        for seed in range(asked.first, asked.first + asked.seeds):
            if not (file := folder / f"seed_{seed:03d}.npz").exists():
                train(seed, file)


@contextlib.contextmanager
def project(name: str, data: Path) -> Iterator[None]:
    """The working directory is the project of this set."""
    with tempfile.TemporaryDirectory() as images:
        if name == "sample":
            values = SMALL | {"data.sample.n_images": IMAGES, "data.sample.size": 64}
            made = sample_project.project(values)
        elif name == "concrete_voc":
            some(data / name, Path(images))
            values = SMALL | {"data.source": "masks", "data.path": images, "data.masks.classes": CLASSES}
            values = values | {"train.epochs": 12, "train.validate_every": 12}
            made = sample_project.project(values)
        else:
            os.environ["DVC_ROOT"] = str(Path(name).resolve())
            made = contextlib.chdir(name)
        with made:
            yield


def some(source: Path, folder: Path) -> None:
    """IMAGES of the images and their masks, spread over the set."""
    names = sorted(path.stem for path in (source / "SegmentationClass").glob("*.png"))
    if len(names) < IMAGES:
        sys.exit(f"{source} has {len(names)} masks, and {IMAGES} are wanted: give --data")
    for kind, from_folder, suffix in (("images", "JPEGImages", "jpg"), ("masks", "SegmentationClass", "png")):
        (folder / kind).mkdir()
        for name in names[:: len(names) // IMAGES][:IMAGES]:
            shutil.copy(source / from_folder / f"{name}.{suffix}", folder / kind)


def train(seed: int, file: Path) -> None:
    """Trains with this seed, predicts the test part by the best epoch's weights, and writes its pixels."""
    start = time.process_time()
    whole = load_params()
    # Data and folds lie there already, so the top seed moves the training alone.
    params = TrainKeys.of(whole).model_copy(update={"seed": seed})
    training = prepare_on(params, read_fold(whole.folds[0]))
    with training.cache.opened(workspace.decoded_images()):
        best = loop.fit(training.run)
    training.segmenter.load_state_dict(best.weights)
    test = folds.test(folds.read(paths.FOLDS))
    pixels = Pixels.of(np.stack([each.counts for each in scorer(training)(test)]))
    pack = training.data.pack
    groups = groups_of(pack.index, whole.split)
    named = np.array([groups[item] for item in test])
    np.savez_compressed(file, **vars(pixels), has_background=pack.info.has_background, ids=np.array(test), groups=named)
    dice = pixels.total().scores("dice")
    print(f"seed {seed}: dice {np.nanmean(dice[1:]):.4f}, {time.process_time() - start:.0f} s of CPU", flush=True)


if __name__ == "__main__":
    main()

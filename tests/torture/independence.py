"""One hash of the weights, whatever must not matter: workers, cache, order of files, locale, hash seed, folder, visible cores.

python -m tests.torture.independence prints it, and how evenly augmentations fall; it fails with the first that differs.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segpipe.dataset import augment, loader
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.reproducibility.seeds import seed_of
from segpipe.storage.files import sha256_of
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.pipeline.conftest import new_repository, set_params

STAGES = (["download"], ["convert"], ["split"], ["train", "--fold", "0"])
WEIGHTS = "models/fold0/model.safetensors"
BEFORE = "import runpy, sys\n{before}\nsys.argv = sys.argv[1:]\nrunpy.run_module(f'stages.{{sys.argv[0]}}', run_name='__main__')"
"""Runs a stage after something else."""
START_WORKERS = """
import multiprocessing
from torch.utils.data import DataLoader
multiprocessing.set_start_method({method!r})
make = DataLoader.__init__
def make_with(*arguments, **named):
    make(*arguments, **named | dict(persistent_workers={persistent} and named["num_workers"] > 0))
DataLoader.__init__ = make_with
"""
"""Workers start in another way and stay or not: no parameters of ours."""
LIST_SHUFFLED = """
import os, random
listdir, scandir = os.listdir, os.scandir
class Shuffled:
    def __init__(self, *place):
        with scandir(*place) as entries:
            self.entries = iter(shuffled(entries))
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.entries)
    def close(self, *error):
        pass
    __enter__, __exit__ = __iter__, close
def shuffled(entries):
    return random.Random(0).sample(found := [*entries], len(found))
os.listdir, os.scandir = lambda *place: shuffled(listdir(*place)), Shuffled
"""
"""Some file systems list files in the order of their names' hashes, however they were made: this stands for all."""
HALF_GIB = 0.00005
"""It holds 3 of the images of 64 x 64 pixels that are trained on, about half of them."""
LEFT, RIGHT = 192, 64
"""Values of the upper quarters of the picture that tells flips apart; the lower ones have half of them."""


@dataclass(frozen=True)
class Variation:
    """What is different in one repository."""

    name: str
    folder: str = "plain"
    workers: int = 0
    cache_gib: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)
    cores: int | None = None
    shuffled: bool = False
    before: str = ""


def variations() -> list[Variation]:
    """The plain one first."""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    return [
        Variation("nothing"),
        *(Variation(f"{count} workers", workers=count) for count in (1, 2, 4)),
        *(
            Variation(
                f"2 workers, {method}, {'persistent' if stay else 'new each epoch'}",
                workers=2,
                before=START_WORKERS.format(method=method, persistent=stay),
            )
            for method in ("fork", "spawn")
            for stay in (True, False)
        ),
        Variation("all images kept decoded", cache_gib=1.0),
        Variation("half of them kept decoded", cache_gib=HALF_GIB),
        Variation("half of them kept decoded by 2 workers", workers=2, cache_gib=HALF_GIB),
        Variation("files made in shuffled order", shuffled=True),
        Variation("files listed in shuffled order", before=LIST_SHUFFLED),
        *(Variation(f"locale {name}", environment={"LC_ALL": name}) for name in ("C", "C.UTF-8")),
        Variation("locale C, and Python not in UTF-8 mode", environment=ascii_only),
        *(Variation(f"hash seed {seed}", environment={"PYTHONHASHSEED": seed}) for seed in ("1", "12345")),
        Variation("folder with space and umlaut", folder="ein Körbchen voll"),
        Variation("the same, its locale C", folder="ein Körbchen voll", environment=ascii_only),
        *(Variation(f"{count} visible cores", cores=count) for count in (1, 2)),
    ]


def made_by(variation: Variation, place: Path) -> dict[str, str]:
    """The hashes of all that the stages write, in a new repository."""
    folder = new_repository(place / variation.folder)
    set_params(folder, {"runtime": {"workers": variation.workers, "cache_gib": variation.cache_gib}})
    for stage in STAGES:
        run_stage(stage, folder, variation)
        if stage == ["download"] and variation.shuffled:
            shuffle(folder / "data" / "raw")
    files = [*(folder / "data" / "prepared").iterdir(), folder / "data" / "folds" / "folds.csv"]
    files += [folder / WEIGHTS, folder / WEIGHTS.replace("model.safetensors", "history.csv")]
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in sorted(files)}


def run_stage(stage: list[str], folder: Path, variation: Variation) -> None:
    """As a person would by hand, in a process that sees what the variation says."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "LC_ALL", "PYTHONHASHSEED")}
    how = ["-c", BEFORE.format(before=variation.before)] if variation.before else ["-m"]
    name = stage[0] if variation.before else f"stages.{stage[0]}"
    done = subprocess.run(
        [*on_cores(variation.cores), sys.executable, *how, name, *stage[1:]],
        cwd=folder,
        env=environment | variation.environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{variation.name}: stage {stage[0]} failed\n{done.stdout}{done.stderr}")


def on_cores(count: int | None) -> list[str]:
    """The command that lets another see so many cores only."""
    if count is None:
        return []
    usable = sorted(os.sched_getaffinity(0))[:count]
    if len(usable) < count:
        raise SystemExit(f"this machine has {len(usable)} cores, not {count}")
    return ["taskset", "--cpu-list", ",".join(map(str, usable))]


def shuffle(folder: Path) -> None:
    """Makes the files anew in another order, so that the file system lists them in another."""
    contents = [(path, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]
    shutil.rmtree(folder)
    random.Random(0).shuffle(contents)
    for path, content in contents:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def compare(chosen: list[Variation], place: Path, tell: Callable[[str], object] = print) -> str:
    """A line a variation; the hash of the weights. Raises SystemExit that names the first variation with other bytes."""
    wanted: dict[str, str] = {}
    for number, variation in enumerate(chosen):
        found = made_by(variation, place / str(number))
        tell(f"{variation.name:45} {found[WEIGHTS]}")
        wanted = wanted or found
        different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if different:
            raise SystemExit(f"failed: {variation.name} gives other bytes in {', '.join(different)}")
        shutil.rmtree(place / str(number))
    tell(f"one hash: {wanted[WEIGHTS]} over {len(chosen)} variations, and {len(wanted)} equal files in each")
    return wanted[WEIGHTS]


def shares(images: int, epochs: int) -> dict[tuple[bool, bool, bool], float]:
    """How often each combination of two flips and the blur occurs, as a multiple of the eighth that is its share.

    The seeds are those of a training's images and epochs.
    """
    still = {"affine": 0.0, "brightness": 0.0, "contrast": 0.0}
    params = plain_params.PARAMS.augment.model_copy(
        update=still | dict.fromkeys(("flip_horizontal", "flip_vertical", "blur"), 0.5)
    )
    augmentation, image = augment.build(params, 16, 3), quartered()
    mask = np.zeros(image.shape[:2], np.uint8)
    seeds = (seed_of(42, 0, epoch, f"image {number}") for epoch in range(epochs) for number in range(images))
    counts = Counter(changes(augment.apply(augmentation, image, mask, seed)[0]) for seed in seeds)
    ways = [(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]
    return {way: 8 * counts[way] / (images * epochs) for way in ways}


def quartered() -> NDArray[np.uint8]:
    """Quarters of four values: flips move them, and only a blur makes new values."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :8], image[:, 8:] = LEFT, RIGHT
    image[8:] //= 2
    return image


def changes(image: NDArray[np.uint8]) -> tuple[bool, bool, bool]:
    """Whether a picture of `quartered` was flipped left to right, top to bottom, and blurred."""
    return image[0, 0, 0] < image[0, 15, 0], image[0, 0, 0] < image[15, 0, 0], len(np.unique(image)) > len(np.unique(quartered()))


def draws(place: Path, images: int, epochs: int, workers: int) -> Iterator[bytes]:
    """What workers make of images that are all alike, each turned by an angle: flips and crops alone can fall twice."""
    ids = [f"image {number}" for number in range(images)]
    data = made(place, dict.fromkeys(ids, (noise(0), noise(1, channels=1)[:, :, 0] % 2)))
    params = plain_params.PARAMS.augment.model_copy(update={"affine": 1.0})
    samples = loader.TrainingSamples(AugmentedCrops(data, ids, params, 16, 0, seed=42, fold=0))
    order = loader.EpochBatches(ids, 8, seed=42, fold=0)
    batches = loader.training_loader(samples, order, workers, pin=False)
    for order.epoch in range(epochs):
        for batch in batches:
            yield from (hashlib.sha256(image.numpy().tobytes()).digest() for image in batch.image)


def augmentation(place: Path, tell: Callable[[str], object] = print) -> None:
    """Raises SystemExit where a combination is more than a fifth off its share, or a draw occurs twice."""
    found = shares(100, 40)
    tell(f"shares of the 8 combinations: {min(found.values()):.1%} to {max(found.values()):.1%} of an eighth, in 4000 draws")
    drawn = list(draws(place / "alike", 64, 2, 4))
    tell(f"{len(set(drawn))} of {len(drawn)} draws differ: 4 workers, 2 epochs, 64 equal images")
    if not all(0.8 <= share <= 1.2 for share in found.values()) or len(set(drawn)) != len(drawn):
        raise SystemExit("failed: augmentations fall unevenly, or twice")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    warnings.filterwarnings("ignore", "This DataLoader will create")  # More workers than cores, on purpose.
    with tempfile.TemporaryDirectory() as temporary:
        augmentation(Path(temporary))
        compare(variations(), Path(temporary))


if __name__ == "__main__":
    main()

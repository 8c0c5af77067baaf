"""Memory stays flat over a training on more images than it could hold, with a cache of a part of them.

python -m tests.torture.memory trains some hundred steps on 20,000 images of 1,000 x 1,000 pixels with a cache of 2 GiB, and fails
where memory grows. Counted is what the processes of the training, workers included, have for themselves and cannot give back
(RssAnon and RssShmem of /proc): pages of the cache's file are the system's, which drops them when it needs room. The 20,000
images are a few files under many names: each is decoded and kept as if it were another. Linux only.
"""

import argparse
import contextlib
import itertools
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from segpipe import paths
from segpipe.dataset.split import folds
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import device as devices
from segpipe.training import loop
from segpipe.workflows.assemble import Training, assemble
from segpipe.workflows.training_data import TrainingData, read_fold
from tests import plain_params
from tests.dataset.packs import made

FEW = 12
MAY_GROW = 32 * 2**20
"""Bytes: what the allocator keeps of batches that come and go moves by some MiB."""
ANONYMOUS = ("RssAnon", "RssShmem")


def many(data: TrainingData, count: int) -> TrainingData:
    """So many training images: those of the data again and again, each time under other names."""
    repeated = {f"{number:06d}": item for number, item in zip(range(count), itertools.cycle(data.train_ids), strict=False)}
    originals = repeated | {item: item for item in data.validation_ids}
    pack = data.pack
    # The table too: what is known of an image decides its place in the cache.
    index = pack.index.loc[[*originals.values()]].set_axis([*originals], axis="index")
    images, masks, sha256 = (
        {name: known[item] for name, item in originals.items()} for known in (pack.images, pack.masks, pack.sha256)
    )  # type: ignore[attr-defined]
    inflated = replace(pack, index=index, images=images, masks=masks, sha256=sha256)
    return replace(data, pack=inflated, train_ids=[*repeated])


def train(training: Training, steps: int, tell: Callable[[str], object]) -> list[int]:
    """Fills the cache, then trains; the bytes that the processes hold, every tenth of the steps."""
    run, held = training.run, [0]

    def watch(run: loop.Run) -> None:
        step = run.progress.batch
        if step % max(1, steps // 10) == 0:
            held.append(counted(ANONYMOUS))
            tell(f"step {step:5}: {held[-1] / 2**20:7.0f} MiB held, {counted(('RssFile',)) / 2**20:7.0f} MiB of files in memory")

    batches = iter(run.batches(0, 0))
    loop.train_epoch(replace(run, batches=lambda epoch, first: batches, n_batches=steps, save_state=watch))
    return held[1:]


def counted(keys: tuple[str, ...]) -> int:
    """Bytes of this process and its workers."""
    processes = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
    lines = [line for process in processes for line in Path(f"/proc/{process}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) * 1024 for line in lines if line.partition(":")[0] in keys)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=1000, help="pixels, side of the images")
    parser.add_argument("--gib", type=float, default=2.0, help="of the cache")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    print(measured(parser.parse_args()))


def measured(asked: argparse.Namespace, tell: Callable[[str], object] = print) -> str:
    """What came out, in words. Raises SystemExit where memory grew."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with contextlib.chdir(folder):
            params = project(folder, asked)
            devices.configure_determinism(1, params.train.deterministic)
            training = assemble(params, many(read_fold(0), asked.images), torch.device("cpu"), {})
            with training.cache.opened(folder / "cache"):
                first = fill(training)
                held = train(training, asked.steps, tell)
    cached = f"{first} of them in a cache of {training.cache.size / 2**30:.2f} GiB"
    return require_flat(held, f"{asked.images} images of {asked.size} x {asked.size}, {cached}, {asked.steps} steps")


def require_flat(held: list[int], about: str) -> str:
    """How much was held, in words. Raises SystemExit where it grew."""
    growth = max(held) - held[0]
    said = f"{about}: {held[0] / 2**20:.0f} MiB held after the first tenth, {growth / 2**20:.0f} MiB more at most later"
    if growth > MAY_GROW:
        raise SystemExit(f"failed: {said}")
    return said


def project(folder: Path, asked: argparse.Namespace) -> TrainKeys:
    """A few images of blobs in the folder, and a small network on small crops of them: images are what costs."""
    rng = np.random.default_rng(0)
    images = {}
    for number in range(FEW):
        coarse = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        image = cv2.resize(coarse, (asked.size, asked.size), interpolation=cv2.INTER_CUBIC)
        images[f"i{number}"] = image, (image[:, :, 0] > 127).astype(np.uint8)
    made(folder / "data", images)
    folds.write(paths.FOLDS, {name: "0" if name == "i0" else "1" for name in images})
    params = TrainKeys.of(plain_params.PARAMS)
    changes: dict[str, dict[str, object]] = {
        "input": {"crop": 64},
        "augment": {"preset": "crop"},
        "model": {"width": 4, "depth": 2},
        "train": {"batch_size": 4},
        "runtime": {"device": "cpu", "workers": asked.workers, "cache_gib": asked.gib},
    }
    return params.model_copy(update={name: getattr(params, name).model_copy(update=keys) for name, keys in changes.items()})


def fill(training: Training) -> int:
    """Draws each image that has a slot, in this process; returns how many have one."""
    draws = training.run.batches(0, 0).dataset.draws  # type: ignore[attr-defined]
    for item in training.cache.slots:
        draws.draw(0, item)
    return len(training.cache.slots)


if __name__ == "__main__":
    main()

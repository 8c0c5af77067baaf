"""Images a second and core of the loader, the step and the whole loop: ours against the usual loop, and against a strong one.

Run in the repository: python bench/train_speed.py [--data FOLDER] [--limit IMAGES] [--rounds N]. FOLDER has images/ and masks/
(CamVid's layout); without it images are made. The network is smp's Unet on tu-efficientnet_lite0, crops of 256, batches of 8.

* ours: `assemble` with the presets' own augmentation, the cache filled, bf16 where the processor has it.
* usual: cv2.imread of image and mask, albumentations on the whole image and then a crop, fp32, NCHW.
* strong: the same augmentation on images that lie decoded in memory, bf16 as ours, channels last.

One thread and no loader workers, so that all work of a variant is on one core, and its time is the processor's: other programs
on the machine take none of it. Variants take turns, and a ratio is of one round's two times.
"""

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from segpipe.dataset import presets
from segpipe.params import edit, schema
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows.assemble import Training, assemble
from segpipe.workflows.training_data import read_fold

ROOT = Path(__file__).parents[1]
CROP, BATCH, ENCODER = 256, 8, "tu-efficientnet_lite0"
PRESETS = ("standard", "crop")
LOADER_AT_LEAST, LOOP_AT_LEAST, LOOP_WITHOUT_BF16, STRONG_AT_MOST = 4.0, 2.5, 1.5, 1.05
Batch = tuple[Tensor, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with images/ and masks/ of class ids")
    parser.add_argument("--limit", type=int, default=128, help="train on so many images only")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data.resolve() if options.data else made(Path(temporary) / "made", options.limit * 2)
        bring(Path(temporary) / "project", data)
        os.chdir(Path(temporary) / "project")
        for preset in PRESETS:
            loaders(preset, data, options)
        loops("standard", data, options)


def loaders(preset: str, data: Path, options: argparse.Namespace) -> None:
    """Prints what a batch costs each loader alone."""
    training = ours(preset, options.limit)
    pairs = Pairs.of(data, training)
    plain = whole_then_crop(training.params.augment)
    with training.cache.opened(Path("cache")):
        variants = {
            "ours, from the cache": iter_ours(training),
            "usual": iter_usual(FromFiles(pairs, plain)),
            "strong": iter_usual(InMemory(pairs, plain)),
        }
        for batches in variants.values():
            consume(batches, options.limit // BATCH)
        times = in_turns({name: lambda b=batches: consume(b, 16) for name, batches in variants.items()}, options.rounds)
    tell(f"loader alone, preset {preset}", times, 16 * BATCH)
    told("usual / ours", times["usual"], times["ours, from the cache"], LOADER_AT_LEAST, at_least=True)
    told("strong / ours", times["strong"], times["ours, from the cache"])


def loops(preset: str, data: Path, options: argparse.Namespace) -> None:
    """Prints what a batch costs each step alone, and each whole loop."""
    training = ours(preset, options.limit)
    pairs, classes = Pairs.of(data, training), len(training.data.pack.info.classes)
    plain = whole_then_crop(training.params.augment)
    ignored = load_params().data.masks.ignore_index
    usual, strong = Peer(classes, ignored, bf16=False, last=False), Peer(classes, ignored, bf16=has_bf16(), last=True)
    with training.cache.opened(Path("cache")):
        drawn = [*itertools.islice(training.run.batches(0, 0), 2)]
        consume(iter_ours(training), options.limit // BATCH)
        batches = {name: iter_usual(kind(pairs, plain)) for name, kind in (("usual", FromFiles), ("strong", InMemory))}
        consume(batches["strong"], options.limit // BATCH)
        held = {name: [*itertools.islice(each, 2)] for name, each in batches.items()}
        peers = {"usual": usual, "strong": strong}
        steps = {"ours": lambda: epoch_of(training, lambda: iter(drawn))} | {
            name: lambda p=peer, h=held[name]: p.train(iter(h), 2) for name, peer in peers.items()
        }
        whole = {"ours": lambda: epoch_of(training, lambda: iter_ours(training))} | {
            name: lambda p=peer, b=batches[name]: p.train(b, 2) for name, peer in peers.items()
        }
        for what, variants in (("step alone", steps), ("whole loop", whole)):
            for once in variants.values():
                once()
            times = in_turns(variants, options.rounds)
            tell(f"{what}, {'bf16' if has_bf16() else 'fp32: this processor has no bf16'}", times, 2 * BATCH)
            least = LOOP_AT_LEAST if has_bf16() else LOOP_WITHOUT_BF16
            told("usual / ours", times["usual"], times["ours"], least if what == "whole loop" else None, at_least=True)
            told("ours / strong", times["ours"], times["strong"], STRONG_AT_MOST if what == "whole loop" else None)


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself; where it does not, bf16 is slower than fp32."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


# Ours.


def ours(preset: str, limit: int) -> Training:
    params = load_params()
    changes: dict[str, dict[str, Any]] = {
        "input": {"crop": CROP, "normalise": "centred"},
        "augment": {"preset": preset},
        "model": {"name": "smp", "architecture": "Unet", "encoder": ENCODER, "weights": "bundled"},
        "train": {"batch_size": BATCH, "limit_images": limit, "precision": "bf16" if has_bf16() else "fp32"},
        "runtime": {"workers": 0, "device": "cpu"},
    }
    changed = {name: getattr(params, name).model_copy(update=values) for name, values in changes.items()}
    keys = TrainKeys.of(params.model_copy(update=changed))
    return assemble(keys, read_fold(0, limit), torch.device("cpu"), {})


def iter_ours(training: Training) -> Iterator[Any]:
    """The batches of epoch after epoch."""
    return itertools.chain.from_iterable(training.run.batches(epoch, 0) for epoch in itertools.count())


def epoch_of(training: Training, batches: Callable[[], Iterable[Any]]) -> None:
    """Two batches as `loop.fit` trains them."""
    run = replace(
        training.run, batches=lambda epoch, first: itertools.islice(batches(), 2), n_batches=2, progress=loop.Progress()
    )
    loop.train_epoch(run)


# The usual loop and the strong one, as their users write them.


@dataclass(frozen=True)
class Pairs:
    """The files of images and masks, in one order, those that ours trains on."""

    images: list[str]
    masks: list[str]

    @classmethod
    def of(cls, data: Path, training: Training) -> "Pairs":
        found = {path.stem: path for path in (data / "images").iterdir()}
        names = [Path(item).name for item in training.data.train_ids]
        return cls([str(found[name]) for name in names], [str(data / "masks" / f"{name}.png") for name in names])

    def read(self, number: int) -> tuple[Any, Any]:
        image = cv2.cvtColor(cv2.imread(self.images[number]), cv2.COLOR_BGR2RGB)
        return image, cv2.imread(self.masks[number], cv2.IMREAD_UNCHANGED)


class FromFiles(Dataset[Batch]):
    """Reads its files each time."""

    def __init__(self, pairs: Pairs, changes: Any) -> None:
        self.pairs, self.changes = pairs, changes

    def __len__(self) -> int:
        return len(self.pairs.images)

    def __getitem__(self, number: int) -> Batch:
        image, mask = self.pairs.read(number)
        changed = self.changes(image=image, mask=mask)
        return changed["image"], changed["mask"].long()


class InMemory(FromFiles):
    """Has all images decoded in memory."""

    def __init__(self, pairs: Pairs, changes: Any) -> None:
        super().__init__(pairs, changes)
        self.decoded = [pairs.read(number) for number in range(len(self))]

    def __getitem__(self, number: int) -> Batch:
        image, mask = self.decoded[number]
        changed = self.changes(image=image, mask=mask)
        return changed["image"], changed["mask"].long()


def whole_then_crop(keys: schema.AugmentParams) -> A.Compose:
    """The same changes by albumentations alone: the whole image is turned and scaled, and a crop is cut out of it."""
    from albumentations.pytorch import ToTensorV2

    keys = presets.resolved(keys)
    turned = A.Affine(
        scale=(keys.scale_min, keys.scale_max),
        rotate=(-keys.rotate, keys.rotate),
        border_mode=cv2.BORDER_REFLECT_101,
        p=keys.affine,
    )
    crop = A.RandomCrop(CROP, CROP)
    if keys.object_crop:
        crop = A.OneOf(
            [A.CropNonEmptyMaskIfExists(CROP, CROP, p=keys.object_crop), A.RandomCrop(CROP, CROP, p=1 - keys.object_crop)], p=1
        )
    jitter = {"saturation": (1 - keys.saturation, 1 + keys.saturation), "hue": (-keys.hue, keys.hue)}
    return A.Compose(
        [
            turned,
            A.PadIfNeeded(CROP, CROP, border_mode=cv2.BORDER_CONSTANT, fill=0, fill_mask=255),
            crop,
            A.HorizontalFlip(p=keys.flip_horizontal),
            A.RandomBrightnessContrast(keys.brightness, keys.contrast, p=keys.colour),
            A.RandomGamma((100 / (1 + keys.gamma), 100 * (1 + keys.gamma)), p=keys.colour),
            A.ColorJitter(brightness=(1, 1), contrast=(1, 1), **jitter, p=keys.colour),
            A.GaussianBlur(blur_limit=(3, 5), p=keys.blur),
            A.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            ToTensorV2(),
        ]
    )


def iter_usual(dataset: FromFiles) -> Iterator[Batch]:
    batches = DataLoader(dataset, batch_size=BATCH, shuffle=True, drop_last=True)
    return itertools.chain.from_iterable(iter(batches) for _ in itertools.count())


class Peer:
    """The same network with AdamW, cross entropy and Dice."""

    def __init__(self, classes: int, ignored: int, bf16: bool, last: bool) -> None:
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.model = smp.Unet(ENCODER, encoder_weights=None, classes=classes).to(memory_format=self.layout)
        self.autocast = (lambda: torch.autocast("cpu", torch.bfloat16)) if bf16 else nullcontext
        self.optimizer = torch.optim.AdamW(self.model.parameters(), 1e-3)
        self.entropy = nn.CrossEntropyLoss(ignore_index=ignored)
        self.dice = smp.losses.DiceLoss("multiclass", ignore_index=ignored)

    def train(self, batches: Iterator[Batch], count: int) -> None:
        self.model.train()
        for image, mask in itertools.islice(batches, count):
            with self.autocast():
                logits = self.model(image.contiguous(memory_format=self.layout))
            logits = logits.float()
            loss = self.entropy(logits, mask) + self.dice(logits, mask)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()


# Measuring.


def consume(batches: Iterator[Any], count: int) -> None:
    for _ in itertools.islice(batches, count):
        pass


def in_turns(variants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor of each variant in each round."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, once in variants.items():
            start = time.process_time()
            once()
            times[name].append(time.process_time() - start)
    return times


def tell(what: str, times: dict[str, list[float]], images: int) -> None:
    print(
        f"\n{what}: " + ", ".join(f"{name} {images / statistics.median(each):.1f}/s" for name, each in times.items()), flush=True
    )


def told(what: str, above: list[float], below: list[float], bound: float | None = None, at_least: bool = False) -> None:
    """The ratio of two variants' times, round by round, and whether it is what is wanted."""
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    median = statistics.median(ratios)
    reached = "" if bound is None else f", wanted {'>=' if at_least else '<='} {bound}: "
    if bound is not None:
        reached += "yes" if (median >= bound) == at_least or median == bound else "NO"
    print(f"  {what}: {median:.2f}, {min(ratios):.2f} to {max(ratios):.2f}{reached}", flush=True)


# The data.


def made(folder: Path, count: int) -> Path:
    """Images of 480 x 360 with blobs of 12 classes, as JPEG, and their masks."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    colours = rng.integers(0, 256, (12, 3))
    for number in range(count):
        ids = cv2.resize(rng.integers(0, 12, (9, 12)).astype(np.uint8), (480, 360), interpolation=cv2.INTER_NEAREST)
        image = np.clip(colours[ids] + rng.normal(0, 12, (360, 480, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{number:04d}.jpg"), image)
        cv2.imwrite(str(folder / "masks" / f"{number:04d}.png"), ids)
    return folder


def bring(project: Path, data: Path) -> None:
    """A project with the data converted and split; nothing is said of it but its failure."""
    (project / ".dvc").mkdir(parents=True)
    for name in ("params.yaml", "runtime.lock", "dvc.yaml", ".dvc/config"):
        shutil.copy(ROOT / name, project / name)
    (project / "kept_folds.csv").write_bytes(b"")
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    command(project, "segpipe.cli.main", "init", str(data), "--in-place", "--fix")
    edit.write(project / "params.yaml", {"data.near_duplicates": "none", "threads": 1, "split.test_share": 0.0, "folds": [0]})
    for stage in ("download", "convert", "split"):
        command(project, f"stages.{stage}")


def command(folder: Path, *arguments: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


if __name__ == "__main__":
    main()

"""A tuned recipe of segmentation_models_pytorch for a given time, on our prepared data: what `segpipe init` is held against.

Run in the repository, PROJECT being one whose stages convert and split have run:
python bench/peer.py PROJECT --seconds 600 --threads 2 --weights bundled

smp's Unet on an ImageNet encoder, all images decoded once into memory, augmented by albumentations in DataLoader workers,
channels last, in bfloat16 where a few measured steps are faster so, AdamW with a warm-up and a polynomial decay over the time
itself, cross entropy and Dice, and the best of three validations. The seconds are those from the start of the process to the
end of training: imports, decoding, trials and validations count. The last line is JSON: the scores on the test part, or with
`--more` on further images of a made set (bench/more_images.py), by segpipe's own definitions; the same where predictions are the
mean over an image and its mirror image; and what the training was.
"""

import argparse
import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import albumentations as A
import clock
import cv2
import more_images
import numpy as np
import pandas as pd
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Sampler

from segpipe.dataset.normalise import statistics
from segpipe.dataset.pack import Pack, open_pack
from segpipe.dataset.split import folds
from segpipe.images.decode import decode_image
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.models import bundled, pretrained
from segpipe.params.load import load_params
from segpipe.record import IGNORE
from segpipe.reproducibility.seeds import seed_of
from segpipe.scores.counts import Confusion, confusion, scores
from segpipe.storage.files import sha256_of

LARGE = 1_500_000
"""Pixels: larger images are shrunk to `LONG_SIDE` by default, as users of photos do."""
LONG_SIDE = 1024
SMALLEST, LARGEST = 0.75, 1.5
"""The range of sizes that an object is shown at."""
CHECKS = (0.8, 0.9, 1.0)
"""Shares of the training time at which the model is validated; the rate falls to 0, so earlier ones would never win."""
VALIDATION = 0.03
"""The largest share of the time that one of them may take."""
WARM_UP = 0.05
"""Share of the training time over which the rate grows from 0."""
STRIDE = 32
SCALE, SHIFT = 1 / 127.5, -1.0
"""Values to -1 .. 1, what the bundled encoders were trained on."""

Now = Callable[[], float]
"""The seconds since the start of the process."""


@dataclass(frozen=True)
class Images:
    """`images` (H, W, C) uint8 as the model is to see them, `masks` (H, W) class ids, 255 ignored, of the same size or larger."""

    images: list[NDArray[np.uint8]]
    masks: list[NDArray[np.uint8]]


@dataclass(frozen=True)
class Learner:
    """The model, the type in which it computes, and how many times as large as they are it sees images."""

    model: nn.Module
    precision: torch.dtype
    input_scale: int

    def logits(self, images: Tensor) -> Tensor:
        """(N, C, H, W) uint8 to float32 logits (N, K, H, W)."""
        values = (images.float() * SCALE + SHIFT).contiguous(memory_format=torch.channels_last)
        if self.input_scale > 1:
            values = F.interpolate(values, scale_factor=float(self.input_scale), mode="bilinear")
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == torch.bfloat16):
            logits: Tensor = self.model(values).float()
        return F.avg_pool2d(logits, self.input_scale) if self.input_scale > 1 else logits


def main() -> None:
    options = parsed()
    now = clock.since_start(options.clock, options.threads)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    torch.manual_seed(options.seed)
    pack, parts = open_pack(options.project / "data/prepared"), folds.read(options.project / "data/folds/folds.csv")
    train_ids, validation_ids = folds.train_and_validation(parts, 0)
    eight_bits = to_eight_bits(pack, train_ids)
    long_side = default_long_side(pack, train_ids) if options.long_side is None else options.long_side
    train = cached(pack, train_ids, eight_bits, long_side, options.threads, full_masks=False)
    crop = crop_side(train, options.crop)
    model = network(options, pack.info.channels, len(pack.info.classes))
    batches = endless_batches(train, crop, options)
    precision = faster_precision(model, [next(batches) for _ in range(4)], options.input_scale, now)
    learner = Learner(model, precision, options.input_scale)
    n_validation = affordable(learner, train, options.seconds * VALIDATION, len(validation_ids), now)
    validation = cached(pack, spread_over(validation_ids, n_validation), eight_bits, long_side, options.threads, full_masks=True)
    steps = fit(learner, batches, validation, pack, options, now)
    seconds = now()
    # One at a time: they need not fit into memory, and their time does not count.
    counts = [
        [confusions(learner, each, pack, mirror)[0] for mirror in (False, True)]
        for each in scored(pack, parts, eight_bits, long_side, options)
    ]
    found, mirrored = (scores(each, pack.info.has_background) for each in zip(*counts, strict=True))
    recipe = {"steps": steps, "precision": str(learner.precision).removeprefix("torch."), "crop": crop, "long_side": long_side}
    print(json.dumps({**kept(found), "mirrored": kept(mirrored), "seconds": seconds, "validated": n_validation} | recipe))


def kept(found: Mapping[str, float | None]) -> dict[str, float | None]:
    """Of all scores those that are told."""
    return {name: found[name] for name in ("miou", "dice")}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path, help="a folder with params.yaml, data/prepared and data/folds")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clock", choices=clock.KINDS, default="wall", help="which seconds (bench/clock.py)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", default=bundled.BUNDLED, help="bundled, none, or a file of the encoder's weights")
    parser.add_argument("--encoder", default="tu-efficientnet_lite0", help="smp's name")
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--decay", type=float, default=0.0001)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--long-side", type=int, help=f"0 keeps every pixel; else {LONG_SIDE} above {LARGE / 1e6} megapixels")
    parser.add_argument("--input-scale", type=int, default=1, help="how many times as large as they are the network sees images")
    parser.add_argument("--more", nargs=2, metavar=("SET", "N"), help="score N further images of a made set, not the test part")
    parser.add_argument("--turns", action="store_true", help="mirror up and down and turn by 90 degrees too")
    return parser.parse_args()


def scored(pack: Pack, parts: pd.DataFrame, eight_bits: Any, long_side: int, options: argparse.Namespace) -> Iterator[Images]:
    """The test part, or images that follow those of a made set; each alone, its mask at full size."""
    if options.more:
        name, count = options.more
        for file, mask in more_images.further(name, int(count)):
            image = decode_image(file.read_bytes(), file.name)
            yield Images([shrink_image(eight_bits(image), long_side)], [mask])
        return
    for item in folds.test(parts):
        yield cached(pack, [item], eight_bits, long_side, 1, full_masks=True)


def to_eight_bits(pack: Pack, ids: list[str]) -> Any:
    """A function from (H, W, C) of the data's type to uint8: 16 bits by the percentiles of the training images."""
    if pack.info.bits == 8:
        return lambda image: image
    low, width = (np.array(each) * (2**pack.info.bits - 1) for each in statistics("percentile", pack.index.loc[ids], pack.info))
    return lambda image: (np.clip((image - low) / width, 0, 1) * 255).astype(np.uint8)


def default_long_side(pack: Pack, ids: list[str]) -> int:
    """As users do: photos are shrunk, smaller images stay as they are."""
    sizes = pack.index.loc[ids]
    return LONG_SIDE if float((sizes["width"] * sizes["height"]).median()) > LARGE else 0


def cached(pack: Pack, ids: list[str], eight_bits: Any, long_side: int, threads: int, full_masks: bool) -> Images:
    """The images decoded, and shrunk to `long_side`; their masks too, unless they are to be scored at full size."""

    def read(item: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        mask = pack.mask(item)
        return shrink_image(eight_bits(pack.image(item)), long_side), mask if full_masks else shrink_mask(mask, long_side)

    with ThreadPoolExecutor(threads) as pool:
        images, masks = zip(*pool.map(read, ids), strict=True)
    return Images(list(images), list(masks))


def crop_side(train: Images, wanted: int) -> int:
    """The side wanted, or as much of the images as is a multiple of the stride, where half of them are smaller."""
    side = int(np.median([min(image.shape[:2]) for image in train.images]))
    return max(STRIDE, min(wanted, side) // STRIDE * STRIDE)


def network(options: argparse.Namespace, channels: int, n_classes: int) -> nn.Module:
    """smp's Unet, its encoder with the weights asked for; a first layer of 3 channels is adapted as smp does it."""
    model = smp.Unet(options.encoder, encoder_weights=None, in_channels=channels, classes=n_classes)
    if options.weights == bundled.BUNDLED:
        own = {"encoder": options.encoder, "weights": bundled.BUNDLED, "weights_sha256": pretrained.NONE}
        bundled.start(model.encoder, load_params(options.project / "params.yaml").model.model_copy(update=own))
    elif options.weights != pretrained.NONE:
        tensors, _ = pretrained.read(Path(options.weights), sha256_of(Path(options.weights)))
        pretrained.fill(model.encoder, tensors, options.weights)
    return model.to(memory_format=torch.channels_last)


class Draws(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops, each drawn anew by its number."""

    def __init__(self, images: Images, crop: int, turns: bool, seed: int) -> None:
        self.images, self.seed, self.changes = images, seed, changes(crop, turns)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        number, index = key
        # Given for each draw, since albumentations repeats itself in the workers of a DataLoader.
        seed = seed_of(self.seed, "peer", number)
        self.changes.set_random_state(np.random.default_rng(seed), random.Random(seed))
        changed = self.changes(image=self.images.images[index], mask=self.images.masks[index])
        # A gray image comes back without its channel.
        image = changed["image"].reshape(*changed["mask"].shape, -1)
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), torch.from_numpy(
            changed["mask"].astype(np.int64)
        )


class Shuffled(Sampler[tuple[int, int]]):
    """Numbers of draws with the indices of images, one permutation after the other without an end."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng, number = np.random.default_rng(self.seed), 0
        while True:
            for index in rng.permutation(self.count):
                yield number, int(index)
                number += 1


def changes(crop: int, turns: bool) -> A.Compose:
    """Half to one and a third times the crop cut out and brought to its size: an object at 0.75 to 1.5 of its own."""
    most = int(np.ceil(crop / SMALLEST))
    mirrored = [A.HorizontalFlip(p=0.5)] + ([A.VerticalFlip(p=0.5), A.RandomRotate90(p=0.5)] if turns else [])
    return A.Compose(
        [
            A.PadIfNeeded(most, most, border_mode=cv2.BORDER_CONSTANT, fill=0, fill_mask=IGNORE),
            A.RandomSizedCrop((int(crop / LARGEST), most), (crop, crop)),
            *mirrored,
            A.RandomBrightnessContrast(0.2, 0.2, p=0.5),
        ]
    )


def endless_batches(train: Images, crop: int, options: argparse.Namespace) -> Iterator[tuple[Tensor, Tensor]]:
    loader = DataLoader(
        Draws(train, crop, options.turns, options.seed),
        options.batch,
        sampler=Shuffled(len(train.images), options.seed),
        num_workers=options.threads,
        worker_init_fn=one_thread,
    )
    return iter(loader)


def one_thread(worker: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def faster_precision(model: nn.Module, batches: list[tuple[Tensor, Tensor]], input_scale: int, now: Now) -> torch.dtype:
    """The type in which forward and backward of these batches, the first left out, take less time. No weight changes."""
    # In a copy, since batch normalisation would learn from the trials.
    trial = copy.deepcopy(model)
    seconds = {}
    for precision in (torch.float32, torch.bfloat16):
        for number, (images, target) in enumerate(batches):
            if number == 1:
                start = now()
            loss_of(Learner(trial, precision, input_scale).logits(images), target).backward()
        seconds[precision] = now() - start
    return min(seconds, key=lambda each: seconds[each])


DICE = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE)


def loss_of(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy and Dice, alike; without a pixel that counts, 0."""
    counted = (target != IGNORE).sum().clamp(min=1)
    return F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum") / counted + DICE(logits, target)


def affordable(learner: Learner, train: Images, seconds: float, most: int, now: Now) -> int:
    """How many images, 1 to `most`, are predicted in that time, by the time of two after one that does not count."""
    predicted(learner, train.images[0], train.masks[0].shape)
    start = now()
    for image in train.images[:2]:
        predicted(learner, image, image.shape[:2])
    return max(1, min(most, int(2 * seconds / max(now() - start, 0.01))))


def spread_over(ids: list[str], count: int) -> list[str]:
    return [ids[place] for place in np.linspace(0, len(ids) - 1, count).round().astype(int)]


def fit(
    learner: Learner,
    batches: Iterator[tuple[Tensor, Tensor]],
    validation: Images,
    pack: Pack,
    options: argparse.Namespace,
    now: Now,
) -> int:
    """Trains until the time is over, keeps the best of the validated weights, and returns the number of steps."""
    optimizer = torch.optim.AdamW(learner.model.parameters(), lr=options.lr, weight_decay=options.decay)
    start = now()
    validate(learner, validation, pack)
    begin, paused, steps = now(), 0.0, 0
    total = max(options.seconds - begin - len(CHECKS) * (begin - start), 1e-9)
    checks, best, weights = list(CHECKS), -1.0, learner.model.state_dict()
    learner.model.train()
    while checks:
        share = (now() - begin - paused) / total
        if share >= checks[0]:
            checks.pop(0)
            start = now()
            if (score := validate(learner, validation, pack)) > best:
                best, weights = score, copy.deepcopy(learner.model.state_dict())
            learner.model.train()
            paused += now() - start
            continue
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1.0, share / WARM_UP) * (1 - share) ** 0.9
        images, target = next(batches)
        optimizer.zero_grad(set_to_none=True)
        loss_of(learner.logits(images), target).backward()
        optimizer.step()
        steps += 1
    learner.model.load_state_dict(weights)
    return steps


def validate(learner: Learner, validation: Images, pack: Pack) -> float:
    found = scores(confusions(learner, validation, pack), pack.info.has_background)["miou"]
    return 0.0 if found is None else found


def confusions(learner: Learner, images: Images, pack: Pack, mirror: bool = False) -> list[Confusion]:
    """The counts of each image, predicted whole and scored at the size of its mask; with `mirror` by the mean over two views."""
    pairs = zip(images.images, images.masks, strict=True)
    return [confusion(mask, predicted(learner, image, mask.shape, mirror), len(pack.info.classes)) for image, mask in pairs]


@torch.inference_mode()
def predicted(learner: Learner, image: NDArray[np.uint8], size: tuple[int, ...], mirror: bool = False) -> NDArray[np.uint8]:
    """(H, W, C) to class ids (H, W) of that size: padded to the stride, and the logits enlarged.

    With `mirror` they are those of the mean probability of the image and its mirror image.
    """
    learner.model.eval()
    height, width = image.shape[:2]
    padding = (0, -height % STRIDE, 0, -width % STRIDE)
    padded = cv2.copyMakeBorder(image, padding[0], padding[1], padding[2], padding[3], cv2.BORDER_REFLECT_101)
    values = torch.from_numpy(np.ascontiguousarray(padded.reshape(*padded.shape[:2], -1).transpose(2, 0, 1)))[None]
    logits = learner.logits(values)
    if mirror:
        logits = ((logits.softmax(dim=1) + learner.logits(values.flip(-1)).flip(-1).softmax(dim=1)) / 2).log()
    logits = logits[..., :height, :width]
    if (height, width) != tuple(size):
        logits = F.interpolate(logits, tuple(size), mode="bilinear")
    return logits.argmax(dim=1)[0].to(torch.uint8).numpy()


if __name__ == "__main__":
    main()

"""Samples a second of our augmentation, as ratios against plain albumentations with the same changes, and what placing costs.

The peer is what segmentation tutorials write: Affine on the whole image, PadIfNeeded, RandomCrop, flip, brightness. Both
work on the same arrays in memory, one thread, in turns. Run in the repository: python bench/augment.py [ROUNDS]
"""

import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
import pandas as pd

from segpipe.dataset import augment, crops
from segpipe.dataset.pack import Pack, pixel_columns
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.params import schema
from segpipe.params.load import load_params
from segpipe.record import DatasetInfo

SIZES = {
    "128 x 128, crop 128": (128, 128, 128),
    "480 x 360, crop 256": (360, 480, 256),
    "4000 x 3000, crop 512": (3000, 4000, 512),
}
STANDARD = load_params().augment.model_copy(update={"preset": "custom", "affine": 1.0})
SECONDS = 0.25


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    cv2.setNumThreads(0)
    for name, (height, width, crop) in SIZES.items():
        image, mask = scene(height, width)
        variants = {
            "albumentations": plain(crop, image, mask),
            "ours": ours(STANDARD, crop, image, mask),
            "ours, padded": ours(STANDARD, crop, crops.padded(image), mask),
            "ours, placed on objects": ours(STANDARD.model_copy(update={"object_crop": 1.0}), crop, image, mask),
        }
        speeds = [{which: per_second(sample) for which, sample in variants.items()} for _ in range(rounds)]
        print(f"{name}: " + ", ".join(f"{which} {statistics.median(each[which] for each in speeds):.0f}/s" for which in variants))
        for which in list(variants)[1:]:
            ratios = [each[which] / each["albumentations"] for each in speeds]
            print(f"  {which} / albumentations: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
        placing = [each["ours"] / each["ours, placed on objects"] for each in speeds]
        print(f"  a sample placed on an object costs {statistics.median(placing):.2f} times one that is not")
    print(f"memory that placing takes for 100,000 images of 21 classes: {held(100_000, 21) / 1e6:.1f} MB")


def scene(height: int, width: int) -> tuple[Any, Any]:
    """An image with blobs of three classes."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    coarse = rng.integers(0, 4, (height // 16, width // 16)).astype(np.uint8)
    return image, cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)


def held(images: int, classes: int) -> int:
    """Bytes that a training keeps for so many images beside the pack."""
    info = DatasetInfo(tuple(map(str, range(classes))), False, 3, 8, images)
    ids = [f"image{number}" for number in range(images)]
    index = pd.DataFrame(np.ones((images, classes), np.int64), index=ids, columns=pixel_columns(info))
    tracemalloc.start()
    kept = AugmentedCrops(Pack(info, index, {}, {}, {}, {}), ids, STANDARD, 128, 0, 0, 0)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return size


def ours(keys: schema.AugmentParams, crop: int, image: Any, mask: Any) -> Callable[[int], object]:
    augmentation = augment.build(keys, crop, 3)
    return lambda seed: augment.apply(augmentation, image, mask, seed, [1, 2, 3], [1.0, 1.0, 1.0])


def plain(crop: int, image: Any, mask: Any) -> Callable[[int], object]:
    keys = STANDARD
    compose = A.Compose(
        [
            A.Affine(
                scale=(keys.scale_min, keys.scale_max),
                rotate=(-keys.rotate, keys.rotate),
                border_mode=cv2.BORDER_REFLECT_101,
                p=keys.affine,
            ),
            A.PadIfNeeded(crop, crop, border_mode=cv2.BORDER_CONSTANT, fill=0, fill_mask=255),
            A.RandomCrop(crop, crop),
            A.HorizontalFlip(p=keys.flip_horizontal),
            A.RandomBrightnessContrast(keys.brightness, keys.contrast, p=keys.colour),
        ]
    )
    return lambda seed: compose(image=image, mask=mask)


def per_second(sample: Callable[[int], object]) -> float:
    sample(0)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        count += 1
        sample(count)
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()

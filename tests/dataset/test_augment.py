"""Augmentation: decided by the seed alone, image and mask in step, no class invented."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from segpipe.dataset import augment
from segpipe.params import AugmentParams, load
from tests.dataset.packs import noise
from tests.structure.imports import ROOT

STANDARD = load(ROOT / "params.yaml").augment
STILL = AugmentParams(
    flip_horizontal=0, flip_vertical=0, rotate=0, scale=0, affine=0, brightness=0, contrast=0, blur=0
)  # fmt: skip


def test_the_seed_decides_everything() -> None:
    compose, mask = augment.build(STANDARD, 16), noise(1, channels=1)[:, :, 0] % 3
    first = augment.apply(compose, noise(0), mask, 5)
    augment.apply(compose, noise(7), mask, 6)
    again = augment.apply(compose, noise(0), mask, 5)
    fresh = augment.apply(augment.build(STANDARD, 16), noise(0), mask, 5)
    for other in (again, fresh):
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_flips_fire_apart_from_each_other() -> None:
    params = STILL.model_copy(update={"flip_horizontal": 0.5, "flip_vertical": 0.5})
    compose = augment.build(params, 16)
    image, mask = noise(0, 16, 16), np.zeros((16, 16), np.uint8)
    ways = {image.tobytes(): "none", image[:, ::-1].tobytes(): "h", image[::-1].tobytes(): "v"}
    ways[image[::-1, ::-1].tobytes()] = "both"
    counts = Counter(ways[augment.apply(compose, image, mask, seed)[0].tobytes()] for seed in range(400))
    assert set(counts) == {"none", "h", "v", "both"}
    assert all(80 <= count <= 120 for count in counts.values())


def test_image_and_mask_move_together() -> None:
    params = STANDARD.model_copy(update={"brightness": 0, "contrast": 0, "affine": 1.0, "flip_vertical": 0.5})
    compose = augment.build(params, 64)
    mask = np.zeros((96, 80), np.uint8)
    mask[20:70, 10:50] = 1
    image = np.repeat(mask[:, :, None] * 255, 3, axis=2)
    for seed in range(30):
        moved, moved_mask = augment.apply(compose, image, mask, seed)
        assert ((moved[:, :, 0] > 127) == (moved_mask == 1)).mean() > 0.98


def test_no_class_is_invented() -> None:
    compose = augment.build(STANDARD.model_copy(update={"affine": 1.0, "rotate": 45}), 32)
    mask = np.random.default_rng(0).choice([0, 4, 9], (40, 40)).astype(np.uint8)
    for seed in range(30):
        assert set(np.unique(augment.apply(compose, noise(0, 40, 40), mask, seed)[1])) <= {0, 4, 9}


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_any_channels_of_both_kinds(channels: int, kind: type[np.generic], tmp_path: Path) -> None:
    image = noise(0, 40, 30, channels).astype(kind) / (1 if kind is np.uint8 else 255)
    compose = augment.build(STANDARD.model_copy(update={"blur": 1.0}), 32)
    changed, mask = augment.apply(compose, image.astype(kind), np.ones((40, 30), np.uint8), 3)
    assert (changed.shape, changed.dtype, mask.shape) == ((32, 32, channels), kind, (32, 32))


def test_smaller_images_are_padded_with_what_the_loss_ignores() -> None:
    image, mask = augment.apply(augment.build(STILL, 16), noise(0, 10, 12), np.ones((10, 12), np.uint8), 0)
    assert image.shape == (16, 16, 3)
    assert (mask == 1).sum() == 120
    assert (mask == 255).sum() == 136

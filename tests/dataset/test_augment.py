"""Augmentation: decided by the seed alone, image and mask in step, no class invented, whatever channels and sizes."""

from collections import Counter
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.dataset import augment, transforms
from segpipe.dataset.presets import NOTHING, PRESETS, resolved
from segpipe.params.schema import AugmentParams
from tests import plain_params
from tests.dataset.packs import noise

OURS = plain_params.PARAMS.augment
STILL = AugmentParams.model_validate({"preset": "custom", "library": "albumentations", "synchronised": True} | NOTHING)
EVERYTHING: dict[str, float] = {
    "flip_horizontal": 0.5,
    "flip_vertical": 0.5,
    "rotate90": 0.5,
    "affine": 0.5,
    "rotate": 45,
    "scale_min": 0.5,
    "scale_max": 2,
    "shear": 20,
    "object_crop": 0.5,
    "colour": 0.5,
    "brightness": 0.3,
    "contrast": 0.3,
    "gamma": 0.3,
    "saturation": 0.3,
    "hue": 0.1,
    "blur": 0.5,
    "noise": 0.5,
    "elastic": 0.5,
    "grid_distortion": 0.5,
    "erase": 0.5,
}
ALL = STILL.model_copy(update=EVERYTHING)
ALONE: dict[str, dict[str, float]] = {
    "flip_horizontal": {"flip_horizontal": 1},
    "flip_vertical": {"flip_vertical": 1},
    "rotate90": {"rotate90": 1},
    "rotate": {"affine": 1, "rotate": 30},
    "scale": {"affine": 1, "scale_min": 0.5, "scale_max": 2},
    "shear": {"affine": 1, "shear": 30},
    "brightness": {"colour": 1, "brightness": 0.5},
    "contrast": {"colour": 1, "contrast": 0.5},
    "gamma": {"colour": 1, "gamma": 0.5},
    "saturation": {"colour": 1, "saturation": 0.5},
    "hue": {"colour": 1, "hue": 0.2},
    "blur": {"blur": 1},
    "noise": {"noise": 1},
    "elastic": {"elastic": 1},
    "grid_distortion": {"grid_distortion": 1},
    "erase": {"erase": 1},
}
"""What each change takes to happen every time, and nothing else with it."""
MOVES = ("flip_horizontal", "flip_vertical", "rotate90", "rotate", "scale", "shear", "elastic", "grid_distortion")
NEEDS_RGB = ("saturation", "hue")
CHANNELS = [1, 2, 3, 4, 5, 13]


def build(channels: int = 3, crop: int = 32, **keys: float) -> augment.Augmentation:
    return augment.build(STILL.model_copy(update=keys), crop, channels)


def smooth(height: int, width: int, channels: int, kind: type = np.uint8) -> NDArray[Any]:
    """Like a photograph: neighbours are alike, and no value is at the end of its range."""
    image = cv2.GaussianBlur(noise(5, height, width, channels)[:, :, 0], (0, 0), 4).reshape(height, width, 1)
    values = 60 + (image.astype(np.float32) - image.min()) / max(int(np.ptp(image)), 1) * 120
    values = values + np.arange(channels, dtype=np.float32) * 4
    return values.astype(kind) if kind is np.uint8 else (values / 255).astype(kind)


def test_the_table_of_this_test_is_complete() -> None:
    assert {key for keys in ALONE.values() for key in keys} == set(NOTHING) - {"object_crop", "rare_classes"}
    assert set(EVERYTHING) == set(NOTHING) - {"rare_classes"}


@pytest.mark.parametrize("params", [OURS, ALL])
def test_the_seed_decides_everything(params: AugmentParams) -> None:
    augmentation, mask = augment.build(params, 16, 3), noise(1, channels=1)[:, :, 0] % 3
    for seed in range(20):
        first = augment.apply(augmentation, noise(0), mask, seed, [1, 2], [1.0, 1.0])
        augment.apply(augmentation, noise(7), mask, seed + 100)
        again = augment.apply(augmentation, noise(0), mask, seed, [1, 2], [1.0, 1.0])
        fresh = augment.apply(augment.build(params, 16, 3), noise(0), mask, seed, [1, 2], [1.0, 1.0])
        for other in (again, fresh):
            assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_opencvs_threads_change_nothing() -> None:
    """In worker processes OpenCV has one thread, in the main process as many as there are cores."""
    image, mask, augmentation = noise(0, 300, 280), noise(1, 300, 280, 1)[:, :, 0] % 3, augment.build(ALL, 256, 3)
    before, found = cv2.getNumThreads(), []
    try:
        for threads in (0, 1, 2, 4):
            cv2.setNumThreads(threads)
            found.append([part.tobytes() for seed in range(12) for part in augment.apply(augmentation, image, mask, seed)])
    finally:
        cv2.setNumThreads(before)
    assert found[0] == found[1] == found[2] == found[3]


def test_all_combinations_of_three_flips_occur_evenly() -> None:
    augmentation = build(crop=16, flip_horizontal=0.5, flip_vertical=0.5, blur=0.5)
    image, mask = noise(0, 16, 16), np.zeros((16, 16), np.uint8)
    image[:, :8, 0], image[:, 8:, 0], image[8:, :, 1] = 10, 200, image[8:, :, 1] // 4
    values = set(np.unique(image[:, :, 0]))

    def combination(drawn: NDArray[Any]) -> tuple[bool, bool, bool]:
        upper, lower = drawn[:8, :, 1].sum(), drawn[8:, :, 1].sum()
        return drawn[0, 0, 0] > drawn[0, 15, 0], bool(upper < lower), not set(np.unique(drawn[:, :, 0])) <= values

    counts = Counter(combination(augment.apply(augmentation, image, mask, seed)[0]) for seed in range(800))
    assert len(counts) == 8
    assert all(70 <= count <= 130 for count in counts.values())


def test_where_the_crop_lies_says_nothing_of_the_flip() -> None:
    """Both draw from generators of the same seed: they must be other streams."""
    augmentation = build(crop=16, flip_horizontal=0.5)
    image = np.repeat(np.repeat(np.arange(48, dtype=np.uint8)[None, :, None], 48, axis=0), 3, axis=2)
    found = []
    for seed in range(400):
        row = augment.apply(augmentation, image, np.zeros((48, 48), np.uint8), seed)[0][0, :, 0].astype(int)
        found.append((min(row[0], row[-1]), row[0] > row[-1]))
    left, flipped = np.array(found, float).T
    assert abs(np.corrcoef(left, flipped)[0, 1]) < 0.15


@pytest.mark.parametrize("change", MOVES)
def test_image_and_mask_move_together(change: str) -> None:
    augmentation = build(crop=64, **ALONE[change])
    mask = np.zeros((96, 80), np.uint8)
    mask[20:70, 10:50] = 1
    image = np.repeat(mask[:, :, None] * 255, 3, axis=2)
    moved = 0
    for seed in range(30):
        drawn, drawn_mask = augment.apply(augmentation, image, mask, seed)
        off = (drawn[:, :, 0] > 127) != (drawn_mask == 1)
        assert not cv2.erode(off.astype(np.uint8), np.ones((2, 2))).any(), "a difference wider than one pixel"
        moved += not np.array_equal(drawn_mask, augment.apply(build(crop=64), image, mask, seed)[1])
    assert moved > 15


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("change", ALONE)
def test_each_change_on_any_channels(change: str, channels: int, kind: type) -> None:
    """It does something, keeps shape, kind and range; colours are left alone where there are none."""
    image, mask = smooth(45, 51, channels, kind), noise(1, 45, 51, 1)[:, :, 0] % 3
    if change in NEEDS_RGB:
        image = image * np.linspace(0.4, 1, channels, dtype=np.float32)
        image = image.astype(kind)
    augmentation = build(channels, **ALONE[change])
    changed = 0
    for seed in range(4):
        drawn, drawn_mask = augment.apply(augmentation, image, mask, seed)
        assert (drawn.shape, drawn.dtype, drawn_mask.shape, drawn_mask.dtype) == ((32, 32, channels), kind, (32, 32), np.uint8)
        assert kind is np.uint8 or 0 <= drawn.min() <= drawn.max() <= 1
        still, still_mask = augment.apply(build(channels), image, mask, seed)
        changed += not np.array_equal(drawn, still)
        assert change in (*MOVES, "erase") or np.array_equal(drawn_mask, still_mask)
    assert changed == 0 if change in NEEDS_RGB and channels != 3 else changed > 0


@settings(max_examples=150)
@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from(CHANNELS),
    st.sampled_from([np.uint8, np.float32]),
    st.sampled_from([16, 33, 48]),
    st.integers(0, 2**63 - 1),
)
def test_no_class_is_invented(height: int, width: int, channels: int, kind: type, crop: int, seed: int) -> None:
    """Everything at once, on any image down to one pixel."""
    mask = np.random.default_rng(seed).choice([0, 4, 9], (height, width)).astype(np.uint8)
    image = (noise(seed, height, width, channels) / (1 if kind is np.uint8 else 255)).astype(kind)
    drawn, drawn_mask = augment.apply(augment.build(ALL, crop, channels), image, mask, seed, [4, 9], [1.0, 2.0])
    assert (drawn.shape, drawn.dtype, drawn_mask.shape) == ((crop, crop, channels), kind, (crop, crop))
    assert set(np.unique(drawn_mask)) <= {*np.unique(mask), 255}
    assert np.isfinite(drawn).all()


def test_an_invented_class_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transforms.LOOKED_UP, "mask_interpolation", cv2.INTER_LINEAR)
    augmentation = build(elastic=1)
    mask = np.random.default_rng(0).choice([0, 9], (40, 40)).astype(np.uint8)
    with pytest.raises(AssertionError, match="invented a class"):
        augment.apply(augmentation, noise(0, 40, 40), mask, 0)


def test_erased_pixels_are_black_and_ignored() -> None:
    image, mask = augment.apply(build(erase=1), noise(0, 32, 32) | 1, np.ones((32, 32), np.uint8), 4)
    assert 0 < (mask == 255).mean() < 0.4
    assert np.array_equal(mask == 255, (image == 0).all(axis=2))


def test_smaller_images_are_padded_with_what_the_loss_ignores() -> None:
    image, mask = augment.apply(build(crop=16), noise(0, 10, 12), np.ones((10, 12), np.uint8), 0)
    assert image.shape == (16, 16, 3)
    assert (mask == 1).sum() == 120
    assert (mask == 255).sum() == 136


def test_what_turning_lays_bare_is_mirrored() -> None:
    for seed in range(10):
        mask = augment.apply(build(affine=1, rotate=180, scale_min=0.5), noise(0, 32, 32), np.ones((32, 32), np.uint8), seed)[1]
        assert (mask == 1).all()


def test_crops_lie_on_objects_as_often_as_asked() -> None:
    mask = np.zeros((400, 400), np.uint8)
    mask[300:305, 200:205] = 2
    image = noise(0, 400, 400)

    def share(probability: float, **keys: float) -> float:
        augmentation = build(object_crop=probability, **keys)
        return float(np.mean([(augment.apply(augmentation, image, mask, seed, [2], [1.0])[1] == 2).any() for seed in range(200)]))

    assert share(0.0) < 0.05
    assert 0.4 < share(0.5) < 0.6
    assert share(1.0) == 1.0
    assert share(1.0, affine=1, rotate=180, scale_min=0.5, scale_max=2, shear=20) == 1.0


@pytest.mark.parametrize("name", PRESETS)
def test_presets_run_on_gray_colour_and_many_bands(name: str) -> None:
    params = resolved(OURS.model_copy(update={"preset": name}))
    for channels in CHANNELS:
        for seed in range(6):
            image = augment.apply(
                augment.build(params, 32, channels), noise(0, 40, 30, channels), np.ones((40, 30), np.uint8), seed
            )[0]
            assert image.shape == (32, 32, channels)


def test_medical_never_changes_a_value() -> None:
    """A flat image stays flat and its value what it is."""
    augmentation = augment.build(resolved(OURS.model_copy(update={"preset": "medical"})), 32, 1)
    for seed in range(40):
        image, mask = augment.apply(augmentation, np.full((50, 50, 1), 77, np.uint8), np.ones((50, 50), np.uint8), seed)
        assert (image == 77).all() and (mask == 1).all()


def test_plain_is_nothing_but_the_crop() -> None:
    augmentation = augment.build(resolved(OURS.model_copy(update={"preset": "plain"})), 32, 3)
    assert list(augmentation.changes.transforms) == []
    image = noise(0, 32, 32)
    assert np.array_equal(augment.apply(augmentation, image, np.zeros((32, 32), np.uint8), 1)[0], image)


def test_masks_out_of_step_are_changed_by_other_draws_and_images_are_as_they_were() -> None:
    image, mask = noise(3, 40, 40), (noise(4, 40, 40)[..., 0] % 3).astype(np.uint8)
    together = augment.build(ALL, 24, 3)
    apart = augment.build(ALL.model_copy(update={"synchronised": False}), 24, 3)
    differing = 0
    for seed in range(10):
        (one, own), (other, moved) = (augment.apply(each, image, mask, seed) for each in (together, apart))
        assert np.array_equal(one, other)
        assert np.array_equal(moved, augment.apply(together, image, mask, augment.seed_of_mask(seed))[1])
        differing += not np.array_equal(own, moved)
    assert differing == 10

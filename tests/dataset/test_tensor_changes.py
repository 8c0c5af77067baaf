"""The changes where a model trains: each beside albumentations' with the same numbers, image and mask in step, any channels."""

from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from segpipe.dataset import tensor_changes, transforms
from segpipe.dataset.tensor_changes import Changes, apply, draw, looked_up
from tests.dataset.packs import noise
from tests.dataset.test_augment import ALL, ALONE, CHANNELS, MOVES, NEEDS_RGB, STILL, smooth

SIDE = 48


def tensors(image: NDArray[Any], mask: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255, torch.from_numpy(mask)


def changed(changes: Changes, image: NDArray[Any], mask: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """In albumentations' form: (H, W, C) with values 0 .. 255."""
    found, ids = apply(changes, *tensors(image, mask))
    return found.permute(1, 2, 0).numpy() * 255, ids.numpy()


SAME: dict[str, tuple[Changes, Any]] = {
    "quarters": (Changes(quarters=1), np.rot90),
    "across": (Changes(across=True), A.HorizontalFlip(p=1)),
    "down": (Changes(down=True), A.VerticalFlip(p=1)),
    "contrast": (
        Changes(contrast=(1.2, -0.1)),
        A.RandomBrightnessContrast((-0.1, -0.1), (0.2, 0.2), p=1),
    ),
    "gamma": (Changes(gamma=1.3), A.RandomGamma((130, 130), p=1)),
    "saturation": (Changes(saturation=1.4), A.ColorJitter((1, 1), (1, 1), (1.4, 1.4), (0, 0), p=1)),
    "hue": (Changes(hue=0.1), A.ColorJitter((1, 1), (1, 1), (1, 1), (0.1, 0.1), p=1)),
    "blur": (Changes(blur=(5, 1.5)), A.GaussianBlur(blur_limit=(5, 5), sigma_limit=(1.5, 1.5), p=1)),
}


@pytest.mark.parametrize("name", SAME)
def test_each_change_is_albumentations_own_but_for_its_rounding(name: str) -> None:
    changes, theirs = SAME[name]
    image, mask = smooth(SIDE, SIDE, 3), noise(1, SIDE, SIDE, 1)[:, :, 0] % 5
    image[..., 1] = image[..., 1] // 2 + 30  # Not gray, or a colour's change would show nothing.
    wanted = theirs(image) if name == "quarters" else theirs(image=image)["image"]
    found, _ = changed(changes, image, mask)
    assert not np.array_equal(wanted, image)
    # albumentations rounds to bytes; hue there in steps of two degrees.
    assert np.abs(found - wanted).max() <= (4 if name == "hue" else 1.5)


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_look_up_is_opencvs_warp(mirrored: bool) -> None:
    image, mask = smooth(40, 56, 3), noise(1, 40, 56, 1)[:, :, 0] % 5
    matrix = np.array([[0.9, 0.3, -6.0], [-0.2, 1.1, 3.0]])
    flags, border = cv2.WARP_INVERSE_MAP, cv2.BORDER_REFLECT_101 if mirrored else cv2.BORDER_CONSTANT
    wanted = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=flags | cv2.INTER_LINEAR, borderMode=border)
    ids = cv2.warpAffine(mask, matrix, (SIDE, SIDE), flags=flags | cv2.INTER_NEAREST, borderMode=border, borderValue=255)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = (torch.from_numpy((a * columns + b * rows + c).astype(np.float32)) for a, b, c in matrix)
    found, found_ids = looked_up(*tensors(image, mask), x, y, mirrored)
    assert np.abs(found.permute(1, 2, 0).numpy() * 255 - wanted).max() < 1
    # OpenCV's nearest pixel is that of a place known to a 50th of a pixel, and in this mask all neighbours differ.
    assert (found_ids.numpy() != ids).mean() < 0.05
    assert (255 in ids) != mirrored


def test_an_image_of_one_pixel_is_surrounded_by_what_is_ignored() -> None:
    x, y = torch.tensor([[-1.0, 0.0, 1.0]]).expand(3, 3), torch.tensor([[-1.0], [0.0], [1.0]]).expand(3, 3)
    image, mask = looked_up(torch.full((1, 1, 1), 0.5), torch.full((1, 1), 7, dtype=torch.uint8), x, y, mirrored=False)
    assert image[0].tolist() == [[0, 0, 0], [0, 0.5, 0], [0, 0, 0]]
    assert mask.tolist() == [[255, 255, 255], [255, 7, 255], [255, 255, 255]]


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", ALONE)
def test_each_key_changes_what_it_says_and_nothing_else(name: str, channels: int) -> None:
    params = STILL.model_copy(update=ALONE[name])
    image, mask = smooth(SIDE, SIDE, channels), noise(1, SIDE, SIDE, 1)[:, :, 0] % 5
    drawn = [changed(draw(params, SIDE, channels, np.random.default_rng(seed)), image, mask) for seed in range(8)]
    here = name not in ("rotate", "scale", "shear")  # Those are of the crop's place.
    seen = here and (channels == 3 or name not in NEEDS_RGB)
    assert any(np.abs(found - image).max() > 1 for found, _ in drawn) == seen
    moved = here and (name in MOVES or name == "erase")
    assert any(not np.array_equal(ids, mask) for _, ids in drawn) == moved
    for found, ids in drawn:
        assert found.shape == image.shape
        assert found.min() >= 0
        assert found.max() <= 255.01
        assert set(np.unique(ids)) <= {*range(5), 255}


def test_image_and_mask_move_in_step() -> None:
    mask = np.kron(np.arange(9).reshape(3, 3), np.ones((16, 16))).astype(np.uint8)
    image = np.repeat(mask[..., None] * 20, 3, axis=2)
    moving = dict.fromkeys(("rotate90", "flip_horizontal", "flip_vertical", "elastic", "grid_distortion"), 0.7)
    for seed in range(20):
        changes = draw(STILL.model_copy(update=moving), SIDE, 3, np.random.default_rng(seed))
        found, ids = changed(changes, image, mask)
        # Between two classes the image is blended; else a pixel shows its own class.
        assert (np.abs(found[..., 0] / 20 - ids) < 0.5).mean() > 0.9


def test_what_is_drawn_follows_from_the_seed_and_each_change_from_a_stream_of_its_own() -> None:
    image, mask = smooth(SIDE, SIDE, 3), noise(1, SIDE, SIDE, 1)[:, :, 0] % 5
    drawn = [draw(ALL, SIDE, 3, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    first, again, other = (changed(changes, image, mask)[0].tobytes() for changes in drawn)
    assert first == again != other
    without = [draw(ALL.model_copy(update={"rotate90": 0}), SIDE, 3, np.random.default_rng(seed)) for seed in range(20)]
    whole = [draw(ALL, SIDE, 3, np.random.default_rng(seed)) for seed in range(20)]
    for one, all_of_it in zip(without, whole, strict=True):
        assert (one.across, one.gamma, one.holes) == (all_of_it.across, all_of_it.gamma, all_of_it.holes)


def test_all_combinations_of_three_flips_come_as_often() -> None:
    params = STILL.model_copy(update={"rotate90": 0.5, "flip_horizontal": 0.5, "flip_vertical": 0.5, "blur": 0.5})
    drawn = [draw(params, 16, 3, np.random.default_rng(seed)) for seed in range(800)]
    counts = np.zeros((2, 2, 2))
    for each in drawn:
        counts[int(each.across), int(each.down), int(each.blur is not None)] += 1
    assert counts.min() > 60


@pytest.mark.parametrize("crop", [32, 64, 160])
def test_smooth_shifts_are_as_wide_as_albumentations_ones(crop: int) -> None:
    """A hundredth of the crop, measured where no shift reaches the border."""
    inner = slice(crop // 4, -crop // 4)
    shifts = torch.stack([tensor_changes._shifts(crop, np.random.default_rng(seed)) for seed in range(40)])[:, inner, inner]
    ramp = np.tile(np.arange(crop, dtype=np.float32) / crop, (crop, 1))[..., None]
    theirs = A.Compose([transforms._elastic(crop, 1.0)])
    moved = []
    for seed in range(40):
        theirs.set_random_seed(seed)
        moved.append((theirs(image=ramp)["image"] - ramp)[inner, inner] * crop)
    assert float(shifts.std()) == pytest.approx(crop / 100, rel=0.15)
    assert float(np.std(moved)) == pytest.approx(crop / 100, rel=0.15)
    # Neighbours move alike: by what a Gaussian of this width leaves of their difference.
    assert float((shifts[:, 1:] - shifts[:, :-1]).std()) < 0.6 * float(shifts.std()) * 16 / crop * 2


def test_what_was_given_stays_as_it_is() -> None:
    image, mask = tensors(smooth(SIDE, SIDE, 3), noise(1, SIDE, SIDE, 1)[:, :, 0] % 5)
    before = image.clone(), mask.clone()
    for seed in range(10):
        apply(draw(ALL, SIDE, 3, np.random.default_rng(seed)), image, mask)
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])

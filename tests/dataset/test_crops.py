"""Crops: in the image, on the object, image and mask cut alike, whatever sizes and channels there are."""

import math
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.dataset import crops
from segpipe.dataset.crops import STILL, Box, Turn
from tests.dataset.packs import noise

SIDES = st.integers(1, 70)
TURNS = st.builds(Turn, st.floats(0.25, 4), st.floats(-180, 180), st.floats(-45, 45))
TURN = Turn(1.3, 25.0, 10.0)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def placed_and_cut(
    image: np.ndarray, mask: np.ndarray, crop: int, turn: Turn, box: Box | None, stream: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Placed and cut, as a sample is."""
    return crops.cut(image, mask, crop, crops.place(mask.shape, crop, turn, box, stream))


def numbered(height: int, width: int) -> np.ndarray:
    """An image whose two channels say where each pixel comes from."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns], axis=2).astype(np.float32)


@given(SIDES, SIDES, st.integers(0, 2**32))
def test_a_crop_that_is_not_turned_is_a_part_of_the_image(height: int, width: int, seed: int) -> None:
    image, mask = noise(seed, height, width), noise(seed + 1, height, width, 1)[:, :, 0] % 3
    cut, ids = placed_and_cut(image, mask, 16, STILL, None, rng(seed))
    assert (cut.shape, ids.shape) == ((16, 16, 3), (16, 16))
    inside = ids != 255
    assert inside.sum() == min(height, 16) * min(width, 16)
    assert not cut[~inside].any()
    places = numbered(height, width)
    from_where = placed_and_cut(places, mask, 16, STILL, None, rng(seed))[0][inside].astype(int)
    assert np.array_equal(image[from_where[:, 0], from_where[:, 1]], cut[inside])
    assert np.array_equal(mask[from_where[:, 0], from_where[:, 1]], ids[inside])


def test_every_part_of_the_image_is_as_likely_as_another() -> None:
    places, mask = numbered(20, 18), np.zeros((20, 18), np.uint8)
    seen = Counter(tuple(placed_and_cut(places, mask, 16, STILL, None, rng(seed))[0][0, 0].astype(int)) for seed in range(3000))
    assert set(seen) == {(top, left) for top in range(5) for left in range(3)}
    assert all(150 <= count <= 250 for count in seen.values())


@pytest.mark.parametrize("height", [1, 127, 128, 129, 300])
def test_a_pixel_of_a_class_is_drawn_evenly_from_all_in_their_order(height: int) -> None:
    mask = noise(0, height, 5, 1)[:, :, 0] % 7
    for seed in range(50):
        places = np.flatnonzero(mask == 3)
        y, x = divmod(int(places[rng(seed).integers(len(places))]), 5) if len(places) else (None, None)
        assert crops._pixel_of(mask, 3, rng(seed)) == (None if x is None else (x, y))
    assert crops._pixel_of(mask, 8, rng(0)) is None


@given(SIDES, SIDES, TURNS, st.sampled_from([np.uint8, np.float32]), st.integers(0, 2**32))
def test_padding_changes_no_pixel_of_a_crop(height: int, width: int, turn: Turn, kind: type, seed: int) -> None:
    image, mask = noise(seed, height, width).astype(kind), np.zeros((height, width), np.uint8)
    plain, padded = (placed_and_cut(each, mask, 16, turn, None, rng(seed))[0] for each in (image, crops.padded(image)))
    assert np.array_equal(crops.without_padding(padded, 3), plain)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_only_red_green_and_blue_are_padded(channels: int) -> None:
    image = noise(0, channels=channels)
    assert crops.padded(image) is image and crops.without_padding(image, channels) is image


@pytest.mark.parametrize("turn", [STILL, TURN])
def test_a_crop_is_a_copy_that_may_be_written_to(turn: Turn) -> None:
    image, mask = noise(0, 16, 16), np.zeros((16, 16), np.uint8)
    image.flags.writeable = mask.flags.writeable = False
    box = crops.object_box(mask, [0], [1.0], 16, turn, rng(0))
    for part in placed_and_cut(image, mask, 16, turn, box, rng(0)):
        assert part.flags.writeable and part.flags.c_contiguous
        assert not np.shares_memory(part, image) and not np.shares_memory(part, mask)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 13])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("turn", [STILL, TURN])
def test_each_channel_is_cut_as_if_alone(channels: int, kind: type, turn: Turn) -> None:
    image = noise(0, 41, 37, channels).astype(kind)
    mask = np.zeros((41, 37), np.uint8)
    cut = placed_and_cut(image, mask, 32, turn, None, rng(1))[0]
    assert (cut.shape, cut.dtype) == ((32, 32, channels), kind)
    for channel in range(channels):
        alone = placed_and_cut(image[:, :, channel : channel + 1], mask, 32, turn, None, rng(1))[0]
        assert np.array_equal(alone[:, :, 0], cut[:, :, channel])


@given(TURNS)
def test_a_turns_inverse_is_one(turn: Turn) -> None:
    assert np.allclose(turn.matrix() @ turn.inverse(), np.eye(2))


@given(st.integers(32, 70), st.integers(32, 70), TURNS, st.integers(0, 2**32))
def test_a_turned_crop_holds_what_lies_there(height: int, width: int, turn: Turn, seed: int) -> None:
    """Against numpy: each pixel's place worked out by hand, mirrored at the border, the nearest class taken."""
    mask = noise(seed, height, width, 1)[:, :, 0] % 3
    found = placed_and_cut(noise(seed, height, width), mask, 32, turn, None, rng(seed))[1]
    draws, wanted = rng(seed), 32 / turn.scale
    centre = [draws.uniform(min(0, size - wanted), max(0, size - wanted)) + wanted / 2 - 0.5 for size in (width, height)]
    angle, slope = math.radians(turn.angle), math.tan(math.radians(turn.shear))
    rows, columns = np.mgrid[:32, :32] - 15.5
    turned = (columns * math.cos(angle) + rows * math.sin(angle)) / turn.scale
    y = (rows * math.cos(angle) - columns * math.sin(angle)) / turn.scale
    x, y = turned - slope * y + centre[0], y + centre[1]
    near = np.abs((np.stack([x, y]) % 1) - 0.5).min(axis=0) < 0.01  # OpenCV rounds places to a 32nd, some to the other side.
    at = [_mirrored(np.round(place).astype(int), size) for place, size in ((y, height), (x, width))]
    assert (found != mask[at[0], at[1]])[~near].mean() == 0


def _mirrored(place: np.ndarray, size: int) -> np.ndarray:
    place = np.abs(place) % (2 * (size - 1))
    return np.minimum(place, 2 * (size - 1) - place)


@given(TURNS, st.integers(0, 2**32))
def test_image_and_mask_are_turned_alike(turn: Turn, seed: int) -> None:
    mask = np.zeros((80, 70), np.uint8)
    mask[20:60, 15:45] = 1
    image = np.repeat(mask[:, :, None] * 255, 3, axis=2)
    cut, ids = placed_and_cut(image, mask, 48, turn, None, rng(seed))
    off = (cut[:, :, 0] > 127) != (ids == 1)
    assert not cv2.erode(off.astype(np.uint8), np.ones((2, 2))).any(), "a difference wider than one pixel"


@given(SIDES, SIDES, TURNS | st.just(STILL), st.integers(0, 2**32))
def test_only_classes_that_were_there(height: int, width: int, turn: Turn, seed: int) -> None:
    mask = rng(seed).choice([0, 4, 9], (height, width)).astype(np.uint8)
    ids = placed_and_cut(noise(0, height, width), mask, 32, turn, None, rng(seed))[1]
    assert set(np.unique(ids)) <= {*np.unique(mask), 255}
    assert min(height, width) < 32 or 255 not in ids


@settings(max_examples=300)
@given(SIDES, SIDES, TURNS | st.just(STILL), st.data())
def test_the_object_is_in_the_crop(height: int, width: int, turn: Turn, data: st.DataObject) -> None:
    """Whole where it fits, or else the pixel that was chosen, with what is around it."""
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    mask = np.zeros((height, width), np.uint8)
    mask[top:bottom, left:right] = 7
    seed = data.draw(st.integers(0, 2**32))
    box = crops.object_box(mask, [3, 7], [1.0, 1.0], 32, turn, rng(seed))
    assert box is not None
    core = crops._core(32, turn)
    for side, start, end in ((box.x, left, right), (box.y, top, bottom)):
        assert side == (start, end) if end - start <= core else start - core <= side[0] < side[1] <= end + core
    ids = placed_and_cut(noise(0, height, width), mask, 32, turn, box, rng(seed))[1]
    assert (ids == 7).any() or turn.scale < 1, "a pixel may fall between those looked up"
    if turn == STILL and max(right - left, bottom - top) <= 32:
        assert (ids == 7).sum() == (right - left) * (bottom - top)


@given(TURNS, st.integers(0, 2**32))
def test_a_box_is_shown_wholly_by_a_turned_crop(turn: Turn, seed: int) -> None:
    """The corners of the box, brought into the crop, are in it."""
    draws = rng(seed)
    core = crops._core(64, turn)
    x, y = draws.uniform(0, 200 - min(core, 200), 2)
    length = min(core, 200) * draws.uniform(0.05, 1)
    box = Box((x, x + length), (y, y + length))
    places = np.clip(numbered(200, 200), 0, None)
    mask = np.zeros((200, 200), np.uint8)
    wanted = 64 / turn.scale
    starts = [crops._starts(200, wanted, core, side) for side in (box.x, box.y)]
    for start in np.array(np.meshgrid(*starts)).reshape(2, -1).T:
        offsets = np.array([[a, b] for a in box.x for b in box.y]) - (start + wanted / 2)
        assert np.abs(offsets @ turn.matrix().T).max() <= 32 + 1e-6
    assert placed_and_cut(places, mask, 64, turn, box, rng(seed))[0].shape == (64, 64, 2)


def test_classes_are_chosen_by_their_weights() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[0, 0], mask[19, 19] = 1, 2
    found = Counter(crops.object_box(mask, [0, 1, 2], [0.0, 3.0, 1.0], 16, STILL, rng(seed)) for seed in range(400))
    assert set(found) == {Box((0, 1), (0, 1)), Box((19, 20), (19, 20))}
    assert 270 <= found[Box((0, 1), (0, 1))] <= 330


def test_a_class_that_is_not_there_is_passed_over() -> None:
    mask = np.zeros((20, 20), np.uint8)
    assert crops.object_box(mask, [1, 2], [1.0, 1.0], 16, STILL, rng(0)) is None
    mask[4, 5] = 2
    assert crops.object_box(mask, [1, 2], [1000.0, 1.0], 16, STILL, rng(0)) == Box((5, 6), (4, 5))


def test_two_objects_of_one_class_are_two() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[2:5, 2:5] = mask[30:36, 20:33] = 1
    found = {crops.object_box(mask, [1], [1.0], 32, STILL, rng(seed)) for seed in range(40)}
    assert found == {Box((2, 5), (2, 5)), Box((20, 33), (30, 36))}


def test_very_long_images() -> None:
    """OpenCV counts pixels of its tables in 16 bits."""
    mask = np.zeros((40, 40000), np.uint8)
    mask[10:30, 39000:39020] = 1
    box = crops.object_box(mask, [1], [1.0], 32, TURN, rng(0))
    assert (placed_and_cut(mask[:, :, None], mask, 32, TURN, box, rng(0))[1] == 1).sum() > 300

"""The colour table, against pictures small enough to work it out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.record import IGNORE
from segpipe.report import baseline
from tests.dataset.packs import made

RED, BLUE, GREEN = (250, 10, 10), (10, 10, 250), (10, 250, 10)
BYTES = np.full(4, 255)
VALUES = (("a", 4), ("b", 9), ("c", 77), ("dark", 0))


def picture(*colours: tuple[int, int, int]) -> np.ndarray:
    """One row of pixels."""
    return np.array([colours], np.uint8)


def test_each_colour_gets_the_class_that_most_of_its_pixels_have() -> None:
    image, mask = picture(RED, RED, RED, BLUE), np.array([[1, 1, 0, 2]], np.uint8)
    table = baseline.fit([(image, mask)], 3, BYTES)
    assert baseline.predict(table, picture(RED, BLUE), BYTES).tolist() == [[1, 2]]


def test_of_equals_the_lower_class_wins_and_new_colours_get_the_most_frequent_one() -> None:
    image, mask = picture(RED, RED, BLUE, BLUE), np.array([[1, 2, 2, 2]], np.uint8)
    table = baseline.fit([(image, mask)], 3, BYTES)
    assert baseline.predict(table, picture(RED, GREEN), BYTES).tolist() == [[1, 2]]


def test_images_add_up_and_ignored_pixels_do_not_count() -> None:
    pairs = [(picture(RED, RED, RED), np.array([[1, IGNORE, IGNORE]], np.uint8)), (picture(RED, RED), np.zeros((1, 2), np.uint8))]
    assert baseline.predict(baseline.fit(pairs, 2, BYTES), picture(RED), BYTES).tolist() == [[0]]


def test_gray_sixteen_bits_and_a_fourth_channel_fall_into_the_same_bins() -> None:
    rgb = np.array([[[200, 200, 200]]], np.uint8)
    wanted = 25 * 32 * 32 + 25 * 32 + 25
    assert baseline.bins(rgb, BYTES).tolist() == [[wanted]]
    assert baseline.bins(rgb[:, :, :1], BYTES).tolist() == [[wanted]]
    assert baseline.bins(rgb.astype(np.uint16) * 256 + 255, BYTES * 257).tolist() == [[wanted]]
    assert baseline.bins(np.concatenate([rgb, rgb // 2], axis=2)[:, :, :4], BYTES).tolist() == [[wanted]]


def test_the_levels_of_sixteen_bits_reach_as_far_as_the_images_do() -> None:
    """A scanner of 12 bits would have two levels of the 32 that reach to 65,535."""
    gray = np.array([[[0], [4095], [2048], [60000]]], np.uint16)
    each = 32 * 32 + 32 + 1
    assert baseline.bins(gray, np.array([4095])).tolist() == [[0, 31 * each, 16 * each, 31 * each]]


def test_they_reach_to_the_brightest_of_the_images_to_train_on(tmp_path: Path) -> None:
    data = made(tmp_path, {name: (np.full((4, 4, 3), value, np.uint8), np.ones((4, 4), np.uint8)) for name, value in VALUES})
    assert baseline.brightest(data, ["a", "b"]).tolist() == [255] * 3
    scanned = replace(data, info=replace(data.info, bits=16))
    assert baseline.brightest(scanned, ["a", "b"]).tolist() == [9] * 3
    assert baseline.brightest(scanned, ["dark"]).tolist() == [1] * 3


@given(st.integers(0, 255))
def test_eight_bits_are_cut_to_their_upper_five(value: int) -> None:
    assert baseline.bins(np.full((1, 1, 3), value, np.uint8), BYTES).item() == (value >> 3) * (32 * 32 + 32 + 1)


def test_two_colours_that_tell_the_classes_apart_reach_a_dice_of_one(tmp_path: Path) -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 3:6] = 1
    image = np.array([BLUE, RED], np.uint8)[mask]
    data = made(tmp_path, {"a": (image, mask), "b": (image.transpose(1, 0, 2), mask.T)})
    assert baseline.colour_dice(data, ["a"], ["b"]) == 1.0


def test_one_colour_for_all_reaches_nothing(tmp_path: Path) -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 3:6] = 1
    data = made(tmp_path, {"a": (np.full((8, 8, 3), 7, np.uint8), mask)})
    assert baseline.colour_dice(data, ["a"], ["a"]) == 0.0


def test_a_part_without_objects_has_no_dice(tmp_path: Path) -> None:
    data = made(tmp_path, {"a": (np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4), np.uint8))})
    assert baseline.colour_dice(data, ["a"], ["a"]) is None


def test_large_parts_are_sampled_the_same_whatever_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    images = {str(number): (rng.integers(0, 256, (4, 4, 3)).astype(np.uint8), np.ones((4, 4), np.uint8)) for number in range(9)}
    for _, mask in images.values():
        mask[: int(rng.integers(1, 4))] = 0
    data = made(tmp_path, images)
    monkeypatch.setattr(baseline, "MOST_IMAGES", 3)
    ids = list(images)
    assert baseline.colour_dice(data, ids, ids) == baseline.colour_dice(data, ids[::-1], ids[::-1])

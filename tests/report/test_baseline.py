"""The colour table, against pictures small enough to work it out by hand."""

from pathlib import Path

import numpy as np
import pytest

from segpipe.record import IGNORE
from segpipe.report import baseline
from tests.dataset.packs import made

RED, BLUE, GREEN = (250, 10, 10), (10, 10, 250), (10, 250, 10)


def picture(*colours: tuple[int, int, int]) -> np.ndarray:
    """One row of pixels."""
    return np.array([colours], np.uint8)


def test_each_colour_gets_the_class_that_most_of_its_pixels_have() -> None:
    image, mask = picture(RED, RED, RED, BLUE), np.array([[1, 1, 0, 2]], np.uint8)
    table = baseline.fit([(image, mask)], 3)
    assert baseline.predict(table, picture(RED, BLUE)).tolist() == [[1, 2]]


def test_of_equals_the_lower_class_wins_and_new_colours_get_the_most_frequent_one() -> None:
    image, mask = picture(RED, RED, BLUE, BLUE), np.array([[1, 2, 2, 2]], np.uint8)
    table = baseline.fit([(image, mask)], 3)
    assert baseline.predict(table, picture(RED, GREEN)).tolist() == [[1, 2]]


def test_images_add_up_and_ignored_pixels_do_not_count() -> None:
    pairs = [(picture(RED, RED, RED), np.array([[1, IGNORE, IGNORE]], np.uint8)), (picture(RED, RED), np.zeros((1, 2), np.uint8))]
    assert baseline.predict(baseline.fit(pairs, 2), picture(RED)).tolist() == [[0]]


def test_gray_sixteen_bits_and_a_fourth_channel_fall_into_the_same_bins() -> None:
    rgb = np.array([[[200, 200, 200]]], np.uint8)
    wanted = 25 * 32 * 32 + 25 * 32 + 25
    assert baseline.bins(rgb).tolist() == [[wanted]]
    assert baseline.bins(rgb[:, :, :1]).tolist() == [[wanted]]
    assert baseline.bins(rgb.astype(np.uint16) * 256 + 255).tolist() == [[wanted]]
    assert baseline.bins(np.concatenate([rgb, rgb // 2], axis=2)[:, :, :4]).tolist() == [[wanted]]


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

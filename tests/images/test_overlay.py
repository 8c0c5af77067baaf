"""Pictures: errors are red, class 0 stays clear, 16 bits are stretched, and a panel has four parts."""

import numpy as np
import pytest

from segpipe.images import overlay
from segpipe.images.palette import colours
from tests.dataset.packs import noise


def test_wrong_pixels_are_red_and_ignored_ones_black() -> None:
    truth = np.array([[0, 1, 255]], np.uint8)
    prediction = np.array([[0, 0, 1]], np.uint8)
    result = overlay.errors(np.full((1, 3, 3), 100, np.uint8), truth, prediction)
    assert result[0].tolist() == [[90, 90, 90], list(overlay.WRONG), [0, 0, 0]]


def test_class_0_stays_clear() -> None:
    picture = noise(0)
    assert np.array_equal(overlay.overlay(picture, np.zeros((24, 32), np.uint8), colours(3)), picture)


def test_objects_take_their_colour_and_a_light_edge() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[3:6, 3:6] = 1
    result = overlay.overlay(np.zeros((9, 9, 3), np.uint8), mask, colours(2))
    assert result[4, 4].tolist() == [70, 0, 0]
    assert result[5, 5].tolist() == [255, 255, 255]
    assert result[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_everything_can_be_displayed(channels: int) -> None:
    deep = noise(0, channels=channels).astype(np.uint16) * 10
    assert overlay.displayed(deep).shape == (24, 32, 3)
    assert overlay.displayed(deep).max() == 255
    assert overlay.displayed(noise(0, channels=channels)).shape == (24, 32, 3)


def test_a_flat_image_can_be_displayed() -> None:
    assert overlay.displayed(np.full((4, 4, 1), 7, np.uint16)).max() == 0


def test_a_panel_has_four_parts() -> None:
    mask = np.zeros((24, 32), np.uint8)
    assert overlay.panel(noise(0), mask, mask, colours(2)).shape == (24, 4 * 32 + 3 * overlay.GAP, 3)


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (5, np.uint16)])
def test_a_large_image_has_a_smaller_overlay_of_the_means(channels: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "LARGEST", 3000)
    blocks = np.random.default_rng(0).integers(0, 200, (67, 40, channels)).astype(dtype)
    mask = np.random.default_rng(1).integers(0, 3, (67, 40)).astype(np.uint8)
    # Each pixel nine times, and a last column that is left over.
    image, ids = (np.repeat(np.repeat(each, 3, axis=0), [3] * 39 + [4], axis=1) for each in (blocks, mask))
    found = overlay.overlay_of(image, ids, colours(3))
    assert np.array_equal(found, overlay.overlay(overlay.displayed(blocks), mask, colours(3)))
    assert np.array_equal(overlay.overlay_of(blocks, mask, colours(3)), found), "a smaller image's is as large as it"

"""Sizes of objects by hand: strips, discs, specks, an object that fills its image."""

import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.annotations.detect.object_sizes import object_sizes


def blank(height: int = 200, width: int = 300) -> NDArray[np.uint8]:
    return np.zeros((height, width), np.uint8)


@pytest.mark.parametrize("thickness", [2, 3, 4, 7, 20])
def test_a_strip_is_as_thick_as_it_is_and_as_long(thickness: int) -> None:
    mask = blank()
    mask[50 : 50 + thickness, 20:270] = 1
    size = object_sizes([mask], [1])[1]
    # The two ends, where the next pixel outside lies beyond the end, take a little off.
    assert size.thickness == pytest.approx(thickness, abs=0.7)
    assert size.extent == 250


def test_a_disc_is_two_thirds_of_its_diameter_thick() -> None:
    rows, columns = np.ogrid[:200, :300]
    mask = ((rows - 100) ** 2 + (columns - 150) ** 2 <= 60**2).astype(np.uint8)
    size = object_sizes([mask], [1])[1]
    # The mean distance of a disc's points from its edge is a third of the radius, where a strip has a quarter of its width.
    assert size.thickness == pytest.approx(4 / 3 * 60, rel=0.05)
    assert size.extent == 121


def test_specks_do_not_outweigh_objects() -> None:
    mask = blank()
    mask[::20, ::20] = 1
    mask[103:143, 103:153] = 1
    assert object_sizes([mask], [1])[1].extent == 50


def test_classes_are_apart_and_only_those_that_are_there() -> None:
    first, second = blank(), blank()
    first[:, :10] = 2
    second[:, :3] = 2
    second[20:60, 100:140] = 3
    found = object_sizes([first, second], range(1, 5))
    assert list(found) == [2, 3]
    assert found[3].extent == 40
    # An image's edge is no edge of the object: this one goes on beyond it, and is taken for twice as wide.
    assert found[2].thickness == pytest.approx(20, abs=1)


def test_an_object_that_fills_the_image_has_the_size_of_the_image() -> None:
    size = object_sizes([blank(40, 50) + 1], [1])[1]
    assert 40 <= size.thickness <= 50 and size.extent == 50


def test_no_mask_has_no_sizes() -> None:
    assert object_sizes([], [1]) == {}

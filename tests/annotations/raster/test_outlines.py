"""Masks to polygons and back: painted by either rule they are the same mask, to the pixel, and small polygons have few points."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.annotations.raster import outlines as module
from segpipe.annotations.raster.outlines import outlines
from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.shape import Shape
from tests.annotations.raster.drawn_shapes import params

Mask = NDArray[np.uint8]


def painted(mask: Mask, has_background: bool, fill: str, overlap: str) -> Mask:
    names = ["background" if has_background else "sky", *(f"class {number}" for number in range(1, 256))]
    shapes = [
        Shape("polygon", names[each.id], (tuple(map(tuple, each.points.tolist())),)) for each in outlines(mask, has_background)
    ]
    # Without background what nothing is drawn on is ignored, so that a missing region of class 0 shows.
    how = params(fill, overlap, undrawn="background" if has_background else "ignore")
    return paint(shapes, {name: number for number, name in enumerate(names)}, *mask.shape, how)


def noise(seed: int, height: int, width: int, classes: int, blur: float) -> Mask:
    """Regions of any shape: dust without blur, meanders with holes and islands with it."""
    planes = np.random.default_rng(seed).normal(size=(height, width, classes))
    smooth = (
        [cv2.GaussianBlur(planes[..., each], (0, 0), blur) for each in range(classes)] if blur else [*planes.transpose(2, 0, 1)]
    )
    return np.argmax(smooth, axis=0).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.sampled_from((0, 1.0, 3.0)),
    st.booleans(),
)  # fmt: skip
def test_a_mask_is_the_same_again_by_either_rule(
    seed: int, height: int, width: int, classes: int, blur: float, has_background: bool
) -> None:
    mask = noise(seed, height, width, classes, blur)
    for fill in ("labelme", "exact"):
        for overlap in ("order", "smaller"):
            assert np.array_equal(painted(mask, has_background, fill, overlap), mask), (fill, overlap)


def test_the_order_is_what_makes_holes_and_islands() -> None:
    """A ring with a background hole, an island in it, and a hole in that; a bay is no hole."""
    mask = np.zeros((9, 12), np.uint8)
    mask[:, :9] = 1
    mask[1:8, 1:8] = 0
    mask[2:7, 2:7] = 2
    mask[3:6, 3:6] = 0
    mask[4:7, 10] = 1
    found = outlines(mask, has_background=True)
    assert [each.id for each in found] == [1, 0, 2, 0, 1]
    assert [each.id for each in outlines(np.zeros((4, 5), np.uint8), has_background=True)] == []
    assert [each.id for each in outlines(np.zeros((4, 5), np.uint8), has_background=False)] == [0]


def test_a_rectangle_has_eight_points_and_a_pixel_four() -> None:
    mask = np.zeros((8, 9), np.uint8)
    mask[2:5, 3:7] = 1
    mask[7, 8] = 2
    box, pixel = outlines(mask, has_background=True)
    # Along a side the line runs 0.49 pixels beyond the centres, and cuts the corner from one centre's side to its other.
    assert {*map(tuple, box.points.tolist())} == {
        (3.5, 2.01), (6.5, 2.01), (6.99, 2.5), (6.99, 4.5), (6.5, 4.99), (3.5, 4.99), (3.01, 4.5), (3.01, 2.5)
    }  # fmt: skip
    assert {*map(tuple, pixel.points.tolist())} == {(8.01, 7.5), (8.5, 7.01), (8.99, 7.5), (8.5, 7.99)}


def test_what_is_left_out_of_a_line_is_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than half of the points; a larger tolerance would leave more out, and change pixels."""
    mask = noise(3, 120, 120, 3, 4.0)
    fewer = sum(len(each.points) for each in outlines(mask, has_background=True))
    with monkeypatch.context() as patched:
        patched.setattr(module, "_simplified", lambda points: points)
        assert fewer < 0.45 * sum(len(each.points) for each in outlines(mask, has_background=True))
    monkeypatch.setattr(module, "EPSILON", 1.0)
    assert not np.array_equal(painted(mask, True, "exact", "order"), mask)

"""Shapes that can be painted but are hardly meant. Those of one ring are in test_labelme_shapes.py, as files give them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.annotations.raster.degenerate import shape_warnings
from segpipe.annotations.raster.shape import Shape

RING = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0))
FLAT = ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))
FAR = tuple((x + 90, y + 90) for x, y in RING)


@pytest.mark.parametrize(
    ("rings", "expected"),
    [
        ((RING,), []),
        ((FLAT,), ["with no area"]),
        ((FLAT, RING), []),
        ((FLAT, FLAT[:2]), ["with no area"]),
        ((FAR,), ["wholly outside the image"]),
        ((FAR, RING), []),
        ((RING, FAR), []),
    ],
)
def test_a_polygon_of_several_rings_is_odd_where_all_of_them_are(rings: Any, expected: list[str]) -> None:
    assert list(shape_warnings(Shape("polygon", "cat", rings), (6, 5))) == expected


FLOATS = st.floats(-1e6, 1e6)


@given(x=FLOATS, y=FLOATS, angle=st.floats(0, 7), steps=st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=9))
def test_points_along_any_line_have_no_area_and_one_a_pixel_off_has(x: float, y: float, angle: float, steps: list[float]) -> None:
    line = tuple((x + step * math.cos(angle), y + step * math.sin(angle)) for step in (*steps, max(steps) + 9))
    off = (line[-1][0] - math.sin(angle), line[-1][1] + math.cos(angle))
    assert list(shape_warnings(Shape("polygon", "cat", (line,)), None)) == ["with no area"]
    assert not list(shape_warnings(Shape("polygon", "cat", ((*line, off),)), None))

"""The rule `exact`: by hand, against a slow test of each centre, against 16x supersampling, and along common edges."""

import math
import tracemalloc
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.annotations.raster import fill_exact
from segpipe.annotations.raster.scanlines import patches
from segpipe.annotations.raster.shape import Point, Shape
from tests.annotations.raster.drawn_shapes import KINDS, params, random_shape, shape


def filled(figure: Shape, height: int, width: int, line_width: int = 10, point_size: int = 5) -> NDArray[np.bool_]:
    mask = np.zeros((height, width), np.bool_)
    how = params("exact", line_width=line_width, point_size=point_size)
    for _, patch in patches(fill_exact.covered([figure], 0, height, width, how)):
        mask[patch.box] = patch.inside
    return mask


def rows(mask: NDArray[np.bool_]) -> list[str]:
    return ["".join(".#"[value] for value in row) for row in mask.astype(int)]


def inside(rings: Sequence[Sequence[Point]], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd for each place: how many edges lie to its right, by the sign of the area of edge and place."""
    odd = np.zeros(x.shape, np.bool_)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], *ring[:1]], strict=True):
            between = (y0 <= y) != (y1 <= y)
            side = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
            odd ^= between & ((side > 0) == (y1 > y0))
    return odd


def centres(height: int, width: int, times: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[: height * times, : width * times]
    return (x + 0.5) / times, (y + 0.5) / times


def regular(corners: int, radius: float, turn: float, x: float, y: float) -> tuple[Point, ...]:
    angles = [turn + 2 * math.pi * i / corners for i in range(corners)]
    return tuple((x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles)


def test_a_rectangle_covers_the_pixels_whose_centres_are_in_it() -> None:
    assert rows(filled(shape("rectangle", (3, 2), (1, 1)), 3, 4)) == ["....", ".##.", "...."]
    assert rows(filled(shape("rectangle", (0.5, 0.5), (2.5, 1.51)), 3, 4)) == ["##..", "##..", "...."]
    assert not filled(shape("rectangle", (1.6, 1.6), (2.4, 2.4)), 4, 4).any()


def test_a_triangle_by_hand() -> None:
    # The centres on the long side belong to the shape on its right, which is not this one.
    assert rows(filled(shape("polygon", (0, 0), (4, 0), (0, 4)), 4, 4)) == ["###.", "##..", "#...", "...."]
    assert rows(filled(shape("polygon", (4, 0), (4, 4), (0, 4)), 4, 4)) == ["...#", "..##", ".###", "####"]


def test_rings_are_even_odd_whichever_way_they_turn() -> None:
    outer, hole = ((0.0, 0.0), (5.0, 0.0), (5.0, 5.0), (0.0, 5.0)), ((1.0, 1.0), (4.0, 1.0), (4.0, 4.0), (1.0, 4.0))
    island = ((2.0, 2.0), (3.0, 2.0), (3.0, 3.0), (2.0, 3.0))
    expected = ["#####", "#...#", "#.#.#", "#...#", "#####"]
    for rings in ((outer, hole, island), (hole[::-1], island, outer)):
        assert rows(filled(Shape("polygon", "a", rings), 5, 5)) == expected


def test_a_circle_by_distance() -> None:
    x, y = centres(30, 30)
    for radius in (0.3, 1, 4.2, 9.9):
        expected = (x - 13.3) ** 2 + (y - 14.8) ** 2 < radius**2
        assert np.array_equal(filled(shape("circle", (13.3, 14.8), (13.3, 14.8 + radius)), 30, 30), expected)
    assert np.array_equal(filled(shape("point", (13.3, 14.8)), 30, 30, point_size=7), (x - 13.3) ** 2 + (y - 14.8) ** 2 < 49)


def test_a_line_is_a_band_that_stops_at_its_ends_and_is_round_at_its_joints() -> None:
    assert rows(filled(shape("line", (1, 2), (5, 2)), 4, 6, line_width=2)) == ["......", ".####.", ".####.", "......"]
    x, y = centres(40, 40)
    corner, strip = (20.0, 20.0), filled(shape("linestrip", (5, 20), (20, 20), (20, 35)), 40, 40)
    near = (x - corner[0]) ** 2 + (y - corner[1]) ** 2 < 25
    bands = ((x > 5) & (x < 20) & (abs(y - 20) < 5)) | ((y > 20) & (y < 35) & (abs(x - 20) < 5))
    assert np.array_equal(strip, bands | near)
    assert not filled(shape("line", (5, 5), (5, 5)), 10, 10).any()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 25))
def test_every_polygon_is_its_centres(seed: int, height: int, width: int) -> None:
    rng = Random(seed)
    rings = tuple(random_shape(rng, "polygon", 25).rings[0] for _ in range(rng.randint(1, 3)))
    # Off the grid of centres, so that no centre lies on an edge: which side it belongs to is tested by itself.
    rings = tuple(tuple((x + 0.1234567, y + 0.0987654) for x, y in ring) for ring in rings)
    assert np.array_equal(filled(Shape("polygon", "a", rings), height, width), inside(rings, *centres(height, width)))


@settings(max_examples=25, deadline=None)
@given(st.floats(4, 12), st.integers(3, 24), st.floats(0, 7), st.booleans())
def test_areas_are_within_a_hundredth_of_16x_supersampling(radius: float, corners: int, turn: float, round_: bool) -> None:
    radius = radius if round_ or corners > 5 else radius * 1.5  # a triangle has but half the area of its circle
    total = supersampled = 0.0
    for dx, dy in np.random.default_rng(5).uniform(0, 1, (36, 2)):
        x, y = 20 + float(dx), 20 + float(dy)
        figure = shape("circle", (x, y), (x + radius, y)) if round_ else shape("polygon", *regular(corners, radius, turn, x, y))
        total += int(filled(figure, 40, 40).sum())
        if round_:
            supersampled += math.pi * radius**2
        elif supersampled == 0:
            fine = inside(figure.rings, *centres(40, 40, 16))
            once = fine.sum() / 256
            supersampled = 36 * once
    assert abs(total / supersampled - 1) < 0.01


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_shapes_with_a_common_edge_neither_overlap_nor_leave_a_gap(seed: int, whole: bool) -> None:
    """A square cut into triangles round a few inner points, with corners on centres and off them."""
    rng = Random(seed)

    def place() -> float:
        return rng.randint(0, 40) / 2 if whole else rng.uniform(0, 20)

    square = [(0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0)]
    triangles = [(square[0], square[1], square[2]), (square[0], square[2], square[3])]
    for _ in range(6):
        x, y = place(), place()
        for number, (a, b, c) in enumerate(triangles):
            if inside([(a, b, c)], np.array([x]), np.array([y]))[0]:
                triangles[number : number + 1] = [(a, b, (x, y)), (b, c, (x, y)), (c, a, (x, y))]
                break
    counts = np.zeros((20, 20), int)
    for triangle in triangles:
        corners = triangle if rng.random() < 0.5 else triangle[::-1]
        counts += filled(shape("polygon", *corners), 20, 20)
    assert (counts == 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_the_rows_is_a_part_of_the_whole(kind: str) -> None:
    rng = Random(kind)
    for _ in range(30):
        figure = random_shape(rng, kind, 30)  # type: ignore[arg-type]
        whole, part = filled(figure, 30, 30), np.zeros((30, 30), np.bool_)
        for top, bottom in ((0, 7), (7, 8), (8, 30)):
            for _, patch in patches(fill_exact.covered([figure], top, bottom, 30, params("exact"))):
                part[patch.box] = patch.inside
        assert np.array_equal(part, whole)


def test_coordinates_far_out_of_the_image_cost_no_memory() -> None:
    far = 1e6
    tracemalloc.start()
    assert filled(shape("polygon", (-far, -far), (far, -far), (far, far), (-far, far)), 40, 60).all()
    assert filled(shape("circle", (30, 20), (30, far)), 40, 60).all()
    assert filled(shape("line", (-far, -far), (far, far)), 40, 60)[20, 20]
    assert not filled(shape("polygon", (far, far), (far, far + 9), (far + 9, far)), 40, 60).any()
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()

"""The rule `labelme`: against Pillow, against a slow copy of its polygons, and against hashes of what Pillow 11.0 drew."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image

from segpipe.annotations.raster import fill_labelme
from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.scanlines import patches
from segpipe.annotations.raster.shape import Kind, Shape
from segpipe.params.schema import ShapeParams
from tests.annotations.raster import pillow_polygon
from tests.annotations.raster.drawn_shapes import KINDS, drawn_by_pillow, params, random_shape, shape

PILLOW = tuple(int(part) for part in PIL.__version__.split(".")[:2])
POLYGONS = ("polygon", "oriented_rectangle")
DATA = Path(__file__).parents[4] / "shared" / "data"
HASHES = {
    "polygon": "d78d68a08246934b",
    "rectangle": "84d90783cc161cd5",
    "oriented_rectangle": "5ceb4bf8b16273a6",
    "circle": "00acd10f43a9b832",
    "line": "346cbe3762723200",
    "linestrip": "f2f8581e7df87033",
    "point": "f6db676cafe2ea65",
    "points": "6f0d8c532b8afe81",
}
"""Of the pixels of 300 random shapes of a kind, as Pillow 11.0.0 drew them (9.5.0 and 10.4.0 drew the same)."""


def filled(figure: Shape, height: int, width: int, how: ShapeParams) -> NDArray[np.bool_]:
    mask = np.zeros((height, width), np.bool_)
    for _, patch in patches(fill_labelme.covered([figure], 0, height, width, how)):
        mask[patch.box] = patch.inside
    return mask


def rows(mask: NDArray[np.bool_]) -> list[str]:
    return ["".join(".#"[value] for value in row) for row in mask.astype(int)]


def pixels_hash(kind: Kind, draw: Callable[[Shape, int, int, ShapeParams], NDArray[np.bool_]]) -> str:
    rng, digest = Random(f"labelme {kind}"), hashlib.sha256()
    for _ in range(300):
        height, width = rng.randint(1, 50), rng.randint(1, 50)
        how = params(line_width=rng.choice([1, 2, 3, 5, 10, 10, 15]), point_size=rng.choice([1, 3, 5, 5]))
        digest.update(np.packbits(draw(random_shape(rng, kind, 50), height, width, how)).tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_those_that_pillow_11_0_drew(kind: Kind) -> None:
    assert pixels_hash(kind, filled) == HASHES[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_the_installed_pillows_but_for_corners_of_polygons(kind: Kind) -> None:
    rng = Random(f"installed {kind}")
    for _ in range(400):
        height, width = rng.randint(1, 60), rng.randint(1, 60)
        how = params(line_width=rng.choice([1, 2, 4, 10, 10, 30]), point_size=rng.choice([1, 2, 5, 9]))
        figure = random_shape(rng, kind, 60)
        theirs, ours = drawn_by_pillow(figure, height, width, how), filled(figure, height, width, how)
        if kind in POLYGONS and PILLOW >= (11, 1):
            # Newer ones move a crossing in the rows of corners only, and there alone may they differ.
            others = [row for row in range(height) if row not in {int(y) for _, y in figure.rings[0]}]
            theirs, ours = theirs[others], ours[others]
        assert np.array_equal(theirs, ours), figure


def test_polygons_differ_from_the_newest_pillows_by_its_other_corners_and_nothing_else() -> None:
    rng, differ = Random("corners"), 0
    for _ in range(250):
        height, width = rng.randint(1, 30), rng.randint(1, 30)
        figure = random_shape(rng, "polygon", 30)
        old, new = (pillow_polygon.polygon(figure.rings[0], height, width, old=old) for old in (True, False))
        assert np.array_equal(filled(figure, height, width, params()), old), figure
        if PILLOW >= (11, 2):
            assert np.array_equal(drawn_by_pillow(figure, height, width, params()), new), figure
        differ += not np.array_equal(old, new)
    assert 5 < differ < 100


@pytest.mark.skipif(not (DATA / "labelme_voc3").is_dir(), reason="needs ../shared/data/labelme_voc3")
@pytest.mark.parametrize("name", ["2011_000003", "2011_000006", "2011_000025"])
def test_the_masks_that_labelme_exported(name: str) -> None:
    content = json.loads((DATA / "labelme_voc3" / f"{name}.json").read_text())
    classes = (DATA / "labelme_voc3_expected" / "class_names.txt").read_text().split("\n")
    with Image.open(DATA / "labelme_voc3_expected" / f"{name}.png") as image:
        expected = np.array(image)
    shapes = [shape("polygon", *((x, y) for x, y in drawn["points"]), label=drawn["label"]) for drawn in content["shapes"]]
    ids = {label: number for number, label in enumerate(classes) if label} | {"__ignore__": 255}
    assert len(np.unique(expected)) > 1
    assert np.count_nonzero(paint(shapes, ids, *expected.shape, params()) != expected) == 0


def test_a_polygon_covers_its_outline_and_its_inside() -> None:
    square = shape("polygon", (1, 1), (4, 1), (4, 3), (1, 3))
    assert rows(filled(square, 5, 6, params())) == ["......", ".####.", ".####.", ".####.", "......"]


def test_coordinates_are_cut_towards_zero() -> None:
    for figure in (
        shape("rectangle", (-0.9, 2.9), (1.9, 1.1)),
        shape("polygon", (-0.9, 1.1), (1.9, 1.1), (1.9, 2.9), (-0.9, 2.9)),
    ):
        assert rows(filled(figure, 4, 4, params())) == ["....", "##..", "##..", "...."]


def test_a_circle_is_its_centre_and_a_point_on_it() -> None:
    circle = shape("circle", (2, 2), (2, 0))
    assert rows(filled(circle, 5, 6, params())) == [".###..", "#####.", "#####.", "#####.", ".###.."]


def test_a_line_of_one_pixel_is_there_even_where_it_has_no_length() -> None:
    assert rows(filled(shape("linestrip", (0, 0), (3, 1), (3, 2)), 3, 4, params(line_width=1))) == ["##..", "..##", "...#"]
    for line_width in (1, 10):
        assert filled(shape("line", (1.5, 1.5), (1.1, 1.9)), 3, 3, params(line_width=line_width)).sum() == 1


def test_shapes_without_points_or_out_of_the_image_cover_nothing() -> None:
    for kind in ("polygon", "linestrip", "points"):
        assert not filled(shape(kind), 3, 4, params()).any()  # type: ignore[arg-type]
    for x, y in ((-50, 1), (50, 1), (1, -50), (1, 50)):
        triangle = shape("polygon", (x, y), (x, y + 5), (x + 5, y))
        for figure in (shape("rectangle", (x, y), (x + 9, y + 9)), shape("point", (x, y)), triangle):
            assert not filled(figure, 3, 4, params()).any()


@pytest.mark.parametrize("far", [1e4, 1e6])
def test_coordinates_far_out_of_the_image_cost_no_memory(far: float) -> None:
    figures = [
        shape("polygon", (-far, -far), (far, -far), (far, far), (-far, far)),
        shape("rectangle", (-far, -far), (far, far)),
        shape("circle", (30, 20), (30, far)),
        shape("line", (-far, -far), (far, far)),
        shape("points", (far, far), (-far, 3)),
    ]
    for line_width in (1, 10):
        tracemalloc.start()
        masks = [filled(figure, 40, 60, params(line_width=line_width)) for figure in figures]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4_000_000
        assert all(mask.all() for mask in masks[:3])
        assert masks[3][20, 20]
        assert not masks[4].any()


def test_a_huge_circle_is_one_although_pillow_overflows() -> None:
    mask = filled(shape("circle", (500_000.0, 20), (500_040.0, 20 + 499_990)), 40, 60, params())
    x = np.flatnonzero(mask[20])[0]
    assert mask[20, x:].all()
    assert abs(500_000 - x - np.hypot(40, 499_990)) <= 1

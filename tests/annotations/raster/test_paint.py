"""Many shapes to one mask: order, overlap, groups, holes, background and what is dropped."""

import itertools
from random import Random
from typing import Any

import numpy as np
import pytest

from segpipe.annotations.class_map import DROPPED
from segpipe.annotations.raster import paint as module
from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.shape import Kind, Point, Shape
from tests.annotations.raster.drawn_shapes import KINDS, drawn_by_pillow, params, random_shape, shape

IDS = {"background": 0, "_background_": 0, "cat": 1, "dog": 2, "ignore": 255, "gone": DROPPED}
FILLS, OVERLAPS = ("labelme", "exact"), ("order", "priority", "smaller")
RULES = [*itertools.product(FILLS, OVERLAPS)]


def box(label: str, left: int, right: int, top: int = 0, bottom: int = 1, group: str = "", fill: str = "exact") -> Shape:
    """A rectangle of these columns and rows, the last ones not included."""
    less = 1 if fill == "labelme" else 0
    return shape("rectangle", (left, top), (right - less, bottom - less), label=label, group=group)


def row(
    *shapes: Shape, overlap: str = "order", fill: str = "exact", ids: dict[str, int] = IDS, undrawn: str = "background"
) -> str:
    """The one row of a 10 x 1 image; `x` is ignored."""
    mask = paint(shapes, ids, 1, 10, params(fill, overlap, undrawn=undrawn))
    assert mask.dtype == np.uint8
    return "".join("x" if value == 255 else str(value) for value in mask[0])


def test_an_image_without_shapes_is_background() -> None:
    assert row() == "0000000000"
    assert row(box("gone", 0, 9)) == "0000000000"


def test_under_order_the_later_shape_wins() -> None:
    cat, dog = box("cat", 0, 6), box("dog", 3, 5)
    assert row(cat, dog) == "1112210000"
    assert row(dog, cat) == "1111110000"
    assert row(box("ignore", 2, 8), cat) == "111111xx00"


def test_under_priority_the_larger_id_wins_and_ignored_beats_all() -> None:
    shapes = box("cat", 0, 6), box("dog", 3, 8), box("ignore", 5, 7)
    for order in itertools.permutations(shapes):
        assert row(*order, overlap="priority") == "11122xx200"


def test_under_smaller_the_shape_of_fewer_pixels_wins() -> None:
    shapes = box("dog", 3, 5), box("cat", 0, 8), box("ignore", 4, 7)
    for order in itertools.permutations(shapes):
        assert row(*order, overlap="smaller") == "11122xx100"
    assert row(box("cat", 0, 3), box("dog", 2, 5), overlap="smaller") == "1122200000"


@pytest.mark.parametrize(("fill", "overlap"), RULES)
@pytest.mark.parametrize("name", ["background", "_background_"])
def test_background_cuts_what_was_drawn_before_it(fill: str, overlap: str, name: str) -> None:
    cat, hole, dog = box("cat", 0, 6, fill=fill), box(name, 2, 9, fill=fill), box("dog", 3, 4, fill=fill)
    assert row(cat, hole, fill=fill, overlap=overlap) == "1100000000"
    assert row(cat, hole, dog, fill=fill, overlap=overlap) == "1102000000"
    assert row(hole, cat, fill=fill, overlap=overlap) == "1111110000"
    assert row(box("ignore", 0, 4, fill=fill), hole, fill=fill, overlap=overlap) == "xx00000000"


def test_a_first_class_that_is_no_background_is_a_class_like_any() -> None:
    ids = {"sky": 0, "cat": 1}
    shapes = box("cat", 0, 6), box("sky", 2, 9)
    assert row(*shapes, ids=ids) == "1100000000"
    assert row(*shapes, ids=ids, overlap="priority") == "1111110000"
    assert row(*shapes, ids=ids, overlap="smaller") == "1111110000"
    assert row(box("cat", 0, 6), box("sky", 2, 4), ids=ids, overlap="smaller") == "1100110000"


@pytest.mark.parametrize(("fill", "overlap"), RULES)
def test_parts_of_one_group_and_label_are_one_object(fill: str, overlap: str) -> None:
    def cat(left: int, right: int, group: str = "7") -> Shape:
        return box("cat", left, right, group=group, fill=fill)

    how: dict[str, Any] = {"fill": fill, "overlap": overlap}
    for order in itertools.permutations([cat(0, 9), cat(2, 7), cat(4, 5)]):
        assert row(*order, **how) == "1100100110"  # a hole and an island in it
    assert row(cat(0, 3), cat(6, 8), **how) == "1110001100"  # apart
    assert row(cat(0, 4), cat(2, 8), **how) == "1111111100"  # only overlapping
    assert row(cat(0, 4), cat(0, 4), **how) == "1111000000"  # twice the same
    assert row(cat(0, 9), cat(2, 7), cat(2, 7), **how) == "1100000110"  # twice the same hole
    assert row(cat(0, 9), cat(2, 7, group="8"), **how) == "1111111110"  # another group
    assert row(cat(0, 9), cat(2, 7, group=""), **how) == "1111111110"  # none
    assert row(cat(0, 9), box("dog", 2, 7, group="7", fill=fill), **how) == ("1122222110")  # another label
    assert row(cat(0, 4), cat(50, 60), **how) == "1111000000"  # a part out of the image


def test_what_shows_through_a_hole_is_what_was_there_before() -> None:
    cat, hole = box("cat", 0, 9, group="a"), box("cat", 3, 6, group="a")
    assert row(box("dog", 2, 5), cat, hole) == "1112201110"
    assert row(cat, box("dog", 2, 5), hole) == "1122201110"


def test_parts_of_an_object_keep_their_places_in_the_order() -> None:
    assert row(box("cat", 0, 4, group="a"), box("dog", 2, 8), box("cat", 6, 9, group="a")) == "1122221110"


def test_the_area_of_an_object_is_that_of_all_its_parts() -> None:
    parts = box("cat", 0, 3, group="a"), box("cat", 5, 9, group="a")
    assert row(*parts, box("dog", 2, 7), overlap="smaller") == "1122222110"
    assert row(*(box("cat", *columns) for columns in ((0, 3), (5, 9))), box("dog", 2, 7), overlap="smaller") == "1112211110"


def test_lines_and_points_of_a_group_are_no_holes() -> None:
    cat = shape("rectangle", (0, 0), (9, 9), label="cat", group="a")
    for kind, points in (("point", [(5, 5)]), ("points", [(5, 5)]), ("line", [(4, 4), (6, 6)]), ("linestrip", [(4, 4), (6, 6)])):
        for fill in FILLS:
            mask = paint([cat, Shape(kind, "cat", (tuple(points),), "a")], IDS, 9, 9, params(fill, line_width=1, point_size=1))  # type: ignore[arg-type]
            assert mask.all()


def test_rings_under_labelme_are_drawn_as_labelme_draws_and_those_within_are_holes() -> None:
    def ring(low: int, high: int) -> tuple[Point, ...]:
        return ((low, low), (high, low), (high, high), (low, high))

    mask = paint([Shape("polygon", "cat", (ring(2, 4), ring(0, 6)))], IDS, 8, 8, params())
    expected = np.zeros((8, 8), int)
    expected[:7, :7] = 1
    expected[2:5, 2:5] = 0
    assert np.array_equal(mask, expected)
    touching = Shape("polygon", "cat", (((0, 0), (3, 0), (3, 3), (0, 3)), ((3, 0), (6, 0), (6, 3), (3, 3))))
    assert paint([touching], IDS, 4, 7, params()).all()


def test_a_mask_is_pasted_at_its_corner_and_cut_to_the_image() -> None:
    pixels = np.array([[1, 0, 1], [0, 1, 1]], np.uint8)

    def pasted(x: float, y: float) -> list[list[int]]:
        return paint([Shape("mask", "dog", (((x, y), (x + 2, y + 1)),), "", pixels)], IDS, 3, 4, params()).tolist()

    assert pasted(1, 1) == [[0, 0, 0, 0], [0, 2, 0, 2], [0, 0, 2, 2]]
    assert pasted(-1, 2) == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0]]
    assert pasted(2.7, -0.2) == [[0, 0, 2, 0], [0, 0, 0, 2], [0, 0, 0, 0]]
    assert pasted(-1, -1) == [[2, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    for x, y in ((4, 0), (0, 3), (-3, 0), (0, -2), (-9, -9), (99, 99)):
        assert not np.any(pasted(x, y))


def scene(seed: int) -> tuple[list[Shape], int, int]:
    rng = Random(seed)
    shapes = []
    for _ in range(rng.randint(0, 12)):
        drawn = random_shape(rng, rng.choice(KINDS), 50)
        shapes.append(shape(drawn.kind, *drawn.rings[0], label=rng.choice([*IDS]), group=rng.choice(["", "", "1", "2"])))
    return shapes, rng.randint(1, 50), rng.randint(1, 50)


@pytest.mark.parametrize("seed", range(60))
def test_plain_shapes_under_order_are_labelmes_own_order(seed: int) -> None:
    shapes, height, width = scene(seed)
    # Polygons differ between Pillows by a pixel: test_fill_labelme.py has them.
    shapes = [shape(drawn.kind, *drawn.rings[0], label=drawn.label) for drawn in shapes if "polygon" not in drawn.kind]
    shapes = [drawn for drawn in shapes if drawn.kind != "oriented_rectangle"]
    expected = np.zeros((height, width), np.uint8)
    for drawn in shapes:
        if drawn.label != "gone":
            expected[drawn_by_pillow(drawn, height, width, params())] = IDS[drawn.label]
    assert np.array_equal(paint(shapes, IDS, height, width, params()), expected)


@pytest.mark.parametrize(("fill", "overlap"), RULES)
def test_few_rows_at_a_time_give_the_same_mask(fill: str, overlap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    how = params(fill, overlap)
    scenes = [scene(seed) for seed in range(25)]
    whole = [paint(shapes, IDS, height, width, how) for shapes, height, width in scenes]
    monkeypatch.setattr(module, "MAX_CROSSINGS", 90)
    monkeypatch.setattr("segpipe.annotations.raster.scanlines.MAX_PIXELS", 50)
    for (shapes, height, width), expected in zip(scenes, whole, strict=True):
        assert np.array_equal(paint(shapes, IDS, height, width, how), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_no_area_do_not_fail(kind: Kind) -> None:
    count = {"rectangle": 2, "oriented_rectangle": 4, "circle": 2, "line": 2, "point": 1}.get(kind, 3)
    for fill in FILLS:
        mask = paint([shape(kind, *[(2.0, 2.0)] * count, label="cat")], IDS, 5, 5, params(fill))
        assert mask.sum() in range(26)


@pytest.mark.parametrize(("fill", "overlap"), RULES)
def test_what_is_undrawn_is_ignored_where_that_is_asked_for(fill: str, overlap: str) -> None:
    cat, dog = box("cat", 1, 4, fill=fill), box("dog", 3, 5, fill=fill)
    assert row(cat, dog, overlap=overlap, fill=fill, undrawn="ignore") == "x1122xxxxx"
    assert row(overlap=overlap, fill=fill, undrawn="ignore") == "xxxxxxxxxx"
    assert row(box("gone", 0, 9, fill=fill), overlap=overlap, fill=fill, undrawn="ignore") == "xxxxxxxxxx"


@pytest.mark.parametrize("name", ["background", "_background_"])
@pytest.mark.parametrize(("fill", "overlap"), RULES)
def test_background_can_be_drawn_where_what_is_undrawn_is_ignored(fill: str, overlap: str, name: str) -> None:
    parts = box(name, 0, 6, fill=fill), box("cat", 4, 8, fill=fill)
    assert row(*parts, overlap=overlap, fill=fill, undrawn="ignore") == "00001111xx"
    # Drawn later, it cuts what is below, and what it uncovers is background and not ignored.
    assert row(*parts[::-1], overlap=overlap, fill=fill, undrawn="ignore") == "00000011xx"


def test_a_first_class_that_is_no_background_is_drawn_on_ignored_ground() -> None:
    ids = {"cat": 0, "dog": 1, "ignore": 255}
    for overlap in OVERLAPS:
        parts = box("cat", 0, 3), box("dog", 5, 7), box("ignore", 7, 8)
        assert row(*parts, overlap=overlap, ids=ids, undrawn="ignore") == "000xx11xxx"


def test_ignoring_the_undrawn_changes_no_drawn_pixel() -> None:
    for seed, (fill, overlap) in itertools.product(range(12), RULES):
        shapes, height, width = scene(seed)
        kept = paint(shapes, IDS, height, width, params(fill, overlap, undrawn="ignore"))
        plain = paint(shapes, IDS, height, width, params(fill, overlap))
        different = kept != plain
        assert np.all(kept[different] == 255)
        assert np.all(plain[different] == 0)
        everywhere = [box("background", 0, width, 0, height), *shapes]
        assert np.array_equal(paint(everywhere, IDS, height, width, params(fill, overlap, undrawn="ignore")), plain)

"""labelme's shapes from all its versions: what each becomes, and the sentence for each that becomes nothing."""

import base64
import io
import json
import math
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations.formats.labelme import shapes as module
from segpipe.annotations.formats.labelme.shapes import KINDS, ParsedShapes, parse_shapes
from segpipe.annotations.raster.shape import Shape
from segpipe.errors import DataError
from segpipe.record import Mask

TRIANGLE = [[1, 1], [3, 1], [3, 3]]
AGAIN = "Draw it again, or remove it."
NAN, INF = math.nan, math.inf


def of(*raw: dict[str, Any], size: tuple[int, int] | None = (6, 5)) -> ParsedShapes:
    return parse_shapes(raw, "a.json", size)


def only(raw: dict[str, Any]) -> Shape:
    result = of(raw)
    assert not result.problems
    (shape,) = result.shapes
    return shape


def told(*raw: dict[str, Any]) -> list[str]:
    return [f"{'warning: ' if each.warning else ''}{each.problem}. {each.remedy}" for each in of(*raw).problems]


def png(values: Any, mode: str | None = None, file_format: str = "PNG") -> str:
    """An image in base64, as labelme writes masks."""
    stream = io.BytesIO()
    image = Image.fromarray(np.asarray(values, np.uint8))
    (image.convert(mode) if mode else image).save(stream, format=file_format)
    return base64.b64encode(stream.getvalue()).decode()


def masked(points: Any, mask: Any, **more: Any) -> dict[str, Any]:
    return {"label": "cat", "points": points, "shape_type": "mask", "mask": mask} | more


# What labelme's own versions have written for a shape, and the shape that it is.
VERSIONS: dict[str, tuple[dict[str, Any], Shape]] = {
    "3.0, before shape types": (
        {"label": "cat", "line_color": None, "fill_color": [0, 255, 0, 128], "points": [[1, 1], [3, 1], [3, 3]]},
        Shape("polygon", "cat", (((1.0, 1.0), (3.0, 1.0), (3.0, 3.0)),)),
    ),
    "3.16": (
        {
            "label": "cat",
            "line_color": None,
            "fill_color": None,
            "points": [[4, 4], [1.5, 1]],
            "shape_type": "rectangle",
            "flags": {},
        },
        Shape("rectangle", "cat", (((4.0, 4.0), (1.5, 1.0)),)),
    ),
    "4.5": (
        {"label": "cat", "points": [[2, 2], [2, 0]], "group_id": 3, "shape_type": "circle", "flags": {}},
        Shape("circle", "cat", (((2.0, 2.0), (2.0, 0.0)),), "3"),
    ),
    "5.0": (
        {"label": "cat", "points": [[0, 0], [5, 4]], "group_id": None, "shape_type": "line", "flags": {"far": False}},
        Shape("line", "cat", (((0.0, 0.0), (5.0, 4.0)),)),
    ),
    "5.2": (
        {"label": "cat", "points": [[0, 0], [5, 4], [5, 0]], "group_id": 0, "description": "a tail", "shape_type": "linestrip"},
        Shape("linestrip", "cat", (((0.0, 0.0), (5.0, 4.0), (5.0, 0.0)),), "0"),
    ),
    "5.5": (
        {"label": "cat", "points": [[2.5, 2]], "group_id": None, "description": None, "shape_type": "point", "mask": None},
        Shape("point", "cat", (((2.5, 2.0),),)),
    ),
    "5.8, a mask that no polygon has": (
        {"label": "cat", "points": TRIANGLE, "description": "", "shape_type": "polygon", "flags": {}, "mask": "iVBORw0"},
        Shape("polygon", "cat", (((1.0, 1.0), (3.0, 1.0), (3.0, 3.0)),)),
    ),
    "5.9, points": (
        {"label": "cat", "points": [[1, 1], [2, 2]], "shape_type": "points"},
        Shape("points", "cat", (((1.0, 1.0), (2.0, 2.0)),)),
    ),
    "7.1": (
        {"label": "cat", "points": [[2, 0], [4, 2], [3, 3], [1, 1]], "group_id": 1, "shape_type": "oriented_rectangle"},
        Shape("oriented_rectangle", "cat", (((2.0, 0.0), (4.0, 2.0), (3.0, 3.0), (1.0, 1.0)),), "1"),
    ),
    "four corners of an upright rectangle": (
        {"label": "cat", "points": [[4, 1], [1, 1], [1, 3], [4, 3]], "shape_type": "rectangle"},
        Shape("rectangle", "cat", (((1.0, 1.0), (4.0, 3.0)),)),
    ),
    "four corners of a turned rectangle": (
        {"label": "cat", "points": [[2, 0], [4, 2], [3, 3], [1, 1]], "shape_type": "rectangle"},
        Shape("oriented_rectangle", "cat", (((2.0, 0.0), (4.0, 2.0), (3.0, 3.0), (1.0, 1.0)),)),
    ),
    "no type": ({"label": "cat", "points": TRIANGLE, "shape_type": None}, Shape("polygon", "cat", (((1, 1), (3, 1), (3, 3)),))),
    "an empty type": (
        {"label": "cat", "points": TRIANGLE, "shape_type": ""},
        Shape("polygon", "cat", (((1, 1), (3, 1), (3, 3)),)),
    ),
    "a group in words": (
        {"label": "cat", "points": TRIANGLE, "group_id": "a 1"},
        Shape("polygon", "cat", (((1, 1), (3, 1), (3, 3)),), "a 1"),
    ),
    "a label that is a number": ({"label": 7, "points": TRIANGLE}, Shape("polygon", "7", (((1, 1), (3, 1), (3, 3)),))),
    "a label that is a fraction": ({"label": 0.5, "points": TRIANGLE}, Shape("polygon", "0.5", (((1, 1), (3, 1), (3, 3)),))),
    "a label in other letters": ({"label": "猫 ☃", "points": TRIANGLE}, Shape("polygon", "猫 ☃", (((1, 1), (3, 1), (3, 3)),))),
    "partly outside": (
        {"label": "cat", "points": [[-5, -5], [1, 1]], "shape_type": "rectangle"},
        Shape("rectangle", "cat", (((-5.0, -5.0), (1.0, 1.0)),)),
    ),
    "around the whole image": (
        {"label": "cat", "points": [[-9, -9], [99, -9], [99, 99]]},
        Shape("polygon", "cat", (((-9.0, -9.0), (99.0, -9.0), (99.0, 99.0)),)),
    ),
    "as far as points may be": (
        {"label": "cat", "points": [[-1e6, 0], [1_000_000, 0], [3, 3]]},
        Shape("polygon", "cat", (((-1e6, 0.0), (1e6, 0.0), (3.0, 3.0)),)),
    ),
    "a bow of two triangles": (
        {"label": "cat", "points": [[0, 0], [2, 2], [2, 0], [0, 2]]},
        Shape("polygon", "cat", (((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)),)),
    ),
    "a circle whose centre is outside": (
        {"label": "cat", "points": [[-3, 2], [1, 2]], "shape_type": "circle"},
        Shape("circle", "cat", (((-3.0, 2.0), (1.0, 2.0)),)),
    ),
}


@pytest.mark.parametrize("name", VERSIONS)
def test_what_labelme_has_written_is_read(name: str) -> None:
    raw, expected = VERSIONS[name]
    assert only(json.loads(json.dumps(raw))) == expected


# What is wrong with a shape, and the sentence; `cat` of TRIANGLE unless it says otherwise.
BAD: list[tuple[dict[str, Any], str]] = [
    ({"label": None}, "a shape without a label. Give every shape its label in labelme, or remove it."),
    ({"label": ""}, "a shape without a label. Give every shape its label in labelme, or remove it."),
    ({"label": " \t\n"}, "a shape without a label. Give every shape its label in labelme, or remove it."),
    ({"label": True}, "a label that is no text. Give the shape its label again in labelme."),
    ({"label": ["cat"]}, "a label that is no text. Give the shape its label again in labelme."),
    ({"label": {}}, "a label that is no text. Give the shape its label again in labelme."),
    ({"label": "a\nb"}, 'a label with control characters ("a\\nb"). Write labels in one line of plain text.'),
    ({"label": "\x1b[2J"}, 'a label with control characters ("\\x1b[2J"). Write labels in one line of plain text.'),
    ({"label": "\ud800"}, 'a label with control characters ("\\ud800"). Write labels in one line of plain text.'),
    ({"label": "c" * 201}, f'a label of more than 200 characters ("{"c" * 57}..."). Give it a shorter one.'),
    *(
        (
            {"shape_type": kind},
            f'a shape of the type "{word}", which is not known. Draw it as one of {", ".join(KINDS)}.',
        )
        for kind, word in [
            ("cuboid", "cuboid"),
            ("Polygon", "Polygon"),
            (7, "7"),
            (True, "true"),
            (0, "0"),
            ([], "list"),
            (["polygon"], "list"),
            ({"polygon": 1}, "dict"),
            ("x" * 99, "x" * 57 + "..."),
        ]
    ),
    *(
        ({"points": points}, f'polygon "cat" with points that are no pairs of numbers. {AGAIN}')
        for points in [
            None,
            5,
            "1 1 3 1 3 3",
            {"x": 1},
            [1, 1, 3, 1, 3, 3],
            [[1, 1], [3, 1], [3]],
            [[1, 1], [3, 1], [3, 3, 3]],
            [["1", "1"], ["3", "1"], ["3", "3"]],
            [[1, 1], [3, 1], [3, None]],
            [[1, 1], [3, 1], [3, True]],
            [[1, 1], [3, 1], {"x": 3, "y": 3}],
            [TRIANGLE],
        ]
    ),
    *(
        ({"points": [*TRIANGLE, point]}, f'polygon "cat" with a point that is NaN or infinite. {AGAIN}')
        for point in ([NAN, 1], [1, INF], [-INF, 1])
    ),
    *(
        ({"points": [*TRIANGLE, point]}, f'polygon "cat" with a point more than 1000000 pixels away. {AGAIN}')
        for point in ([1e12, 1], [1, -1_000_001], [10**400, 1], [1e308, 1])
    ),
    *(
        ({"shape_type": kind, "points": TRIANGLE[:count]}, f'{kind} "cat" needs {needed}. {AGAIN}')
        for kind, needed, counts in [
            ("polygon", "3 points or more", (0, 1, 2)),
            ("rectangle", "2 points, or 4", (0, 1, 3)),
            ("oriented_rectangle", "4 points", (0, 2, 3)),
            ("circle", "2 points", (0, 1, 3)),
            ("line", "2 points", (0, 1, 3)),
            ("linestrip", "2 points or more", (0, 1)),
            ("point", "1 point", (0, 2, 3)),
            ("points", "1 point or more", (0,)),
            ("mask", "2 points", (0, 1, 3)),
        ]
        for count in counts
    ),
    *(
        ({"group_id": group}, 'polygon "cat" with a group_id that is no whole number. Set it again in labelme, or leave it out.')
        for group in (1.5, True, [1], {})
    ),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_a_shape_that_cannot_be_is_reported_in_one_sentence(number: int) -> None:
    wrong, sentence = BAD[number]
    raw = {"label": "cat", "points": TRIANGLE, "shape_type": "polygon"} | wrong
    assert told(raw) == [sentence]


# Shapes that labelme opens and paints, but that are hardly what was meant.
ODD: list[tuple[str, list[list[float]], str]] = [
    ("polygon", [[1, 1], [1, 1], [3, 3]], "with no area"),
    ("polygon", [[2, 2], [2, 2], [2, 2]], "with no area"),
    ("polygon", [[0, 0], [1, 1], [2, 2], [4, 4]], "with no area"),
    ("polygon", [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]], "with no area"),
    ("polygon", [[0.1, 0.3], [0.2, 0.6], [0.3, 0.9]], "with no area"),  # by floats not quite on one line
    ("polygon", [[0, 0], [4, 0], [0, 0], [2, 0]], "with no area"),
    ("rectangle", [[1, 1], [1, 4]], "with no area"),
    ("rectangle", [[1, 1], [4, 1]], "with no area"),
    ("rectangle", [[2, 2], [2, 2]], "with no area"),
    ("rectangle", [[1, 1], [1, 1], [1, 4], [1, 4]], "with no area"),
    ("oriented_rectangle", [[0, 0], [1, 1], [2, 2], [3, 3]], "with no area"),
    ("circle", [[2, 2], [2, 2]], "of radius 0"),
    ("line", [[2, 2], [2, 2]], "with no length"),
    ("linestrip", [[2, 2], [2, 2], [2, 2]], "with no length"),
    ("polygon", [[-9, 1], [-5, 1], [-5, 3]], "wholly outside the image"),
    ("polygon", [[7, 1], [9, 1], [9, 3]], "wholly outside the image"),
    ("rectangle", [[1, -4], [4, -1]], "wholly outside the image"),
    ("rectangle", [[1, 6], [4, 9]], "wholly outside the image"),
    ("circle", [[-9, 2], [-9, 4]], "wholly outside the image"),
    ("line", [[-9, 2], [-1, 4]], "wholly outside the image"),
    ("point", [[-1, 2]], "wholly outside the image"),
    ("points", [[-1, 2], [-3, 3]], "wholly outside the image"),
]


@pytest.mark.parametrize(("kind", "points", "what"), ODD)
def test_an_odd_shape_is_a_warning_and_stays(kind: str, points: Any, what: str) -> None:
    raw = {"label": "cat", "points": points, "shape_type": kind}
    assert told(raw) == [f'warning: {kind} "cat" {what}. {AGAIN}']
    assert len(of(raw).shapes) == 1


def test_nothing_is_outside_an_image_whose_size_is_in_doubt() -> None:
    raw = {"label": "cat", "points": [[70, 1], [90, 1], [90, 3]]}
    assert of(raw).problems
    assert not of(raw, size=None).problems


def test_blanks_around_a_label_are_taken_off_with_a_warning() -> None:
    raw = {"label": " cat\n", "points": TRIANGLE}
    assert told(raw) == ['warning: a label with blanks around it ("cat"). It is read without them; correct it in labelme.']
    assert of(raw).labels == ("cat",)
    assert of(raw).shapes[0].label == "cat"


def test_every_bad_shape_is_reported_once_and_the_sound_ones_stay_in_order() -> None:
    dog, cat = {"label": "dog", "points": TRIANGLE}, {"label": "cat", "points": TRIANGLE}
    few = {"label": "cow", "points": []}
    result = of(dog, few, {"label": None, "points": None}, few, {"points": TRIANGLE}, cat)
    assert [(problem.file, problem.problem) for problem in result.problems] == [
        ("shape 2 of a.json", 'polygon "cow" needs 3 points or more'),
        ("shape 3 of a.json", "a shape without a label"),
        ("shape 3 of a.json", "polygon with points that are no pairs of numbers"),
        ("shape 4 of a.json", 'polygon "cow" needs 3 points or more'),
        ("shape 5 of a.json", "a shape without a label"),
    ]
    assert result.labels == ("cat", "cow", "dog")
    assert [shape.label for shape in result.shapes] == ["dog", "cat"]


def pixels_of(shape: Shape) -> list[str]:
    assert isinstance(shape.pixels, np.ndarray)
    assert shape.pixels.dtype == np.uint8
    return ["".join(map(str, row)) for row in shape.pixels]


L_SHAPE = [[1, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    "mask", [png(L_SHAPE), png(np.multiply(L_SHAPE, 255)), png(np.multiply(L_SHAPE, 255), "1"), png(L_SHAPE, "P")]
)
def test_a_mask_lies_between_its_first_and_last_pixel(mask: str) -> None:
    shape = only(masked([[1, 2], [3, 3]], mask, group_id=4))
    assert (shape.kind, shape.label, shape.group) == ("mask", "cat", "4")
    assert shape.rings == (((1.0, 2.0), (3.0, 3.0)),)
    assert pixels_of(shape) == ["100", "111"]


@pytest.mark.parametrize(
    ("points", "corner", "rows"),
    [
        ([[1, 2], [2, 2]], (1, 2), ["10"]),  # smaller by one: cut, as labelme does
        ([[1, 2], [4, 4]], (1, 2), ["100", "111"]),  # the corner counted as the pixel after the last
        ([[1.4, 2.4], [3.4, 3.4]], (1, 2), ["100", "111"]),  # dragged
        ([[1.5, 2.5], [3.5, 3.5]], (2, 2), ["100", "111"]),  # rounded to even, as numpy does
        ([[0.6, 1.6], [3.4, 3.4]], (1, 2), ["100", "111"]),
        ([[-1, -1], [1, 0]], (-1, -1), ["100", "111"]),
        ([[3, 3], [1, 2]], (1, 2), ["100", "111"]),  # the corners in the other order
    ],
)
def test_a_mask_keeps_its_pixels_where_its_corners_are_off_by_one(points: Any, corner: tuple[int, int], rows: list[str]) -> None:
    shape = only(masked(points, png(L_SHAPE)))
    assert pixels_of(shape) == rows
    assert shape.rings == ((corner, (corner[0] + len(rows[0]) - 1, corner[1] + len(rows) - 1)),)


@given(mask=st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_mask_comes_back_as_it_was(mask: list[list[int]]) -> None:
    result = of(masked([[1, 0], [3, len(mask) - 1]], png(mask)))
    expected: Mask = np.array(mask, np.uint8)
    assert np.array_equal(np.asarray(result.shapes[0].pixels), expected)
    assert bool(result.problems) != bool(expected.any())


@pytest.mark.parametrize(
    ("points", "mask", "sentence"),
    [
        ([[1, 2], [3, 3]], None, f'mask "cat" without pixels: its mask is no PNG in base64. {AGAIN}'),
        ([[1, 2], [3, 3]], "", f'mask "cat" without pixels: its mask is no PNG in base64. {AGAIN}'),
        ([[1, 2], [3, 3]], [[1, 0, 0], [1, 1, 1]], f'mask "cat" without pixels: its mask is no PNG in base64. {AGAIN}'),
        ([[1, 2], [3, 3]], "é", f'mask "cat" without pixels: its mask is no PNG in base64. {AGAIN}'),
        ([[1, 2], [3, 3]], "abc", f'mask "cat" without pixels: its mask is no PNG in base64. {AGAIN}'),
        (
            [[1, 2], [3, 3]],
            "AAAA",
            'mask "cat" with a mask that cannot be read: not an image that can be read, or its first bytes are damaged. ' + AGAIN,
        ),
        (
            [[1, 2], [3, 3]],
            png(L_SHAPE, "RGB"),
            f'mask "cat" with a mask that cannot be read: a mask of mode RGB and not one channel of class ids. {AGAIN}',
        ),
        (
            [[1, 2], [3, 3]],
            png(L_SHAPE, file_format="JPEG"),
            f'mask "cat" with a mask that cannot be read: a mask saved as JPEG, which changes class ids. {AGAIN}',
        ),
        ([[1, 2], [5, 3]], png(L_SHAPE), f'mask "cat" whose pixels do not fit its two corners. {AGAIN}'),
        ([[1, 2], [3, 5]], png(L_SHAPE), f'mask "cat" whose pixels do not fit its two corners. {AGAIN}'),
        ([[0, 0], [1e6, 1e6]], png(L_SHAPE), f'mask "cat" whose pixels do not fit its two corners. {AGAIN}'),
        ([[1, 2], [3, 3]], png([[0, 0, 0], [0, 0, 0]]), f'warning: mask "cat" with no pixel in it. {AGAIN}'),
        ([[7, 2], [9, 3]], png(L_SHAPE), f'warning: mask "cat" wholly outside the image. {AGAIN}'),
    ],
)
def test_a_mask_that_does_not_fit_is_reported(points: Any, mask: Any, sentence: str) -> None:
    assert told(masked(points, mask)) == [sentence]


def test_a_damaged_mask_is_reported() -> None:
    cut = png(np.random.default_rng(3).integers(0, 2, (40, 50)))[:80]
    (sentence,) = told(masked([[0, 0], [49, 39]], cut))
    assert sentence.startswith('mask "cat" with a mask that cannot be read: a damaged image (')


def test_a_bomb_of_a_mask_is_refused_from_its_header() -> None:
    size = struct.pack(">4sII5B", b"IHDR", 20_000, 20_000, 1, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + size + struct.pack(">I", zlib.crc32(size)) + b"\0\0\0\0IDAT"
    (sentence,) = told(masked([[0, 0], [19_999, 19_999]], base64.b64encode(content).decode()))
    assert sentence == (
        'mask "cat" with a mask that cannot be read: 20000 x 20000 pixels, above the limit of 268435456. ' + AGAIN
    )


def test_masks_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = masked([[1, 1], [3, 2]], png([[1, 1, 1], [1, 1, 1]]))
    monkeypatch.setattr(module, "MAX_MASK_PIXELS", 12)
    assert len(of(raw, raw).shapes) == 2
    with pytest.raises(DataError, match=r"^a\.json: masks of more than \d+ pixels in one image\. Cut the image into parts"):
        of(raw, raw, raw)

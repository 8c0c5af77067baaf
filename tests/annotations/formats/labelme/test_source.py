"""labelme's files, read: shapes against pixels drawn by hand, which image belongs to a JSON, one sentence for each mistake."""

import base64
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations.convert import examine
from segpipe.annotations.examination.examine import SERIAL_UP_TO
from segpipe.annotations.formats.labelme import source as labelme
from segpipe.annotations.formats.labelme.shapes import KINDS
from segpipe.annotations.items import Item, ParsedAnnotation, Reader
from segpipe.errors import DataError
from segpipe.images.decode import decode_image, decode_mask
from segpipe.storage.byte_source import FileRange, InMemory
from tests.annotations.data_params import data_params

CLASSES = ("background", "cat", "dog")
TRIANGLE = [[1, 1], [3, 1], [3, 3]]
VOC3 = Path(__file__).parents[4] / "shared" / "data" / "labelme_voc3"
VOC3_EXPECTED = VOC3.with_name("labelme_voc3_expected")


def shape(label: Any = "cat", points: Any = TRIANGLE, kind: Any = "polygon") -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind}


def save(path: Path, shapes: Any, image: str | None = None, size: tuple[int, int] = (6, 5), **more: Any) -> None:
    """A JSON file and, unless an `imagePath` is given, an image beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    content = {"shapes": shapes, "imagePath": image or "photo.png", "imageWidth": width, "imageHeight": height}
    path.write_text(json.dumps(content | more), encoding="utf-8")
    if image is None:
        Image.new("RGB", size).save(path.with_suffix(".png"))


@functools.cache
def reader(classes: tuple[str, ...]) -> Reader:
    return labelme.source(Path("unread"), data_params(Path("unread"), "labelme"), classes).read


def read(item: Item, width: int, height: int, classes: tuple[str, ...] = CLASSES) -> ParsedAnnotation:
    return reader(classes)(item, width, height)


def annotated(folder: Path, shapes: Any, classes: tuple[str, ...] = CLASSES, **more: Any) -> ParsedAnnotation:
    """What is read of a 6 x 5 image with these shapes."""
    save(folder / "a.json", shapes, **more)
    return read(only(folder), 6, 5, classes)


def painted(folder: Path, shapes: list[dict[str, Any]], classes: tuple[str, ...] = CLASSES, **more: Any) -> list[str]:
    """The mask of a 6 x 5 image with these shapes, a string a row; `x` is ignored."""
    mask = annotated(folder, shapes, classes, **more).mask
    assert mask is not None
    return ["".join("x" if value == 255 else str(value) for value in row) for row in mask]


def only(folder: Path) -> Item:
    found = labelme.find(folder, "error")
    assert not found.problems
    (item,) = found.items
    return item


def told(folder: Path, shapes: Any, **more: Any) -> list[str]:
    """What is wrong with a file."""
    return [str(problem) for problem in annotated(folder, shapes, **more).problems]


def problems(folder: Path, rule: str = "error") -> list[str]:
    return [str(problem) for problem in labelme.find(folder, rule).problems]


def test_a_polygon_covers_its_outline_and_its_inside(tmp_path: Path) -> None:
    assert painted(tmp_path, [shape(points=[[1, 1], [4, 1], [4, 3], [1, 3]])]) == [
        "000000",
        "011110",
        "011110",
        "011110",
        "000000",
    ]
    assert painted(tmp_path, [shape(points=[[0, 0], [3, 0], [0, 3]])]) == ["111100", "111000", "110000", "100000", "000000"]


def test_a_rectangle_is_drawn_from_any_two_corners(tmp_path: Path) -> None:
    expected = ["000000", "000000", "002220", "002220", "000000"]
    for points in ([[2, 2], [4, 3]], [[4, 3], [2, 2]], [[2, 3], [4, 2]]):
        assert painted(tmp_path, [shape("dog", points, "rectangle")]) == expected


def test_a_circle_is_its_centre_and_a_point_on_its_edge(tmp_path: Path) -> None:
    assert painted(tmp_path, [shape(points=[[2, 2], [2, 0]], kind="circle")]) == [
        "011100",
        "111110",
        "111110",
        "111110",
        "011100",
    ]


def test_shapes_reach_over_the_edge_of_the_image(tmp_path: Path) -> None:
    assert painted(tmp_path, [shape(points=[[-5, -5], [1, 1]], kind="rectangle")]) == ["110000", "110000", *3 * ["000000"]]


def test_later_shapes_are_painted_over_earlier_ones(tmp_path: Path) -> None:
    cat, dog = shape("cat", [[0, 0], [3, 1]], "rectangle"), shape("dog", [[2, 0], [5, 1]], "rectangle")
    assert painted(tmp_path, [cat, dog])[:2] == ["112222", "112222"]
    assert painted(tmp_path, [dog, cat])[:2] == ["111122", "111122"]


@pytest.mark.parametrize("background", ["background", "_background_"])
def test_background_is_painted_over_what_lies_below(tmp_path: Path, background: str) -> None:
    shapes = [shape("cat", [[0, 0], [3, 1]], "rectangle"), shape(background, [[1, 0], [2, 1]], "rectangle")]
    assert painted(tmp_path, shapes)[:2] == ["100100", "100100"]
    assert painted(tmp_path, shapes, ("_background_", "cat"))[:2] == ["100100", "100100"]


@pytest.mark.parametrize("label", ["__ignore__", "ignore"])
def test_ignored_areas_become_255(tmp_path: Path, label: str) -> None:
    shapes = [shape("cat", [[0, 0], [3, 1]], "rectangle"), shape(label, [[1, 0], [2, 1]], "rectangle")]
    assert painted(tmp_path, shapes)[:2] == ["1xx100", "1xx100"]


def test_a_shape_without_a_type_is_a_polygon(tmp_path: Path) -> None:
    expected = painted(tmp_path, [shape()])
    for kind in (None, ""):
        assert painted(tmp_path, [shape(kind=kind)]) == expected
    assert painted(tmp_path, [{"label": "cat", "points": TRIANGLE}]) == expected


def test_labels_that_are_numbers_are_read_as_text(tmp_path: Path) -> None:
    assert painted(tmp_path, [shape(1)], ("background", "1")) == painted(tmp_path, [shape("1")], ("background", "1"))


def test_an_image_without_shapes_is_background(tmp_path: Path) -> None:
    assert painted(tmp_path, []) == ["000000"] * 5


def test_unknown_labels_give_no_mask_and_are_reported_of_all_files_together(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape("cow"), shape("cat"), shape("Cat"), shape("cow")])
    save(tmp_path / "b.json", [shape("cat")])
    found = examine(data_params(tmp_path, "labelme", classes=CLASSES), (), tmp_path / "spool")
    remedy = "Add it to data.labelme.classes, map it in data.class_map, or correct it in the files."
    assert [str(problem) for problem in found.problems if not problem.warning] == [
        'a.json: a label that data.labelme.classes spells otherwise: "Cat", there "cat". '
        "Map it in data.class_map, or correct it in the files.",
        f'a.json: a label that data.labelme.classes does not list: "cow". {remedy}',
    ]
    assert [record.id for record in found.records] == ["b"]


def test_all_labels_are_reported_even_of_bad_shapes(tmp_path: Path) -> None:
    read = annotated(tmp_path, [shape("cow"), shape("ant", [[1, 1]]), shape("", kind="cube"), shape(7, kind="circle")])
    assert (read.mask, read.values) == (None, ("7", "ant", "cow"))


def test_all_that_is_wrong_with_a_file_is_reported_at_once(tmp_path: Path) -> None:
    shapes = [shape(kind="cube"), shape(None), shape("dog", [[1, 1]]), shape("dog", [[0, 0]]), shape("cat ")]
    assert told(tmp_path, shapes, imageWidth=60) == [
        "a.json: made for an image of 60 x 5 pixels, but the image has 6 x 5. "
        "Bring back the image that was annotated, or annotate this one.",
        'shape 1 of a.json: a shape of the type "cube", which is not known. Draw it as one of '
        "polygon, rectangle, oriented_rectangle, circle, line, linestrip, point, points, mask.",
        "shape 2 of a.json: a shape without a label. Give every shape its label in labelme, or remove it.",
        'shape 3 of a.json: polygon "dog" needs 3 points or more. Draw it again, or remove it.',
        'shape 4 of a.json: polygon "dog" needs 3 points or more. Draw it again, or remove it.',
        'shape 5 of a.json: a label with blanks around it ("cat"). It is read without them; correct it in labelme.',
    ]


def test_warnings_leave_the_mask(tmp_path: Path) -> None:
    flat = shape("dog", [[0, 4], [3, 4], [5, 4]])
    save(tmp_path / "a.json", [flat, shape(" cat")])
    result = read(only(tmp_path), 6, 5)
    assert [problem.warning for problem in result.problems] == [True, True]
    assert result.mask is not None
    assert (result.mask == 1).sum() == 6


def test_classes_are_merged_and_dropped(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape("cat"), shape("dog", [[0, 0], [5, 0]], "rectangle")])
    data = data_params(tmp_path, "labelme", class_map={"cat": "animal", "dog": "__drop__"})
    merged = labelme.source(tmp_path, data, CLASSES).read(only(tmp_path), 6, 5).mask
    assert merged is not None
    assert sorted(set(merged.ravel())) == [0, 1]
    assert not merged[0].any()


def test_background_must_be_a_class_to_be_a_label(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape("background")])
    assert read(only(tmp_path), 6, 5, ("sky", "cat")).mask is None
    assert read(only(tmp_path), 6, 5, ("background", "cat")).mask is not None


SIZES: list[tuple[Any, Any, str | None]] = [
    (6, 5, None),
    (None, None, None),
    (6.0, 5.0, None),
    (0, 0, None),
    (None, 5, None),
    (
        12,
        10,
        "made for an image of 12 x 10 pixels, but the image has 6 x 5. "
        "Bring back the image that was annotated, or annotate this one.",
    ),
    (
        5,
        6,
        "made for an image of 5 x 6 pixels, but the image has 6 x 5. "
        "It was annotated lying on its side, without regard to EXIF's orientation: annotate it again in labelme.",
    ),
    ("6", 5, "an imageWidth or imageHeight that is no number. Save it again in labelme."),
    ([6], {"a": 5}, "an imageWidth or imageHeight that is no number. Save it again in labelme."),
    (
        float("nan"),
        5,
        "made for an image of NaN x 5 pixels, but the image has 6 x 5. "
        "Bring back the image that was annotated, or annotate this one.",
    ),
    (
        10**99,
        5,
        f"made for an image of {10**56}... x 5 pixels, but the image has 6 x 5. "
        "Bring back the image that was annotated, or annotate this one.",
    ),
]


@pytest.mark.parametrize(("width", "height", "sentence"), SIZES)
def test_the_size_in_the_file_must_be_the_images(tmp_path: Path, width: Any, height: Any, sentence: str | None) -> None:
    expected = [f"a.json: {sentence}"] if sentence else []
    assert told(tmp_path, [shape()], imageWidth=width, imageHeight=height) == expected


def test_shapes_of_another_image_are_not_told_to_be_outside(tmp_path: Path) -> None:
    (sentence,) = told(tmp_path, [shape(points=[[60, 1], [90, 1], [90, 3]])], imageWidth=100, imageHeight=100)
    assert sentence.startswith("a.json: made for an image of 100 x 100 pixels")


def test_an_image_inside_is_not_looked_at_where_there_is_a_file(tmp_path: Path) -> None:
    assert painted(tmp_path, [shape()], imageData="no image") == painted(tmp_path, [shape()])
    assert painted(tmp_path, [shape()], imageData=[{}]) == painted(tmp_path, [shape()])


def test_many_images_inside_their_files_are_read_in_many_processes(tmp_path: Path) -> None:
    for number in range(SERIAL_UP_TO + 2):
        Image.new("L", (6, 5), number).save(tmp_path / "photo.png")
        content = base64.b64encode((tmp_path / "photo.png").read_bytes()).decode()
        save(tmp_path / f"test/{number:02}.json", [shape()], image="a.jpg", imageData=content)
    (tmp_path / "photo.png").unlink()
    found = examine(data_params(tmp_path, "labelme", classes=CLASSES), (), tmp_path / "spool")
    assert not [problem for problem in found.problems if not problem.warning]
    expected = [
        (f"test/{number:02}", f"test/{number:02}.json", ".png", "test", (30 * number,)) for number in range(SERIAL_UP_TO + 2)
    ]
    assert [(each.id, each.source, each.suffix, each.given, each.sums) for each in found.records] == expected


def turned(path: Path, orientation: int = 6) -> None:
    """A photo of 48 x 40 pixels as stored, dark but for a bright patch at x 8 to 15, y 24 to 39 as stored."""
    pixels = np.zeros((40, 48), np.uint8)
    pixels[24:40, 8:16] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, quality=95, exif=exif)


UPRIGHT = {1: (48, 40), 2: (48, 40), 3: (48, 40), 4: (48, 40), 5: (40, 48), 6: (40, 48), 7: (40, 48), 8: (40, 48)}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("inside", [False, True])
def test_a_turned_photo_and_its_mask_agree(tmp_path: Path, orientation: int, inside: bool) -> None:
    """labelme annotates what it shows: the upright image."""
    turned(tmp_path / "a.jpg", orientation)
    size = UPRIGHT[orientation]
    bright = np.argwhere(decode_image((tmp_path / "a.jpg").read_bytes(), "a")[:, :, 0] > 127)
    (top, left), (bottom, right) = bright.min(axis=0).tolist(), bright.max(axis=0).tolist()
    image_data = base64.b64encode((tmp_path / "a.jpg").read_bytes()).decode() if inside else None
    patch = shape(points=[[left, top], [right, bottom]], kind="rectangle")
    save(tmp_path / "a.json", [patch], image="a.jpg", size=size, imageData=image_data)
    if inside:
        (tmp_path / "a.jpg").unlink()
    found = examine(data_params(tmp_path, "labelme", classes=CLASSES), (), tmp_path / "spool")
    assert not [problem for problem in found.problems if not problem.warning]
    (record,) = found.records
    image, mask = decode_image(record.image.read(), "a"), decode_mask(record.mask_png.read(), "a")
    assert (record.width, record.height, record.suffix) == (*size, ".jpg")
    assert np.array_equal(image[:, :, 0] > 127, mask == 1)
    assert (mask == 1).sum() == 8 * 16


def test_subfolders_are_the_given_split_and_part_of_the_id(tmp_path: Path) -> None:
    for name in ("train/image1", "test/image1", "val/a/image1", "image1", "other/image1"):
        save(tmp_path / f"{name}.json", [shape()])
    found = labelme.find(tmp_path, "error")
    assert not found.problems
    assert [(item.id, item.given) for item in found.items] == [
        ("image1", ""),
        ("other/image1", ""),
        ("test/image1", "test"),
        ("train/image1", "train"),
        ("val/a/image1", "val"),
    ]


def test_images_without_annotation_follow_the_rule(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape()])
    Image.new("RGB", (6, 5)).save(tmp_path / "b.png")
    assert problems(tmp_path, "error") == [
        "b.png: an image without a JSON file. Annotate it, or set data.unannotated to skip or background."
    ]
    assert [item.id for item in labelme.find(tmp_path, "skip").items] == ["a"]
    found = labelme.find(tmp_path, "background")
    assert [(item.id, item.annotation) for item in found.items] == [("a", FileRange(tmp_path / "a.json")), ("b", None)]
    mask = read(found.items[1], 6, 5).mask
    assert mask is not None
    assert not mask.any()
    assert problems(tmp_path, "skip") == ["b.png: an image without a JSON file. It was left out, as data.unannotated says."]
    assert not problems(tmp_path, "background")


def test_hidden_files_are_not_looked_at(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape()])
    (tmp_path / "._a.json").write_bytes(b"\0\5\26\7")
    save(tmp_path / ".cache" / "b.json", [shape()])
    assert only(tmp_path).id == "a"


@pytest.mark.skipif(not VOC3.is_dir(), reason="no shared data")
def test_real_files_become_labelmes_own_masks(tmp_path: Path) -> None:
    names = [line for line in (VOC3 / "labels.txt").read_text().splitlines() if line not in ("", "__ignore__")]
    found = examine(data_params(VOC3, "labelme", classes=names), (), tmp_path / "spool")
    assert not [problem for problem in found.problems if not problem.warning]
    differing = {}
    for record in found.records:
        expected = decode_mask((VOC3_EXPECTED / f"{record.id}.png").read_bytes(), record.id)
        differing[record.id] = int((decode_mask(record.mask_png.read(), record.id) != expected).sum())
    assert differing == {"2011_000003": 0, "2011_000006": 0, "2011_000025": 0}


WORDS = ["cat", "polygon", "circle", "rectangle", "", "a\0b", "photo.png", "image1.png", "\ud800", "iVBORw0KGgo="]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["label", "points", "shape_type", "shapes", "mask"]), inner, max_size=4)
    ),
    max_leaves=12,
)
POINTS = st.lists(st.lists(st.integers(-9, 9) | st.floats(-9, 9), min_size=2, max_size=2), max_size=4)
LABEL = JSON | st.sampled_from([*CLASSES, "__ignore__", " cat"])
SHAPE = st.fixed_dictionaries(
    {"label": LABEL, "points": JSON | POINTS, "shape_type": JSON | st.sampled_from(KINDS), "group_id": st.none() | JSON}
)
FLAWLESS = {
    "polygon": 5,
    "rectangle": 2,
    "oriented_rectangle": 4,
    "circle": 2,
    "line": 2,
    "linestrip": 3,
    "point": 1,
    "points": 2,
}
SOUND = st.sampled_from(sorted(FLAWLESS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "label": st.sampled_from([*CLASSES, "__ignore__"]),
            "points": st.lists(
                st.lists(st.floats(-9, 9), min_size=2, max_size=2), min_size=FLAWLESS[kind], max_size=FLAWLESS[kind]
            ),
            "shape_type": st.just(kind),
            "group_id": st.sampled_from([None, 0, 1]),
        }
    )
)
CONTENT = st.fixed_dictionaries(
    {
        "shapes": st.lists(SOUND, max_size=4) | st.lists(SHAPE | SOUND, max_size=3) | JSON,
        "imagePath": JSON | st.text(),
        "imageData": st.none() | JSON,
        "imageWidth": JSON | st.just(6),
        "imageHeight": JSON | st.just(5),
    }
)


@settings(max_examples=200)
@given(content=CONTENT)
def test_any_json_ends_in_a_mask_or_in_sentences(content: Any) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        sentences = all_sentences(Path(scratch), content)
    assert all("\n" not in str(sentence) and len(str(sentence)) < 500 for sentence in sentences)


def all_sentences(folder: Path, content: Any) -> list[DataError]:
    """What is wrong with a file of this content, beside an image and by itself; and that else there is a mask."""
    Image.new("RGB", (6, 5)).save(folder / "photo.png")
    for name in ("photo.json", "other.json"):
        (folder / name).write_text(json.dumps(content))
    found = labelme.find(folder, "background")
    sentences = list(found.problems)
    for item in found.items:
        try:
            item.image.read()
            result = read(item, 6, 5)
        except DataError as error:
            sentences.append(error)
            continue
        sentences += result.problems
        unknown = set(result.values) - {*CLASSES, "_background_", "__ignore__", "ignore"}
        assert (result.mask is None) == (bool(unknown) or any(not problem.warning for problem in result.problems))
        assert result.mask is None or (result.mask.shape == (5, 6) and set(result.mask.ravel()) <= {0, 1, 2, 255})
    return sentences


@settings(max_examples=200)
@given(at=st.integers(0, 10_000), old=st.integers(0, 30), new=st.binary(max_size=6))
def test_any_damage_to_a_file_ends_in_a_mask_or_in_sentences(at: int, old: int, new: bytes) -> None:
    shapes = [shape(), shape("dog", [[0, 0], [2, 2]], "rectangle") | {"group_id": 1, "flags": {}}]
    content = json.dumps({"version": "5.5.0", "shapes": shapes, "imagePath": "a.png", "imageWidth": 6}).encode()
    start = at % len(content)
    damaged = InMemory(content[:start] + new + content[start + old :])
    try:
        result = read(Item("a", "a.png", InMemory(b""), damaged, annotation_name="a.json"), 6, 5)
        assert result.mask is not None or result.problems or set(result.values) - set(CLASSES)
    except DataError as error:
        assert "\n" not in str(error)

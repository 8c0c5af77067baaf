"""labelme's files: shapes against pixels drawn by hand, which image a JSON belongs to, and one sentence for each mistake."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations import labelme
from segpipe.annotations.items import Item
from segpipe.errors import DataError
from segpipe.images import header
from segpipe.place import Place

CLASSES = ("background", "cat", "dog")
TRIANGLE = [[1, 1], [3, 1], [3, 3]]


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


def painted(folder: Path, shapes: list[dict[str, Any]], classes: tuple[str, ...] = CLASSES, **more: Any) -> list[str]:
    """The mask of a 6 x 5 image with these shapes, a string a row; `x` is ignored."""
    save(folder / "a.json", shapes, **more)
    mask = labelme.mask_of(only(folder), 6, 5, classes)
    return ["".join("x" if value == 255 else str(value) for value in row) for row in mask]


def only(folder: Path) -> Item:
    found = labelme.find(folder, "error")
    assert not found.problems
    (item,) = found.items
    return item


def refusal(folder: Path, shapes: Any, **more: Any) -> str:
    with pytest.raises(DataError) as caught:
        painted(folder, shapes, **more)
    return str(caught.value)


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


def test_all_unknown_labels_are_listed(tmp_path: Path) -> None:
    assert refusal(tmp_path, [shape("cow"), shape("cat"), shape("Cat"), shape("cow"), {"points": TRIANGLE}]) == (
        "a.json: labels that data.labelme.classes does not list: Cat, None, cow. "
        "Add them to data.labelme.classes, or correct them in labelme."
    )


def test_background_must_be_a_class_to_be_a_label(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape("background")])
    with pytest.raises(DataError, match="does not list: background"):
        labelme.mask_of(only(tmp_path), 6, 5, ("sky", "cat"))


@pytest.mark.parametrize("kind", ["line", "linestrip", "point", "points", "mask", "oriented_rectangle", 7, ["polygon"]])
def test_shapes_without_an_area_are_refused(tmp_path: Path, kind: Any) -> None:
    assert refusal(tmp_path, [shape(), shape(kind=kind)]) == (
        f'a.json: shape 2 ("cat") is a {kind}, which has no area or is not read yet. Draw it as polygon, rectangle, circle.'
    )


@pytest.mark.parametrize(
    ("kind", "points", "needed"),
    [
        ("polygon", [[1, 1], [2, 2]], 3),
        ("polygon", [], 3),
        ("polygon", None, 3),
        ("polygon", 5, 3),
        ("polygon", [[1, 1], [2, 2], [3]], 3),
        ("polygon", [[1, 1], [2, 2], [3, "x"]], 3),
        ("polygon", [[1, 1], [2, 2], [3, float("nan")]], 3),
        ("polygon", [[1, 1], [2, 2], [3, float("inf")]], 3),
        ("polygon", [[1, 1], [2, 2], [3, 10**400]], 3),
        ("polygon", [[1, 1], [2, 2], [3, 1e12]], 3),
        ("rectangle", [[1, 1]], 2),
        ("rectangle", TRIANGLE, 2),
        ("circle", [[1, 1]], 2),
    ],
)
def test_points_that_make_no_shape_are_refused(tmp_path: Path, kind: str, points: Any, needed: int) -> None:
    assert refusal(tmp_path, [shape(points=points, kind=kind)]) == (
        f'a.json: shape 1 ("cat") has no {needed} points that are numbers near the image. Draw it again in labelme.'
    )


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, [], imageWidth=12, imageHeight=10) == (
        "a.json: made for an image of 12 x 10 pixels, but the image has 6 x 5. "
        "Bring back the image that was annotated, or annotate this one."
    )


def test_old_files_do_not_say_their_image_size(tmp_path: Path) -> None:
    assert painted(tmp_path, [shape()], imageWidth=None, imageHeight=None) == painted(tmp_path, [shape()])


def test_the_photo_of_a_turned_camera_fits_its_annotation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 5)).save(tmp_path / "a.jpg", exif=exif)
    save(tmp_path / "a.json", [shape()], image="a.jpg", size=(5, 6))  # labelme saves what it showed: the upright image
    item = only(tmp_path)
    upright = header(item.image.read(), item.source)
    assert labelme.mask_of(item, upright.width, upright.height, CLASSES).shape == (6, 5)


@pytest.mark.parametrize("text", ["{", '{"shapes": [}', "", "[1, 2", b"\xff\xfe\x00"])
def test_broken_json_is_refused(tmp_path: Path, text: str | bytes) -> None:
    Image.new("RGB", (6, 5)).save(tmp_path / "a.png")
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as caught:
        labelme.mask_of(only(tmp_path), 6, 5, CLASSES)
    assert str(caught.value).startswith("a.json: a JSON file that is broken (")
    assert str(caught.value).endswith("). Save it again in labelme, or remove it.")


@pytest.mark.parametrize(
    "content", [[], {}, {"shapes": None}, {"shapes": {}}, {"shapes": [1]}, {"images": [], "annotations": []}]
)
def test_json_that_is_not_labelme_is_refused(tmp_path: Path, content: Any) -> None:
    (tmp_path / "notes.json").write_text(json.dumps(content))
    sentence = "notes.json: a JSON file that is not labelme's (it has no list of shapes). Move it out of the folder."
    assert problems(tmp_path) == [sentence]
    Image.new("RGB", (6, 5)).save(tmp_path / "notes.png")
    with pytest.raises(DataError) as caught:
        labelme.mask_of(only(tmp_path), 6, 5, CLASSES)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "named", ["photo.png", "C:\\Users\\me\\photo.png", "..\\work\\photo.png", "/home/me/photo.png", "../photo.png"]
)
def test_a_json_of_another_name_finds_the_image_it_names_in_its_own_folder(tmp_path: Path, named: str) -> None:
    folder = tmp_path / "data"
    save(folder / "notes.json", [shape()], image=named)
    Image.new("RGB", (6, 5)).save(folder / "photo.png")
    item = only(folder)
    assert (item.id, item.source, item.annotation) == ("photo", "photo.png", Place(folder / "notes.json"))


def test_a_json_finds_its_image_in_another_folder_of_the_data(tmp_path: Path) -> None:
    save(tmp_path / "notes" / "a.json", [shape()], image="../photos/b.png")
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (6, 5)).save(tmp_path / "photos" / "b.png")
    assert only(tmp_path).source == "photos/b.png"


@pytest.mark.parametrize("named", ["../outside.png", "gone.png", "/etc/hostname", ".", "..", "", "a\0b", "x" * 5000, 5, None])
def test_no_image_outside_the_folder_is_ever_taken(tmp_path: Path, named: Any) -> None:
    Image.new("RGB", (6, 5)).save(tmp_path / "outside.png")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps({"shapes": [], "imagePath": named}))
    (sentence,) = problems(folder)
    assert sentence.startswith('a.json: its image "')
    assert sentence.endswith('" is not in the folder. Put the image beside the JSON file, or remove the file.')


def test_the_suffix_of_an_image_may_be_in_capitals(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape()], image="something else")
    Image.new("RGB", (6, 5)).save(tmp_path / "a.JPG")
    assert only(tmp_path).source == "a.JPG"


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


def test_two_images_that_differ_by_their_suffix_only_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape()])
    Image.new("RGB", (6, 5)).save(tmp_path / "a.jpg")
    sentence = "another image has the same name up to its suffix. Rename or remove one of the two."
    assert problems(tmp_path, "background") == [f"a.jpg: {sentence}", f"a.png: {sentence}"]


def test_two_json_files_of_one_image_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape()])
    save(tmp_path / "b.json", [shape()], image="a.png")
    assert problems(tmp_path) == ["b.json: a second JSON file for a.png. Remove one of the two."]


def test_images_without_annotation_follow_the_rule(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape()])
    Image.new("RGB", (6, 5)).save(tmp_path / "b.png")
    assert problems(tmp_path, "error") == [
        "b.png: an image without a JSON file. Annotate it, or set data.labelme.unannotated to skip or background."
    ]
    assert [item.id for item in labelme.find(tmp_path, "skip").items] == ["a"]
    found = labelme.find(tmp_path, "background")
    assert [(item.id, item.annotation) for item in found.items] == [("a", Place(tmp_path / "a.json")), ("b", None)]
    assert not labelme.mask_of(found.items[1], 6, 5, CLASSES).any()
    assert not problems(tmp_path, "skip")
    assert not problems(tmp_path, "background")


def test_hidden_files_are_not_looked_at(tmp_path: Path) -> None:
    save(tmp_path / "a.json", [shape()])
    (tmp_path / "._a.json").write_bytes(b"\0\5\26\7")
    save(tmp_path / ".cache" / "b.json", [shape()])
    assert only(tmp_path).id == "a"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["cat", "polygon", "circle", "", "a\0b", "photo.png"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["label", "points", "shape_type", "shapes"]), inner, max_size=4)
    ),
    max_leaves=12,
)
SHAPES = st.lists(st.fixed_dictionaries({"label": JSON | st.just("cat"), "points": JSON, "shape_type": JSON}), max_size=2)


@settings(deadline=None, max_examples=150)
@given(content=st.fixed_dictionaries({"shapes": SHAPES | JSON, "imagePath": JSON, "imageWidth": JSON, "imageHeight": JSON}))
def test_any_json_ends_in_a_mask_or_in_one_sentence(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    folder = tmp_path_factory.mktemp("any")
    Image.new("RGB", (6, 5)).save(folder / "photo.png")
    for name in ("photo.json", "other.json"):
        (folder / name).write_text(json.dumps(content))
        found = labelme.find(folder, "background")
        assert all("\n" not in str(problem) for problem in found.problems)
        for item in found.items:
            try:
                assert labelme.mask_of(item, 6, 5, CLASSES).shape == (5, 6)
            except DataError as error:
                assert "\n" not in str(error)

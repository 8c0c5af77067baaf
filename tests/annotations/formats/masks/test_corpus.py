"""Small folders of every kind: what `segpipe init` makes of them, what the doctor says, and that its lines mend it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations.detect import settings
from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.errors import Fix
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import (
    BLUE,
    GREEN,
    RED,
    blocks,
    errors,
    examined,
    folder,
    masks_of,
    mended,
    photo,
    save,
    with_settings,
)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def seen_as(root: Path, spool: Path) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """What init sets for data.masks, and the first row of each final mask; nothing may be wrong with it."""
    found = inspect_folder(root, data_params(root, "masks"))
    assert found.problems == ()
    values = settings.data_settings(found, root.as_posix())
    examination = examined(with_settings(root, values), spool)
    assert errors(examination) == []
    own = {key.removeprefix("data.masks."): value for key, value in values.items() if key.startswith("data.masks.")}
    return own, {name: rows[0][::4] for name, rows in masks_of(examination).items()}


def test_ids_are_read_as_they_are(tmp_path: Path) -> None:
    folder(tmp_path / "x", a=blocks(0, 1, 2), b=blocks(2, 255))
    own, masks = seen_as(tmp_path / "x", tmp_path)
    assert own == {
        "classes": ("background", "class_1", "class_2"),
        "image_dir": "images",
        "mask_dir": "masks",
        "template": "{stem}",
        "pairs": "none",
        "values": "ids",
        "ignore_index": 255,
        "palette": "indices",
    }
    assert masks == {"a": [0, 1, 2], "b": [2, 255]}


@pytest.mark.parametrize(
    ("masks", "values", "classes", "codes", "expected"),
    [
        ({"a": blocks(0, 255), "b": blocks(255, 0)}, "binary", ("background", "object"), None, {"a": [0, 1], "b": [1, 0]}),
        ({"a": blocks(0, 255), "b": blocks(0)}, "binary", ("background", "object"), None, {"a": [0, 1], "b": [0]}),
        ({"a": blocks(BLACK, WHITE)}, "binary", ("background", "object"), None, {"a": [0, 1]}),
        ({"a": blocks(0, 38)}, "binary", ("background", "object"), None, {"a": [0, 1]}),
        ({"a": blocks(0, 65535).astype(np.uint16)}, "binary", ("background", "object"), None, {"a": [0, 1]}),
        ({"a": blocks(False, True)}, "ids", ("background", "class_1"), None, {"a": [0, 1]}),
        ({"a": blocks((1, 1, 1), (0, 0, 0))}, "ids", ("background", "class_1"), None, {"a": [1, 0]}),
        (
            {"a": blocks(0, 127, 254), "b": blocks(254, 0)},
            "codes",
            ("background", "class_1", "class_2"),
            (0, 127, 254),
            {"a": [0, 1, 2], "b": [2, 0]},
        ),
        (
            {"a": blocks(0, 85, 170, 255)},
            "codes",
            ("background", "class_1", "class_2", "class_3"),
            (0, 85, 170, 255),
            {"a": [0, 1, 2, 3]},
        ),
        ({"a": blocks(1, 2, 3)}, "codes", ("class_1", "class_2", "class_3"), (1, 2, 3), {"a": [0, 1, 2]}),
        (
            {"a": blocks(0, 38, 75, 255)},
            "codes",
            ("background", "class_1", "class_2"),
            (0, 38, 75),
            {"a": [0, 1, 2, 255]},
        ),
        (
            {"a": blocks(0, 1000, 2000).astype(np.uint16)},
            "codes",
            ("background", "class_1", "class_2"),
            (0, 1000, 2000),
            {"a": [0, 1, 2]},
        ),
        (
            {"a": blocks(RED, BLACK), "b": blocks(GREEN, BLACK)},
            "codes",
            ("background", "class_1", "class_2"),
            ("0 0 0", "0 255 0", "255 0 0"),
            {"a": [2, 0], "b": [1, 0]},
        ),
        ({"a": blocks((*RED, 255), (*BLUE, 255))}, "codes", ("class_1", "class_2"), ("0 0 255", "255 0 0"), {"a": [1, 0]}),
        (
            {"a": blocks(BLACK, (128, 0, 0), (224, 224, 192))},
            "codes",
            ("background", "class_1", "__ignore__"),
            ("0 0 0", "128 0 0", "224 224 192"),
            {"a": [0, 1, 255]},
        ),
    ],
)
def test_init_sees_what_the_values_mean(
    tmp_path: Path, masks: dict[str, Any], values: str, classes: tuple[str, ...], codes: object, expected: object
) -> None:
    folder(tmp_path / "x", **masks)
    own, found = seen_as(tmp_path / "x", tmp_path)
    assert (own["values"], own["classes"], own.get("codes")) == (values, classes, codes)
    assert found == expected


@pytest.mark.parametrize(
    ("images", "masks", "image_dir", "mask_dir", "template"),
    [
        ("images/{}.jpg", "masks/{}_mask.png", "images", "masks", "{stem}_mask"),
        ("images/{}.jpg", "masks/mask_{}.png", "images", "masks", "mask_{stem}"),
        ("images/img_{}.jpg", "masks/mask_{}.png", "images", "masks", "img_{stem} > mask_{stem}"),
        ("train/images/{}.jpg", "train/masks/{}-seg.png", "images", "masks", "{stem}-seg"),
        ("Data/ISIC_{}.jpg", "Part1_GroundTruth/ISIC_{}_segmentation.png", "Data", "Part1_GroundTruth", "{stem}_segmentation"),
        ("images/{}_training.tif", "1st_manual/{}_manual1.png", "images", "1st_manual", "{stem}_training > {stem}_manual1"),
        ("imagesTr/case_{}_0000.png", "labelsTr/case_{}.png", "imagesTr", "labelsTr", "{stem}_0000 > {stem}"),
        ("{}.jpg", "masks/{}.png", ".", "masks", "{stem}"),
        ("{}.jpg", "masks/{}_mask.png", ".", "masks", "{stem}_mask"),
        ("{}.jpg", "{}_mask.png", ".", ".", "{stem}_mask"),
        ("{}.png", "{}_L.png", ".", ".", "{stem}_L"),
        ("deep/{}.tif", "deep/{}_mask.tif", ".", ".", "{stem}_mask"),
        ("photo {}.jpg", "photo {}.label.png", ".", ".", "{stem}.label"),
        ("{}.jpg", "{}.png", ".", ".", "{stem}.png"),
        ("images/{}.ome.tif", "masks/{}.ome.png", "images", "masks", "{stem}"),
        ("images/{}.tif", "masks/{}.ome.tif", "images", "masks", "{stem}.ome"),
        ("images/{}.jpg", "masks/{}.jpg.png", "images", "masks", "{stem}.jpg.png"),
    ],
)
def test_init_sees_how_masks_are_called(
    tmp_path: Path, images: str, masks: str, image_dir: str, mask_dir: str, template: str
) -> None:
    for name in ("1", "2", "13"):
        photo(tmp_path / "x" / images.format(name), 8, 4)
        save(tmp_path / "x" / masks.format(name), blocks(0, 1))
    own, found = seen_as(tmp_path / "x", tmp_path)
    assert (own["image_dir"], own["mask_dir"], own["template"]) == (image_dir, mask_dir, template)
    assert list(found.values()) == [[0, 1]] * 3


def test_a_list_of_pairs_is_seen(tmp_path: Path) -> None:
    photo(tmp_path / "x/in/a.jpg", 8, 4)
    save(tmp_path / "x/out/1.png", blocks(0, 255))
    (tmp_path / "x/pairs.csv").write_text("mask;image;part\nout/1.png;in/a.jpg;test\n")
    own, found = seen_as(tmp_path / "x", tmp_path)
    assert (own["pairs"], own["values"], found) == ("pairs.csv", "binary", {"in/a": [0, 1]})


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("label_colors.txt", "255 0 0\tcar\n0 0 0\tVoid\n0 255 0\troad\n"),
        ("class_dict.csv", "name,r,g,b\ncar,255,0,0\nVoid, 0, 0, 0\nroad,0,255,0\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\ncar:255,0,0::\nVoid:0,0,0::\nroad:0,255,0::\n"),
    ],
)
def test_a_table_of_colours_names_them(tmp_path: Path, file: str, text: str) -> None:
    folder(tmp_path / "x", a=blocks(BLACK, RED, GREEN))
    (tmp_path / "x" / file).write_text(text)
    own, found = seen_as(tmp_path / "x", tmp_path)
    assert (own["classes"], own["codes"]) == (("car", "__ignore__", "road"), ("255 0 0", "0 0 0", "0 255 0"))
    assert found == {"a": [255, 0, 1]}


def test_a_table_of_colours_names_ids_too(tmp_path: Path) -> None:
    folder(tmp_path / "x", a=blocks(0, 1, 1))
    (tmp_path / "x/class_dict.csv").write_text("name,r,g,b\nsky,1,2,3\nroad,4,5,6\n")
    own, found = seen_as(tmp_path / "x", tmp_path)
    assert (own["classes"], own["values"], found) == (("sky", "road"), "ids", {"a": [0, 1, 1]})


THREE = ("background", "cat", "dog")


def stretched(root: Path) -> None:
    folder(root, a=blocks(0, 127, 254))


MENDED: list[tuple[Callable[[Path], None], dict[str, Any], str, tuple[Fix, ...], dict[str, list[int]]]] = [
    (
        lambda root: folder(root, a=blocks(0, 255), b=blocks(0)),
        {},
        "masks/a.png: only the values 0 and 255, as in a picture in black and white. Read them as background and object.",
        (Fix("data.masks.values", "binary"),),
        {"a": [0, 1], "b": [0]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 255)),
        {"classes": THREE},
        "masks/a.png: only the values 0 and 255, as in a picture in black and white. Read them as background and object.",
        (Fix("data.masks.values", "binary"), Fix("data.masks.classes", ("background", "object"))),
        {"a": [0, 1]},
    ),
    (
        stretched,
        {"classes": THREE},
        "masks/a.png: the values 0, 127, 254, evenly spaced: class ids stretched to be visible. "
        "Say which class each value is, in the order of the classes.",
        (Fix("data.masks.values", "codes"), Fix("data.masks.codes", (0, 127, 254))),
        {"a": [0, 1, 2]},
    ),
    (
        stretched,
        {},
        "masks/a.png: the values 0, 127, 254, evenly spaced: class ids stretched to be visible. "
        "Say which class each value is, in the order of the classes.",
        (
            Fix("data.masks.values", "codes"),
            Fix("data.masks.codes", (0, 127, 254)),
            Fix("data.masks.classes", "class_2", adds=True),
        ),
        {"a": [0, 1, 2]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 40, 50, 255)),
        {"classes": THREE},
        "masks/a.png: the values 0, 40, 50, far apart. Say which class each value is, in the order of the classes.",
        (Fix("data.masks.values", "codes"), Fix("data.masks.codes", (0, 40, 50))),
        {"a": [0, 1, 2, 255]},
    ),
    (
        lambda root: folder(root, a=blocks(1, 2), b=blocks(3, 1)),
        {"classes": THREE},
        "masks/b.png: the values 1 to 3 for the classes 0 to 2: they count from 1. Say that the first class is 1.",
        (Fix("data.masks.values", "codes"), Fix("data.masks.codes", (1, 2, 3))),
        {"a": [0, 1], "b": [2, 0]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 1, 4), b=blocks(3, 0, 2)),
        {"classes": THREE},
        "masks/a.png: values that are no class: 3, 4. data.masks.classes names 0 to 2. "
        "Name every class, or let data.masks.ignore_index be the value that is not looked at.",
        (Fix("data.masks.classes", "class_3", adds=True), Fix("data.masks.classes", "class_4", adds=True)),
        {"a": [0, 1, 4], "b": [3, 0, 2]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 1, 255)),
        {"ignore_index": 11},
        "masks/a.png: the value 255, which is no class, while 11, the ignored one, is in no mask. "
        "If it means that a pixel is not looked at, say so.",
        (Fix("data.masks.ignore_index", 255),),
        {"a": [0, 1, 255]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 1, 65535).astype(np.uint16)),
        {},
        "masks/a.png: the value 65535, which is no class, while 255, the ignored one, is in no mask. "
        "If it means that a pixel is not looked at, say so.",
        (Fix("data.masks.ignore_index", 65535),),
        {"a": [0, 1, 255]},
    ),
    (
        lambda root: folder(root, a=blocks(BLACK, RED), b=blocks(BLACK, GREEN)),
        {"classes": THREE},
        "masks/a.png: 3 colours and not class ids: 0, 0 255 0, 255 0 0. "
        "Say which class each colour is, in the order of the classes.",
        (Fix("data.masks.values", "codes"), Fix("data.masks.codes", ("0 0 0", "0 255 0", "255 0 0"))),
        {"a": [0, 2], "b": [0, 1]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 1, 2)),
        {"values": "binary"},
        "masks/a.png: more values than 0 and one other: 0, 1, 2. If each is a class, say so.",
        (Fix("data.masks.values", "ids"), Fix("data.masks.classes", "class_2", adds=True)),
        {"a": [0, 1, 2]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 38), b=blocks(0, 75)),
        {"values": "binary"},
        "masks/a.png: more values than 0 and one other: 0, 38, 75. If each is a class, say which.",
        (
            Fix("data.masks.values", "codes"),
            Fix("data.masks.codes", (0, 38, 75)),
            Fix("data.masks.classes", "class_2", adds=True),
        ),
        {"a": [0, 1], "b": [0, 2]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 255, 9)),
        {"values": "codes"},
        "masks/a.png: values that data.masks.codes does not list: 9. "
        "Add each with its class (one called __ignore__ is ignored), or correct the masks.",
        (Fix("data.masks.codes", 9, adds=True), Fix("data.masks.classes", "class_2", adds=True)),
        {"a": [0, 1, 2]},
    ),
    (
        lambda root: folder(root, a=blocks(BLACK, RED, BLUE)),
        {"values": "codes", "codes": ["0 0 0", "255 0 0"]},
        "masks/a.png: values that data.masks.codes does not list: 0 0 255. "
        "Add each with its class (one called __ignore__ is ignored), or correct the masks.",
        (Fix("data.masks.codes", "0 0 255", adds=True), Fix("data.masks.classes", "class_2", adds=True)),
        {"a": [0, 1, 2]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 1), b=blocks(0, 255)),
        {"values": "binary"},
        "masks/b.png: the object is 1 in some masks and 255, the ignored value, in others. "
        "If it is the object there too, set data.masks.ignore_index to -1.",
        (Fix("data.masks.ignore_index", -1),),
        {"a": [0, 1], "b": [0, 1]},
    ),
    (
        lambda root: folder(root, a=blocks(0, 1, 2)),
        {"classes": ("cat", "dog")},
        "masks/a.png: values that are no class: 2. data.masks.classes names 0 to 1. "
        "None of its names is background: if they are those of the objects, write background before them.",
        (Fix("data.masks.classes", ("background", "cat", "dog")),),
        {"a": [0, 1, 2]},
    ),
]


@pytest.mark.parametrize(("make", "keys", "sentence", "fixes", "expected"), MENDED)
def test_what_is_wrong_is_named_with_the_lines_that_mend_it(
    tmp_path: Path, make: Callable[[Path], None], keys: dict[str, Any], sentence: str, fixes: tuple[Fix, ...], expected: object
) -> None:
    make(tmp_path / "x")
    data = data_params(tmp_path / "x", "masks", **keys)
    problems = errors(examined(data, tmp_path))
    assert str(problems[0]) == sentence
    assert {problem.fixes for problem in problems} == {fixes}
    examination = examined(mended(data, fixes), tmp_path)
    assert errors(examination) == []
    assert {name: rows[0][::4] for name, rows in masks_of(examination).items()} == expected


def test_masks_of_other_names_are_mended_by_the_template(tmp_path: Path) -> None:
    for name in ("a", "b"):
        photo(tmp_path / f"x/images/{name}.jpg", 8, 4)
        save(tmp_path / f"x/masks/{name}_mask.png", blocks(0, 1))
    data = data_params(tmp_path / "x", "masks")
    problems = errors(examined(data, tmp_path))
    assert [str(problem) for problem in problems] == [
        f"masks/{name}_mask.png: a mask without an image of its name, but with one whose name differs as all others do. "
        "Let data.masks.template say how masks are called."
        for name in ("a", "b")
    ]
    assert problems[0].fixes == (Fix("data.masks.template", "{stem}_mask"),)
    examination = examined(mended(data, problems[0].fixes), tmp_path)
    assert (errors(examination), len(examination.records)) == ([], 2)


def test_a_folder_of_another_case_is_mended(tmp_path: Path) -> None:
    photo(tmp_path / "x/Images/a.jpg", 8, 4)
    save(tmp_path / "x/Masks/a.png", blocks(0, 1))
    data = data_params(tmp_path / "x", "masks")
    for what in ("images", "masks"):
        (problem,) = errors(examined(data, tmp_path))
        assert str(problem) == (
            f'x: no folder "{what}" with {what} in it, but "{what.title()}", which differs in upper and lower case only. '
            "Name the folder as it is."
        )
        data = mended(data, problem.fixes)
    assert errors(examined(data, tmp_path)) == []


JPEG = "a mask saved as JPEG, which changes class ids. Save masks as PNG."


def photos(root: Path, *names: str) -> None:
    for name in names:
        photo(root / name, 8, 4)


def doubled(root: Path) -> None:
    photos(root, "images/a.jpg")
    Image.fromarray(blocks(0, 1).astype(np.uint8)).save(root / "masks.tif", save_all=True, append_images=[Image.new("L", (8, 4))])
    (root / "masks").mkdir()
    (root / "masks.tif").rename(root / "masks/a.tif")


def smooth(root: Path) -> None:
    rows, columns = np.mgrid[:60, :80]
    disc = np.where((rows - 30) ** 2 + (columns - 40) ** 2 < 400, 255, 0).astype(np.uint8)
    small = Image.fromarray(disc).resize((40, 30), Image.Resampling.BILINEAR)
    folder(root, a=np.asarray(small))


def turned(root: Path) -> None:
    photo(root / "images/a.jpg", 8, 4, orientation=6)
    save(root / "masks/a.png", blocks(0, 1))


def beside(root: Path) -> None:
    photos(root, "images/a.jpg", "images/b.jpg")
    save(root / "masks/a.png", blocks(0, 1))
    (root / "masks/b.png").write_bytes((root / "masks/a.png").read_bytes()[:45])
    (root / "masks/.hidden.png").write_bytes(b"")


REFUSED: list[tuple[Callable[[Path], None], dict[str, Any], list[str]]] = [
    (lambda root: photos(root, "images/a.jpg", "masks/a.jpg"), {}, [f"masks/a.jpg: {JPEG}"]),
    (
        doubled,
        {},
        ["masks/a.tif: 2 pages in one file"],
    ),
    (
        smooth,
        {},
        ["masks/a.png: values between those of the classes along the edges: it was resized with smoothing, or once was a JPEG. "],
    ),
    (smooth, {"values": "binary"}, ["masks/a.png: values between those of the classes along the edges: "]),
    (
        turned,
        {},
        ["masks/a.png: drawn on the image before its EXIF mark turned it: width and height are swapped. "],
    ),
    (beside, {}, ["masks/b.png: a damaged image ("]),
    (lambda root: photos(root, "images/a.jpg"), {}, ['x: no folder "masks" with masks in it. Put images into "images" and ']),
    (
        lambda root: (photos(root, "images/a.jpg"), (root / "masks").mkdir(), (root / "masks/a.avif").touch()),  # type: ignore[func-returns-value]
        {},
        ['x: no masks in "masks" but .avif files, which are not read. Save masks as PNG.'],
    ),
    (
        lambda root: save(root / "masks/a.png", blocks(0, 1)),
        {},
        ['x: no folder "images" with images in it. Put images into "images" and masks into "masks", or name your folders '],
    ),
    (
        lambda root: folder(root, a=blocks(0, 1)),
        {"mask_dir": "images"},
        ['x: data.masks.image_dir and mask_dir are both "images", so each image would be its own mask. '],
    ),
    (
        lambda root: folder(root, a=np.dstack([blocks(0, 0)] * 3 + [blocks(0, 255)]).astype(np.uint8)),
        {},
        ["masks/a.png: an object in its alpha channel alone. Save it without alpha, each class in a value or colour of its own."],
    ),
    (
        lambda root: (photos(root, "images/a.png"), save(root / "masks/a.tif", blocks(0.0, 0.5), np.float32)),  # type: ignore[func-returns-value]
        {},
        ["masks/a.tif: a mask of 32 bits with fractions and not class ids. "],
    ),
    (
        lambda root: folder(root, a=np.arange(600, dtype=np.uint16).reshape(20, 30)),
        {},
        ["masks/a.png: more than 512 different values: "],
    ),
    (
        lambda root: folder(root, a=np.arange(80).reshape(8, 10)),
        {},
        ["masks/a.png: 78 values that are no class: 2, 3, 4, 5, 6, 7, 8, 9 and 70 more. They look like numbers of "],
    ),
    (
        lambda root: folder(root, a=blocks(0, 0)),
        {},
        ["all masks: only class 0 in them, so there is nothing to learn. "],
    ),
    (
        lambda root: folder(root, a=blocks(BLACK, RED)),
        {"classes": THREE},
        ["masks/a.png: 2 colours and not class ids: 0, 255 0 0. Say which class each colour is, in the order of the classes."],
    ),
]


@pytest.mark.parametrize(("make", "keys", "beginnings"), REFUSED)
def test_what_cannot_be_mended_is_refused_in_one_sentence(
    tmp_path: Path, make: Callable[[Path], None], keys: dict[str, Any], beginnings: list[str]
) -> None:
    make(tmp_path / "x")
    problems = errors(examined(data_params(tmp_path / "x", "masks", **keys), tmp_path))
    assert len(problems) == len(beginnings)
    for problem, beginning in zip(problems, beginnings, strict=True):
        assert str(problem).startswith(beginning)
        assert problem.fixes == ()

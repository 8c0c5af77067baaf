"""Broken and odd trees of PASCAL VOC."""

from pathlib import Path
from typing import Any

import pytest

from tests.annotations.formats.masks.folders import blocks
from tests.corpus.build import Make, cut, photo, photos, steps, voc
from tests.corpus.case import Case, check

CAT_DOG = ("background", "cat", "dog")


def case(name: str, make: Make, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "voc", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


def tree(train: str = "a", val: str = "b", **masks: Any) -> Make:
    return lambda root: voc(root, {"train": train, "val": val}, masks or {"a": blocks(0, 1), "b": blocks(2, 255)})


def in_colours(root: Path) -> None:
    voc(root, {"train": "a", "val": "b"}, {"a": blocks((0, 0, 0), (128, 0, 0)), "b": blocks((0, 128, 0), (224, 224, 192))})


def deeper(root: Path) -> None:
    """Images and masks in folders inside those of VOC."""
    tree()(root)
    for folder, name in (("JPEGImages", "a.jpg"), ("SegmentationClass", "a.png"), ("SegmentationClass", "b.png")):
        (root / folder / "sub").mkdir(exist_ok=True)
        (root / folder / name).rename(root / folder / "sub" / name)


CASES = [
    case("a folder deeper", deeper, masks={"b": "2222....", "sub/a": "00001111"}),
    case(
        "an image with a mask in no list",
        tree(a=blocks(0, 1), b=blocks(2, 0), c=blocks(1, 0), d=blocks(1, 0)),
        errors=(
            "2 files: an image with a mask in none of the lists that are read (train.txt, val.txt). "
            "Add it to one of them, or move its mask out of SegmentationClass.\n"
            "  JPEGImages/c.jpg, JPEGImages/d.jpg"
        ),
    ),
    case(
        "an empty train list beside trainval",
        lambda r: voc(r, {"train": "", "val": "b", "trainval": "a b"}, {"a": blocks(0, 1), "b": blocks(2, 0)}),
        masks={"a": "00001111", "b": "22220000"},
        warnings=(
            "ImageSets/Segmentation/trainval.txt: names 1 image that val.txt does not, which are trained on, "
            "since train.txt is empty. See the lists if that is not meant."
        ),
    ),
    case(
        "an empty train list beside val",
        tree(train=""),
        errors=(
            "JPEGImages/a.jpg: an image with a mask in none of the lists that are read (train.txt, val.txt). "
            "Add it to one of them, or move its mask out of SegmentationClass.\n"
            "ImageSets/Segmentation/train.txt: names no image to train on beside val.txt. List the images to train on."
        ),
    ),
    case("as it comes", tree(), masks={"a": "00001111", "b": "2222...."}),
    case(
        "colours",
        in_colours,
        masks={"a": "00001111", "b": "2222...."},
        warnings=(
            "2 files: a mask in colours and not class ids: read by the colours of PASCAL VOC. "
            "Save masks with VOC's palette to be sure of them.\n"
            "  SegmentationClass/a.png, SegmentationClass/b.png"
        ),
    ),
    case(
        "other colours",
        tree(a=blocks((0, 0, 0), (1, 2, 3)), b=blocks(0, 1)),
        errors=(
            "SegmentationClass/a.png: 3 colours and not class ids: 0, 1, 1 2 3. "
            "Save class ids, or let `segpipe init PATH --kind masks` read the tree by these values."
        ),
    ),
    case(
        "trainval only",
        lambda r: voc(r, {"trainval": "a b"}, {"a": blocks(0, 1), "b": blocks(2, 0)}),
        masks={"a": "00001111", "b": "22220000"},
    ),
    case(
        "no list",
        lambda r: voc(r, {}, {"a": blocks(0, 1)}),
        errors="ROOT: no VOC tree in it. Expected JPEGImages, SegmentationClass and ImageSets/Segmentation.",
    ),
    case(
        "empty lists",
        lambda r: voc(r, {"train": "", "val": ""}, {"a": blocks(0, 1)}),
        errors="ImageSets/Segmentation/train.txt: a list without any image in it. List the images, an id a line.",
    ),
    case(
        "listed but not there",
        tree(train="a c"),
        errors="c: listed in train.txt but not in JPEGImages. Add the file, or take it off the list.",
    ),
    case(
        "listed in another case",
        tree(train="A"),
        errors=(
            "A: listed in train.txt but not in JPEGImages, where a name differs in upper and lower case only. "
            "Add the file, or take it off the list."
        ),
    ),
    case("listed twice", tree(train="a b"), errors="b: listed twice in train.txt and val.txt. Take it off one of them."),
    case(
        "id in no list",
        tree(a=blocks(0, 1), b=blocks(3, 0)),
        errors=(
            "SegmentationClass/b.png: values that are no class: 3. data.voc.classes names 0 to 2. "
            "Name every class.\n"
            "  params.yaml: data.voc.classes: add class_3"
        ),
        masks={"a": "00001111", "b": "33330000"},
    ),
    case(
        "black and white",
        tree(a=blocks(0, 255), b=blocks(255, 0)),
        errors=(
            "2 files: only the values 0 and 255, as in a picture in black and white. "
            "Save class ids, or let `segpipe init PATH --kind masks` read the tree by these values.\n"
            "  SegmentationClass/a.png, SegmentationClass/b.png"
        ),
    ),
    case(
        "mask as JPEG",
        steps(tree(), lambda r: photos(r, "SegmentationClass/a.jpg"), lambda r: (r / "SegmentationClass/a.png").unlink()),
        errors="SegmentationClass/a.jpg: a mask saved as JPEG, which changes class ids. Save masks as PNG.",
    ),
    case(
        "mask of another size",
        steps(tree(), lambda r: photo(r / "JPEGImages/a.jpg", 9, 4)),
        errors=(
            "SegmentationClass/a.png: 8 x 4 pixels, but the image has 9 x 4. Make the mask again from the image it belongs to."
        ),
    ),
    case("class dropped", tree(), masks={"a": "00000000", "b": "1111...."}, class_map={"cat": "__drop__"}),
    case("class ignored", tree(), masks={"a": "0000....", "b": "1111...."}, class_map={"cat": "__ignore__"}),
    case(
        "photo cut short",
        steps(tree(), cut("JPEGImages/a.jpg", 100)),
        errors=(
            "JPEGImages/a.jpg: not an image that can be read, or its first bytes are damaged. "
            "Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."
        ),
    ),
    case(
        "no mask",
        steps(tree(), lambda r: (r / "SegmentationClass/a.png").unlink()),
        errors="a: listed in train.txt but not in SegmentationClass. Add the file, or take it off the list.",
    ),
    case(
        "two photos of one name",
        steps(tree(), lambda r: photos(r, "JPEGImages/a.png")),
        errors="JPEGImages/a.jpg and JPEGImages/a.png: files of the same name up to its suffix. Remove all but one of them.",
    ),
    case(
        "with a test list",
        lambda r: voc(r, {"train": "a", "val": "b", "test": "c"}, {"a": blocks(0, 1), "b": blocks(1, 0), "c": blocks(2, 0)}),
        masks={"a": "00001111", "b": "11110000", "c": "22220000"},
    ),
    case(
        "two trees",
        steps(lambda r: tree()(r / "one"), lambda r: tree()(r / "two")),
        errors="ROOT: holds several VOC trees (one, two). Let data.path name one of them.",
    ),
    case(
        "empty folder",
        lambda r: None,
        errors="ROOT: no VOC tree in it. Expected JPEGImages, SegmentationClass and ImageSets/Segmentation.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_voc(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path / "x")

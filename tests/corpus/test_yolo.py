"""Broken and odd data sets of YOLO."""

from pathlib import Path
from typing import Any

import pytest

from tests.corpus.build import Make, half, photos, steps, written, yolo
from tests.corpus.case import Case, check

CAT_DOG = ("background", "cat", "dog")


def case(name: str, make: Make, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "yolo", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


def lines(names: str | None = "names: [cat, dog]\n", **labels: str) -> Make:
    return lambda root: yolo(root, labels, names)


def parted(root: Path) -> None:
    """The images of train by the hundred, in folders that data.yaml does not name."""
    photos(root, "train/images_1st_500/a.jpg", "train/images_2nd_500/b.jpg", "valid/images/c.jpg")
    for name in ("train/labels_1st_500/a.txt", "train/labels_2nd_500/b.txt", "valid/labels/c.txt"):
        written(name, half(0))(root)
    written("data.yaml", "train: ../train/images\nval: ../valid/images\nnames: [cat, dog]\n")(root)


CASES = [
    case(
        "folders beside those called images",
        parted,
        masks={"train/images_1st_500/a": "11110000", "train/images_2nd_500/b": "11110000", "valid/c": "11110000"},
        warnings=(
            'data.yaml: its train, "../train/images", is not in the folder. '
            "Add it if its images are missing; those elsewhere get the part that their folders' names say.\n"
            "2 folders: read like a folder called images, since there are label files for it, or data.yaml names it. "
            "Take it out of data.path if it is not meant.\n"
            "  train/images_1st_500 (1 image file), train/images_2nd_500 (1 image file)"
        ),
    ),
    case(
        "a label file without an image in a folder of another name",
        steps(parted, written("train/labels_1st_500/x.txt", half(0)), written("train/labels_1st_500/notes.txt", "by hand\n")),
        errors="train/labels_1st_500/x.txt: a label file without an image. Add its image, or remove it.",
    ),
    case(
        "an image without a label file in a folder of another name",
        steps(parted, lambda r: photos(r, "train/images_1st_500/x.jpg")),
        errors=(
            "train/images_1st_500/x.jpg: an image without a label file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  params.yaml: data.unannotated: skip"
        ),
    ),
    case("polygons", lines(a=half(0), b=half(1)), masks={"a": "11110000", "b": "22220000"}),
    case(
        "undrawn is ignored", lines(a=half(0), b=half(1)), masks={"a": "1111....", "b": "2222...."}, shapes={"undrawn": "ignore"}
    ),
    case(
        "undrawn is ignored, and background has an id",
        lines("names: [cat, background]\n", a="1 0 0 1 0 1 1 0 1\n" + half(0), b=half(1)),
        masks={"a": "11110000", "b": "0000...."},
        shapes={"undrawn": "ignore"},
    ),
    case("names by id", lines("names:\n  0: dog\n  1: cat\n", a=half(0), b=half(1)), masks={"a": "22220000", "b": "11110000"}),
    case("no data.yaml", lines(None, a=half(0), b=half(1)), masks={"a": "11110000", "b": "22220000"}),
    case(
        "no data.yaml and a third id",
        lines(None, a=half(0), b=half(2)),
        errors=(
            "line 1 of labels/b.txt: class ids that data.yolo.classes does not name: 2. "
            "Name every class id, or correct the label file.\n"
            "  params.yaml: data.yolo.classes: add class_2"
        ),
        masks={"a": "11110000", "b": "33330000"},
    ),
    case(
        "name in no list of params.yaml",
        lines("names: [cat, bird]\n", a=half(0), b=half(1)),
        errors=(
            'labels/b.txt: a label that data.yolo.classes does not list: "bird". '
            "Add it to data.yolo.classes, map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.yolo.classes: add bird"
        ),
        masks={"a": "11110000", "b": "33330000"},
    ),
    case(
        "name of another case",
        lines("names: [Cat, dog]\n", a=half(0)),
        errors=(
            'labels/a.txt: a label that data.yolo.classes spells otherwise: "Cat", there "cat". '
            "Map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.class_map: add Cat: cat"
        ),
        masks={"a": "11110000"},
    ),
    case(
        "id that no name has",
        lines(a=half(5)),
        errors=(
            "line 1 of labels/a.txt: class ids that data.yaml does not name: 5. Name every class id, or correct the label file."
        ),
    ),
    case(
        "id that no name has, below others",
        lines(a=half(0) + "\n" + half(1) + half(7) + half(9) + half(7)),
        errors=(
            "line 4 of labels/a.txt: class ids that data.yaml does not name: 7, 9. "
            "Name every class id, or correct the label file."
        ),
    ),
    case(
        "two label files of an image",
        steps(lines(a=half(0)), written("images/a.txt", half(1))),
        errors="images/a.txt and labels/a.txt: two label files for one image, images/a.jpg. Keep one of them.",
    ),
    case(
        "nc of another number",
        lines("nc: 3\nnames: [cat, dog]\n", a=half(0)),
        errors="data.yaml: nc is 3, but there are 2 names. Correct nc, or the names.",
    ),
    case(
        "names that are none",
        lines("names: 3\n", a=half(0)),
        errors=("data.yaml: names that are no list of 1 to 254 class names. Write the names as a list, or as lines id: name."),
    ),
    case(
        "broken data.yaml",
        lines("names: [cat\n", a=half(0)),
        errors="data.yaml: a broken file (no YAML). Write the names as a list, or as lines id: name.",
    ),
    case(
        "a box",
        lines(a="0 .5 .5 .2 .2\n"),
        errors=(
            "line 1 of labels/a.txt: a box (five numbers) and no polygon: a box says where an object is, not "
            "which pixels are its. Draw outlines; a data set of boxes cannot train segmentation."
        ),
    ),
    case(
        "odd number of coordinates",
        lines(a="0 0 0 1 0 1 1 0\n"),
        errors=("line 1 of labels/a.txt: an odd number of coordinates. Export the labels again as YOLO segmentation."),
    ),
    case(
        "pixels",
        lines(a="0 0 0 3 0 3 3 0 3\n"),
        errors=(
            "line 1 of labels/a.txt: coordinates in pixels, where shares of the image (0 .. 1) belong. "
            "Divide x by the image's width and y by its height."
        ),
    ),
    case(
        "outside",
        lines(a="0 0 0 1.3 0 1 1\n"),
        errors=(
            "line 1 of labels/a.txt: coordinates outside the image: they must be from 0 to 1. "
            "Export the labels again as YOLO segmentation."
        ),
    ),
    case(
        "a little outside",
        lines(a="0 -0.01 0 0.375 0 0.375 1 0 1.01\n"),
        masks={"a": "11110000"},
        warnings=(
            "line 1 of labels/a.txt: points a little outside 0 .. 1, which were moved to the border. "
            "Rounded numbers do that, and nothing need be done."
        ),
    ),
    case(
        "words",
        lines(a="cat 0 0 1 0 1 1\n"),
        errors=(
            "line 1 of labels/a.txt: something that is no number; a line is a class id and x, y in turn, with "
            "points and blanks. Export the labels again as YOLO segmentation."
        ),
    ),
    case("empty file is background", lines(a=half(0), b=""), masks={"a": "11110000", "b": "00000000"}),
    case(
        "image without label file",
        steps(lines(a=half(0)), lambda r: photos(r, "images/b.jpg")),
        errors=(
            "images/b.jpg: an image without a label file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  params.yaml: data.unannotated: skip"
        ),
        masks={"a": "11110000"},
    ),
    case(
        "label file without image",
        steps(lines(a=half(0)), written("labels/b.txt", half(0))),
        errors="labels/b.txt: a label file without an image. Add its image, or remove it.",
    ),
    case(
        "parts in folders",
        steps(
            lambda r: photos(r, "images/train/a.jpg", "images/val/a.jpg"),
            written("labels/train/a.txt", half(0)),
            written("labels/val/a.txt", half(1)),
            written("data.yaml", "path: /home/me/data\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n"),
        ),
        masks={"train/a": "11110000", "val/a": "22220000"},
    ),
    case(
        "data.yaml names a part that is not there",
        lines("train: ../elsewhere\nnames: [cat, dog]\n", a=half(0)),
        masks={"a": "11110000"},
        warnings=(
            'data.yaml: its train, "../elsewhere", is not in the folder. '
            "Add it if its images are missing; those elsewhere get the part that their folders' names say."
        ),
    ),
    case(
        "class ignored",
        lines(a=half(0) + "1 .5 0 .875 0 .875 1 .5 1\n"),
        masks={"a": "1111...."},
        class_map={"dog": "__ignore__"},
    ),
    case(
        "NaN",
        lines(a="0 nan 0 1 0 1 1\n"),
        errors=(
            "line 1 of labels/a.txt: something that is no number; a line is a class id and x, y in turn, with "
            "points and blanks. Export the labels again as YOLO segmentation."
        ),
    ),
    case(
        "half a class",
        lines(a="0.5 0 0 1 0 1 1\n"),
        errors=(
            "line 1 of labels/a.txt: a class id that is no whole number from 0 on. Export the labels again as YOLO segmentation."
        ),
    ),
    case("Windows lines and BOM", lines(a="\ufeff" + half(0).replace("\n", "\r\n")), masks={"a": "11110000"}),
    case(
        "two names alike",
        lines("names: [cat, cat]\n", a=half(0) + "1 .5 0 .875 0 .875 1 .5 1\n"),
        masks={"a": "11111111"},
        warnings=(
            "data.yaml: the same name for several classes (cat), which count as one. Rename one of them if they are two classes."
        ),
    ),
    case(
        "image without label file is background",
        steps(lines(a=half(0)), lambda r: photos(r, "images/b.jpg")),
        masks={"a": "11110000", "b": "00000000"},
        unannotated="background",
    ),
    case(
        "classes merged",
        lines(a=half(0) + "1 .5 0 .875 0 .875 1 .5 1\n"),
        masks={"a": "11111111"},
        class_map={"cat": "animal", "dog": "animal"},
    ),
    case("empty folder", lambda r: None, errors="ROOT: no annotated images in it. data.source is yolo; does data.path fit it?"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_yolo(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path / "x")

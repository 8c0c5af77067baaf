"""Broken and odd data sets of COCO."""

from pathlib import Path
from typing import Any

import pytest

from tests.corpus.build import RIGHT, Make, coco, cut, instance, photo, photos, steps
from tests.corpus.case import Case, check

CAT_DOG = ("background", "cat", "dog")


def case(name: str, make: Make, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "coco", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


def listed(*annotations: Any, images: Any = ("a.png",), file: str = "coco.json", **keys: Any) -> Any:
    def make(root: Path) -> None:
        photos(root, *(each["file_name"] if isinstance(each, dict) else each for each in images))
        coco(root / file, images, annotations, **keys)

    return make


def runs(counts: Any, size: tuple[int, int] = (4, 8), **keys: Any) -> dict[str, Any]:
    return instance(1, 1) | {"segmentation": {"size": list(size), "counts": counts}, **keys}


def everything(root: Path) -> None:
    listed(
        instance(1, 7),
        runs([0, 5]),
        instance(1, 1, [(0, 0), (1, 1)]),
        instance(1, 1) | {"segmentation": [], "bbox": [0, 0, 1, 1]},
        instance(9, 1),
        images=("a.png", "b.png"),
    )(root)
    (root / "b.png").unlink()
    photos(root, *(f"bare{number}.png" for number in range(12)))
    (root / "broken.json").write_text('{"images": [')


CASES = [
    case("polygons", listed(instance(1, 1), instance(1, 2, RIGHT)), masks={"a": "11112222"}),
    case(
        "category in no list of params.yaml",
        listed(instance(1, 3), names=("cat", "dog", "bird")),
        errors=(
            'a.png in coco.json: a label that data.coco.classes does not list: "bird". '
            "Add it to data.coco.classes, map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.coco.classes: add bird"
        ),
        masks={"a": "33330000"},
    ),
    case(
        "category of another case",
        listed(instance(1, 1), names=("Cat", "dog")),
        errors=(
            'a.png in coco.json: a label that data.coco.classes spells otherwise: "Cat", there "cat". '
            "Map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.class_map: add Cat: cat"
        ),
        masks={"a": "11110000"},
    ),
    case(
        "category that the file does not list",
        listed(instance(1, 7)),
        errors=(
            "annotation 17 of a.png: a category_id that the file's categories do not list. "
            "Add the category to the file, or remove the annotation."
        ),
    ),
    case("run lengths", listed(runs([0, 16, 16])), masks={"a": "11110000"}),
    case("compressed run lengths", listed(runs("0`0`0")), masks={"a": "11110000"}),
    case(
        "run lengths of another size",
        listed(runs([0, 32], (8, 4))),
        errors=(
            "annotation 11 of a.png: run lengths of another size than the image's. "
            "Their size is [height, width], in pixels: export the file again."
        ),
    ),
    case(
        "run lengths that end early",
        listed(runs([0, 5])),
        errors=(
            "annotation 11 of a.png: run lengths that do not add up to the image's pixels. "
            "Export the file again, or remove the annotation."
        ),
    ),
    case(
        "a crowd",
        listed(instance(1, 1), runs([0, 32], iscrowd=1)),
        masks={"a": "1111...."},
        warnings=(
            "annotation 11 of a.png: a crowd (iscrowd is 1), which is ignored where no object is drawn. "
            "If it is one object, set data.coco.crowds to object, or its iscrowd to 0."
        ),
    ),
    case(
        "nothing but crowds of a class",
        listed(instance(1, 1, RIGHT), runs([0, 16, 16], category_id=2, iscrowd=1)),
        errors=(
            "class dog: all of its annotations are crowds (iscrowd is 1), which are ignored, so that the class would be gone. "
            "CVAT marks every mask of its brush so: read them as objects. If they are crowds, map the class to __ignore__ in "
            "data.class_map.\n"
            "  params.yaml: data.coco.crowds: object"
        ),
        masks={"a": "22221111"},
    ),
    case(
        "nothing but crowds of a class, in text and of outlines",
        listed(instance(1, 1, RIGHT), instance(1, 2, iscrowd="1"), names=("cat", "cow"), images=("x/a.png",)),
        errors=(
            "class cow: all of its annotations are crowds (iscrowd is 1), which are ignored, so that the class would be gone. "
            "CVAT marks every mask of its brush so: read them as objects. If they are crowds, map the class to __ignore__ in "
            "data.class_map.\n"
            "  params.yaml: data.coco.crowds: object"
        ),
        masks={"x/a": "22221111"},
        classes=("background", "cat", "cow"),
    ),
    case(
        "nothing but crowds of a class that is ignored",
        listed(instance(1, 1, RIGHT), runs([0, 16, 16], category_id=2, iscrowd=1)),
        masks={"a": "....1111"},
        class_map={"dog": "__ignore__"},
    ),
    case(
        "crowds in one file, objects in another",
        steps(
            listed(instance(1, 1), instance(1, 2, RIGHT, iscrowd=1), file="one.json"),
            listed(instance(1, 2), images=("b.png",), file="two.json"),
        ),
        masks={"a": "1111....", "b": "22220000"},
    ),
    case(
        "several crowds of a class in an image",
        listed(
            instance(1, 1),
            instance(1, 2, RIGHT[:3]),
            instance(1, 2, RIGHT, iscrowd=1),
            instance(1, 2, RIGHT, iscrowd=1.0),
        ),
        masks={"a": "11112222"},
        warnings=(
            "class dog: some images have several crowds of it (iscrowd is 1), and these are ignored. "
            "CVAT marks every mask of its brush so: if they are single objects, read them as such.\n"
            "  params.yaml: data.coco.crowds: object"
        ),
    ),
    case(
        "crowds are objects",
        listed(instance(1, 1), instance(1, 2, RIGHT, iscrowd=1), runs([24, 8], iscrowd=1, category_id=2)),
        masks={"a": "11112222"},
        crowds="object",
    ),
    case(
        "iscrowd that is neither",
        listed(instance(1, 1), instance(1, 2, iscrowd=2), instance(1, 2, RIGHT, iscrowd="many")),
        errors="annotation 12 of a.png: an iscrowd that is neither 0 nor 1. Write 1 for a crowd, 0 for one object.",
    ),
    case("undrawn is ignored", listed(instance(1, 1)), masks={"a": "1111...."}, shapes={"undrawn": "ignore"}),
    case(
        "undrawn is ignored, and background drawn",
        listed(
            instance(1, 1, [(0, 0), (1, 0), (1, 3), (0, 3)]),
            instance(1, 3, [(4, 0), (5, 0), (5, 3), (4, 3)]),
            instance(1, 2, [(7, 0), (7, 3), (7, 0)]),
            names=("cat", "dog", "_background_"),
        ),
        masks={"a": "11..00.2"},
        shapes={"undrawn": "ignore"},
    ),
    case(
        "undrawn is ignored, and an image has no annotation",
        listed(instance(1, 1), images=("a.png", "b.png")),
        masks={"a": "1111....", "b": "........"},
        warnings=(
            "b.png: every pixel of it is ignored, so it teaches nothing. Take it out, or mend its annotation.\n"
            "class background: it occurs in no image. All that is no object is ignored, so the model learns objects only and "
            "takes every pixel for one of them: mark some background, or count what is unmarked as background "
            "(data.shapes.undrawn, data.masks.ignore_index)."
        ),
        shapes={"undrawn": "ignore"},
    ),
    case(
        "a box",
        listed(instance(1, 1) | {"segmentation": [], "bbox": [0, 0, 4, 4]}),
        errors=(
            "annotation 11 of a.png: a box without a segmentation: a box says where an object is, not which "
            "pixels are its. Draw its outline, or remove it; a data set of boxes cannot train segmentation."
        ),
    ),
    case(
        "two points",
        listed(instance(1, 1, [(0, 0), (1, 1)])),
        errors=(
            "annotation 11 of a.png: a polygon of fewer than three points, which has no inside. "
            "Correct it in the program that made it, or remove it from the file."
        ),
    ),
    case(
        "NaN",
        listed(instance(1, 1, [(0, 0), (float("nan"), 1), (3, 3)])),
        errors=(
            "annotation 11 of a.png: a polygon with coordinates that are no numbers near the image. "
            "Correct it in the program that made it, or remove it from the file."
        ),
    ),
    case(
        "outside",
        listed(instance(1, 2), instance(1, 1, [(20, 20), (30, 20), (30, 30)])),
        masks={"a": "22220000"},
        warnings=(
            "annotation 11 of a.png: a polygon wholly outside the image. "
            "Correct it in the program that made it, or remove it from the file."
        ),
    ),
    case(
        "image not in the folder",
        steps(listed(instance(1, 1), images=("a.png", "b.png")), lambda r: (r / "b.png").unlink()),
        errors="b.png in coco.json: listed, but not in the folder. Add the image, or take it out of the file.",
    ),
    case(
        "image not in the file",
        steps(listed(instance(1, 1)), lambda r: photos(r, "b.png")),
        errors=(
            "b.png: an image without an entry in a COCO file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  params.yaml: data.unannotated: skip"
        ),
        masks={"a": "11110000"},
    ),
    case(
        "image not in the file is background",
        steps(listed(instance(1, 1)), lambda r: photos(r, "b.png")),
        masks={"a": "11110000", "b": "00000000"},
        unannotated="background",
    ),
    case(
        "image listed in two files",
        steps(listed(instance(1, 1), file="one.json"), listed(instance(1, 2), file="two.json")),
        errors=(
            "a.png: listed in one.json and in two.json, so that its annotations are in two places. "
            "Take one of the two out, with its annotations."
        ),
    ),
    case(
        "one file a part",
        steps(
            listed(instance(1, 1), images=("train/a.png",), file="annotations/instances_train.json"),
            listed(instance(1, 2), images=("val/a.png",), file="annotations/instances_val.json"),
        ),
        masks={"train/a": "11110000", "val/a": "22220000"},
    ),
    case(
        "Roboflow",
        steps(
            lambda r: photos(r, "train/a_jpg.rf.1.jpg"),
            lambda r: coco(
                r / "train/_annotations.coco.json",
                ["a_jpg.rf.1.jpg"],
                [instance(1, 1) | {"category_id": 1}],
                categories=[
                    {"id": 0, "name": "animals", "supercategory": "none"},
                    {"id": 1, "name": "cat", "supercategory": "animals"},
                ],
            ),
        ),
        masks={"train/a_jpg.rf.1": "11110000"},
    ),
    case(
        "another size",
        listed(instance(1, 1), images=({"id": 1, "file_name": "a.png", "width": 16, "height": 8},)),
        errors=(
            "a.png in coco.json: made for an image of 16 x 8 pixels, but the image has 8 x 4. "
            "Bring back the image that was annotated, or export the file again."
        ),
    ),
    case(
        "annotated before the turn",
        steps(
            listed(instance(1, 1)),
            lambda r: photo(r / "a.jpg", 8, 4, orientation=6),
            lambda r: (r / "a.png").unlink(),
            lambda r: coco(r / "coco.json", ["a.jpg"], [instance(1, 1)]),
        ),
        masks={"a": "1111"},
        warnings=(
            "a.jpg: a photo whose COCO size is that before its turn by EXIF; its annotations were turned with "
            "it. See on the contact sheet whether they fit; if not, save the photo upright, without EXIF."
        ),
    ),
    case(
        "two images of one id",
        listed(instance(1, 1), images=({"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"})),
        errors=(
            "a.png and b.png in coco.json: two images of one id, so that annotations could belong to either. "
            "Give each image an id of its own."
        ),
    ),
    case(
        "annotation of no image",
        listed(instance(1, 1), instance(9, 1)),
        errors=(
            "coco.json: annotations of images that it does not list (1), the first with id 91, image_id 9. "
            "List the images, or remove the annotations."
        ),
    ),
    case(
        "broken",
        steps(listed(instance(1, 1)), cut("coco.json", 100)),
        errors=(
            "line 1, column 99 of coco.json: a JSON file that is broken (Unterminated string starting at). "
            "Export it again, or remove it."
        ),
    ),
    case(
        "captions",
        steps(
            lambda r: photos(r, "a.png"),
            lambda r: coco(r / "captions.json", ["a.png"], [{"id": 1, "image_id": 1, "caption": "a cat"}]),
        ),
        errors=(
            "ROOT: no COCO file of instances in it (captions.json is a file of COCO's captions). "
            "Export instance segmentation as COCO JSON."
        ),
    ),
    case(
        "no file",
        lambda r: photos(r, "a.png"),
        errors="ROOT: no COCO file of instances in it. Export instance segmentation as COCO JSON.",
    ),
    case("class dropped", listed(instance(1, 1), instance(1, 2, RIGHT)), masks={"a": "00001111"}, class_map={"cat": "__drop__"}),
    case(
        "classes merged",
        listed(instance(1, 1), instance(1, 2, RIGHT)),
        masks={"a": "11111111"},
        class_map={"cat": "animal", "dog": "animal"},
    ),
    case(
        "file_name upwards",
        steps(listed(instance(1, 1)), lambda r: coco(r / "coco.json", ["../../a.png"], [instance(1, 1)])),
        masks={"a": "11110000"},
    ),
    case(
        "file_name of another machine",
        steps(listed(instance(1, 1)), lambda r: coco(r / "coco.json", ["C:\\data\\a.png"], [instance(1, 1)])),
        masks={"a": "11110000"},
    ),
    case(
        "name of two files",
        steps(lambda r: photos(r, "x/a.png", "y/a.png"), lambda r: coco(r / "coco.json", ["a.png"], [instance(1, 1)])),
        errors=(
            "a.png in coco.json: an image whose name several files have. "
            "Write its path below data.path as file_name.\n"
            "2 files: an image without an entry in a COCO file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  x/a.png, y/a.png\n"
            "  params.yaml: data.unannotated: skip"
        ),
    ),
    case(
        "segmentation of text",
        listed(instance(1, 1) | {"segmentation": "left"}),
        errors=(
            "annotation 11 of a.png: a segmentation that is neither run lengths nor a list of polygons, [[x1, "
            "y1, x2, y2, ...], ...]. Correct it in the program that made it, or remove it from the file."
        ),
    ),
    case(
        "image without id",
        listed(instance(1, 1), images=({"file_name": "a.png"},)),
        errors=(
            "a.png: an image without an entry in a COCO file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  params.yaml: data.unannotated: skip\n"
            "coco.json: annotations of images that it does not list (1), the first with id 11, image_id 1. "
            "List the images, or remove the annotations.\n"
            "image number 1 of coco.json: no id or no file_name. "
            "Give each an id and the name of its file, or remove it."
        ),
    ),
    case(
        "category without name",
        listed(instance(1, 1), categories=[{"id": 1, "name": ""}]),
        errors=(
            "annotation 11 of a.png: a category_id that the file's categories do not list. "
            "Add the category to the file, or remove the annotation.\n"
            "category 1 of coco.json: no id, or no name in one line of plain text. "
            "Give each category an id and a name."
        ),
    ),
    case(
        "two parts overlap",
        listed(instance(1, 1) | {"segmentation": [[0, 0, 3, 0, 3, 3, 0, 3], [2, 0, 5, 0, 5, 3, 2, 3]]}),
        masks={"a": "11111100"},
    ),
    case(
        "width of nought",
        listed(instance(1, 1), images=({"id": 1, "file_name": "a.png", "width": 0, "height": 4},)),
        errors=(
            "a.png in coco.json: a width or height that is no whole number above 0. Correct the size, or remove it from the file."
        ),
    ),
    case(
        "size as text and with a point",
        listed(
            instance(1, 1),
            instance("2", "2"),
            images=(
                {"id": "1", "file_name": "a.png", "width": "8", "height": 4.0},
                {"id": 2.0, "file_name": "b.png", "width": 8.0, "height": "4"},
            ),
        ),
        masks={"a": "11110000", "b": "22220000"},
    ),
    case(
        "size that is infinite",
        listed(instance(1, 1), images=({"id": 1, "file_name": "a.png", "width": float("inf"), "height": 4},)),
        errors=(
            "a.png in coco.json: a width or height that is no whole number above 0. Correct the size, or remove it from the file."
        ),
    ),
    case(
        "broken in a line with letters of several bytes",
        steps(
            listed(instance(1, 1)),
            lambda r: (r / "coco.json").write_text('{"images": [],\n "info": "猫猫", "annotations": [,]}', encoding="utf-8"),
        ),
        errors=("line 2, column 32 of coco.json: a JSON file that is broken (Expecting value). Export it again, or remove it."),
    ),
    case(
        "not in UTF-8",
        steps(
            listed(instance(1, 1)),
            lambda r: (r / "coco.json").write_bytes(
                '{"images": [\n\n{"id": 1, "file_name": "é.png"}], "annotations": []}'.encode("latin-1")
            ),
        ),
        errors="line 3 of coco.json: a JSON file that is not in UTF-8. Save it as UTF-8 in a text editor.",
    ),
    case(
        "an image listed twice in one file",
        listed(instance(1, 1), images=({"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"})),
        errors=(
            "a.png: listed twice in coco.json, so that its annotations are in two places. "
            "Take one of the two out, with its annotations."
        ),
    ),
    case(
        "everything at once",
        everything,
        errors=(
            "line 1, column 13 of broken.json: a JSON file that is broken (Expecting value). Export it again, or remove it.\n"
            "annotation 11 of a.png: a box without a segmentation: a box says where an object is, not which "
            "pixels are its. Draw its outline, or remove it; a data set of boxes cannot train segmentation.\n"
            "annotation 17 of a.png: a category_id that the file's categories do not list. "
            "Add the category to the file, or remove the annotation.\n"
            "annotation 11 of a.png: a polygon of fewer than three points, which has no inside. "
            "Correct it in the program that made it, or remove it from the file.\n"
            "coco.json: annotations of images that it does not list (1), the first with id 91, image_id 9. "
            "List the images, or remove the annotations.\n"
            "b.png in coco.json: listed, but not in the folder. Add the image, or take it out of the file.\n"
            "annotation 11 of a.png: run lengths that do not add up to the image's pixels. "
            "Export the file again, or remove the annotation."
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_coco(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path / "x")

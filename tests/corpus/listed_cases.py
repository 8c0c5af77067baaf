"""Broken and odd data sets of COCO and YOLO."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.annotations.mask_folders import blocks, photo
from tests.corpus.build import LEFT, RIGHT, coco, half, instance, photos, voc, yolo
from tests.corpus.case import Case
from tests.corpus.labelme_cases import cut, steps
from tests.corpus.mask_cases import written

CAT_DOG = ("background", "cat", "dog")


def case(name: str, make: Any, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(f"coco: {name}", "coco", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


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


COCO = [
    case("polygons", listed(instance(1, 1), instance(1, 2, RIGHT)), masks={"a": "11112222"}),
    case("category in no list of params.yaml", listed(instance(1, 3), names=("cat", "dog", "bird")), masks={"a": "33330000"}),
    case("category of another case", listed(instance(1, 1), names=("Cat", "dog")), masks={"a": "11110000"}),
    case("category that the file does not list", listed(instance(1, 7)), masks=None),
    case("run lengths", listed(runs([0, 16, 16])), masks={"a": "11110000"}),
    case("compressed run lengths", listed(runs("0`0`0")), masks={"a": "11110000"}),
    case("run lengths of another size", listed(runs([0, 32], (8, 4))), masks=None),
    case("run lengths that end early", listed(runs([0, 5])), masks=None),
    case("a crowd", listed(instance(1, 1), runs([0, 32], iscrowd=1)), masks={"a": "1111...."}),
    case("a box", listed(instance(1, 1) | {"segmentation": [], "bbox": [0, 0, 4, 4]}), masks=None),
    case("two points", listed(instance(1, 1, [(0, 0), (1, 1)])), masks=None),
    case("NaN", listed(instance(1, 1, [(0, 0), (float("nan"), 1), (3, 3)])), masks=None),
    case("outside", listed(instance(1, 2), instance(1, 1, [(20, 20), (30, 20), (30, 30)])), masks={"a": "22220000"}),
    case("image not in the folder", steps(listed(instance(1, 1), images=("a.png", "b.png")), lambda r: (r / "b.png").unlink()), masks=None),
    case("image not in the file", steps(listed(instance(1, 1)), lambda r: photos(r, "b.png")), masks={"a": "11110000"}),
    case("image not in the file is background", steps(listed(instance(1, 1)), lambda r: photos(r, "b.png")), masks={"a": "11110000", "b": "00000000"}, unannotated="background"),
    case("image listed in two files", steps(listed(instance(1, 1), file="one.json"), listed(instance(1, 2), file="two.json")), masks=None),
    case("one file a part", steps(listed(instance(1, 1), images=("train/a.png",), file="annotations/instances_train.json"), listed(instance(1, 2), images=("val/a.png",), file="annotations/instances_val.json")), masks={"train/a": "11110000", "val/a": "22220000"}),
    case("Roboflow", steps(lambda r: photos(r, "train/a_jpg.rf.1.jpg"), lambda r: coco(r / "train/_annotations.coco.json", ["a_jpg.rf.1.jpg"], [instance(1, 1) | {"category_id": 1}], categories=[{"id": 0, "name": "animals", "supercategory": "none"}, {"id": 1, "name": "cat", "supercategory": "animals"}])), masks={"train/a_jpg.rf.1": "11110000"}),
    case("another size", listed(instance(1, 1), images=({"id": 1, "file_name": "a.png", "width": 16, "height": 8},)), masks=None),
    case("annotated before the turn", steps(listed(instance(1, 1)), lambda r: photo(r / "a.jpg", 8, 4, orientation=6), lambda r: (r / "a.png").unlink(), lambda r: coco(r / "coco.json", ["a.jpg"], [instance(1, 1)])), masks={"a": "1111"}),
    case("two images of one id", listed(instance(1, 1), images=({"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"})), masks=None),
    case("annotation of no image", listed(instance(1, 1), instance(9, 1)), masks=None),
    case("broken", steps(listed(instance(1, 1)), cut("coco.json", 100)), masks=None),
    case("captions", steps(lambda r: photos(r, "a.png"), lambda r: coco(r / "captions.json", ["a.png"], [{"id": 1, "image_id": 1, "caption": "a cat"}])), masks=None),
    case("no file", lambda r: photos(r, "a.png"), masks=None),
    case("class dropped", listed(instance(1, 1), instance(1, 2, RIGHT)), masks={"a": "00001111"}, class_map={"cat": "__drop__"}),
    case("classes merged", listed(instance(1, 1), instance(1, 2, RIGHT)), masks={"a": "11111111"}, class_map={"cat": "animal", "dog": "animal"}),
    case("everything at once", everything, masks=None),
]


def yolo_case(name: str, make: Any, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(f"yolo: {name}", "yolo", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


def lines(names: str | None = "names: [cat, dog]\n", **labels: str) -> Any:
    return lambda root: yolo(root, labels, names)


YOLO = [
    yolo_case("polygons", lines(a=half(0), b=half(1)), masks={"a": "11110000", "b": "22220000"}),
    yolo_case("names by id", lines("names:\n  0: dog\n  1: cat\n", a=half(0), b=half(1)), masks={"a": "22220000", "b": "11110000"}),
    yolo_case("no data.yaml", lines(None, a=half(0), b=half(1)), masks={"a": "11110000", "b": "22220000"}),
    yolo_case("no data.yaml and a third id", lines(None, a=half(0), b=half(2)), masks={"a": "11110000", "b": "33330000"}),
    yolo_case("name in no list of params.yaml", lines("names: [cat, bird]\n", a=half(0), b=half(1)), masks={"a": "11110000", "b": "33330000"}),
    yolo_case("name of another case", lines("names: [Cat, dog]\n", a=half(0)), masks={"a": "11110000"}),
    yolo_case("id that no name has", lines(a=half(5)), masks=None),
    yolo_case("nc of another number", lines("nc: 3\nnames: [cat, dog]\n", a=half(0)), masks=None),
    yolo_case("names that are none", lines("names: 3\n", a=half(0)), masks=None),
    yolo_case("broken data.yaml", lines("names: [cat\n", a=half(0)), masks=None),
    yolo_case("a box", lines(a="0 .5 .5 .2 .2\n"), masks=None),
    yolo_case("odd number of coordinates", lines(a="0 0 0 1 0 1 1 0\n"), masks=None),
    yolo_case("pixels", lines(a="0 0 0 3 0 3 3 0 3\n"), masks=None),
    yolo_case("outside", lines(a="0 0 0 1.3 0 1 1\n"), masks=None),
    yolo_case("a little outside", lines(a="0 -0.01 0 0.375 0 0.375 1 0 1.01\n"), masks={"a": "11110000"}),
    yolo_case("words", lines(a="cat 0 0 1 0 1 1\n"), masks=None),
    yolo_case("empty file is background", lines(a=half(0), b=""), masks={"a": "11110000", "b": "00000000"}),
    yolo_case("image without label file", steps(lines(a=half(0)), lambda r: photos(r, "images/b.jpg")), masks={"a": "11110000"}),
    yolo_case("label file without image", steps(lines(a=half(0)), written("labels/b.txt", half(0))), masks=None),
    yolo_case("parts in folders", steps(lambda r: photos(r, "images/train/a.jpg", "images/val/a.jpg"), written("labels/train/a.txt", half(0)), written("labels/val/a.txt", half(1)), written("data.yaml", "path: /home/me/data\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n")), masks={"train/a": "11110000", "val/a": "22220000"}),
    yolo_case("data.yaml names a part that is not there", lines("train: ../elsewhere\nnames: [cat, dog]\n", a=half(0)), masks={"a": "11110000"}),
    yolo_case("class ignored", lines(a=half(0) + "1 .5 0 .875 0 .875 1 .5 1\n"), masks={"a": "1111...."}, class_map={"dog": "__ignore__"}),
    yolo_case("empty folder", lambda r: None, masks=None),
]


def voc_case(name: str, make: Any, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(f"voc: {name}", "voc", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


def tree(train: str = "a", val: str = "b", **masks: Any) -> Any:
    return lambda root: voc(root, {"train": train, "val": val}, masks or {"a": blocks(0, 1), "b": blocks(2, 255)})


def in_colours(root: Path) -> None:
    voc(root, {"train": "a", "val": "b"}, {"a": blocks((0, 0, 0), (128, 0, 0)), "b": blocks((0, 128, 0), (224, 224, 192))})


VOC = [
    voc_case("as it comes", tree(), masks={"a": "00001111", "b": "2222...."}),
    voc_case("colours", in_colours, masks={"a": "00001111", "b": "2222...."}),
    voc_case("other colours", tree(a=blocks((0, 0, 0), (1, 2, 3)), b=blocks(0, 1)), masks=None),
    voc_case("trainval only", lambda r: voc(r, {"trainval": "a b"}, {"a": blocks(0, 1), "b": blocks(2, 0)}), masks={"a": "00001111", "b": "22220000"}),
    voc_case("no list", lambda r: voc(r, {}, {"a": blocks(0, 1)}), masks=None),
    voc_case("empty lists", lambda r: voc(r, {"train": "", "val": ""}, {"a": blocks(0, 1)}), masks=None),
    voc_case("listed but not there", tree(train="a c"), masks=None),
    voc_case("listed in another case", tree(train="A"), masks=None),
    voc_case("listed twice", tree(train="a b"), masks=None),
    voc_case("id in no list", tree(a=blocks(0, 1), b=blocks(3, 0)), masks={"a": "00001111", "b": "33330000"}),
    voc_case("black and white", tree(a=blocks(0, 255), b=blocks(255, 0)), masks=None),
    voc_case("mask as JPEG", steps(tree(), lambda r: photos(r, "SegmentationClass/a.jpg"), lambda r: (r / "SegmentationClass/a.png").unlink()), masks=None),
    voc_case("mask of another size", steps(tree(), lambda r: photo(r / "JPEGImages/a.jpg", 9, 4)), masks=None),
    voc_case("class dropped", tree(), masks={"a": "00000000", "b": "1111...."}, class_map={"cat": "__drop__"}),
    voc_case("two trees", steps(lambda r: tree()(r / "one"), lambda r: tree()(r / "two")), masks=None),
    voc_case("empty folder", lambda r: None, masks=None),
]

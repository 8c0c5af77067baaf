"""COCO: masks by hand, which image an entry means, and one sentence for each mistake of a file."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations.checks.findings import findings
from segpipe.annotations.detect import summary
from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.detect.layout import recognise
from segpipe.annotations.detect.settings import data_settings
from segpipe.annotations.examination.result import Examination
from segpipe.annotations.formats.coco import mask as coco_mask
from segpipe.annotations.formats.coco import source as coco
from segpipe.errors import PipelineError
from segpipe.images.decode import decode_mask
from tests.annotations import examined_folders
from tests.annotations.data_params import data_params

CLASSES = ["background", "cat", "dog"]
CATEGORIES = [{"id": 17, "name": "cat"}, {"id": 90, "name": "dog"}]
SQUARE = [1, 1, 3, 1, 3, 2, 1, 2]
"""Columns 1 to 3 and rows 1 to 2, edges included, as labelme's rule fills it."""
FILLED = ["000000", "011100", "011100", "000000", "000000"]
BROKEN = (
    r"(line \d+, column \d+ of )?x\.json: a JSON file that is broken \(.*\)\. Export it again, or remove it\."
    r"|line \d+ of x\.json: a JSON file that is not in UTF-8\. Save it as UTF-8 in a text editor\."
)
_ids = itertools.count(1)


def picture(path: Path, size: tuple[int, int] = (6, 5), orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size).save(path, exif=exif)


def image(key: Any = 1, file_name: Any = "a.png", width: Any = 6, height: Any = 5) -> dict[str, Any]:
    return {"id": key, "file_name": file_name, "width": width, "height": height}


def drawn(segmentation: Any, category: Any = 17, of: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": next(_ids), "image_id": of, "category_id": category, "segmentation": segmentation, **more}


def save(path: Path, images: Any, annotations: Any, categories: Any = CATEGORIES, **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"info": {}, "images": images, "annotations": annotations, "categories": categories, **more}
    path.write_text(json.dumps(content), encoding="utf-8")


def one(root: Path, *annotations: dict[str, Any], categories: Any = CATEGORIES) -> None:
    """One image of 6 x 5 pixels with these annotations."""
    picture(root / "a.png")
    save(root / "instances.json", [image()], annotations, categories)


def examined(root: Path, **keys: Any) -> Examination:
    return examined_folders.examined(root, "coco", **({"classes": CLASSES} | keys))


def rows(root: Path, **keys: Any) -> list[str]:
    """The one image's mask, a string a row; `x` is ignored."""
    assert problems(root, **keys) == []
    (record,) = examined(root, **keys).records
    mask = decode_mask(record.mask_png.read(), "mask")
    return ["".join("x" if value == 255 else str(value) for value in row) for row in mask]


def problems(root: Path, warning: bool = False, **keys: Any) -> list[str]:
    found = examined(root, **keys).problems
    return sorted(str(each) for each in found if each.warning == warning)


def test_a_polygon_is_filled(tmp_path: Path) -> None:
    one(tmp_path, drawn([SQUARE]))
    assert rows(tmp_path) == FILLED


def test_the_polygons_of_one_annotation_are_a_union(tmp_path: Path) -> None:
    """By the even-odd rule the overlap would be a hole."""
    one(tmp_path, drawn([[0, 0, 3, 0, 3, 3, 0, 3], [2, 2, 4, 2, 4, 4, 2, 4]]))
    assert rows(tmp_path) == ["111100", "111100", "111110", "111110", "001110"]


def test_a_polygon_inside_another_of_its_annotation_is_no_hole(tmp_path: Path) -> None:
    one(tmp_path, drawn([[0, 0, 5, 0, 5, 4, 0, 4], [2, 1, 4, 1, 4, 3, 2, 3]]))
    assert rows(tmp_path) == ["111111"] * 5


def test_run_lengths_are_filled_as_numbers_and_as_text(tmp_path: Path) -> None:
    """Made by pycocotools 2.0.11 from FILLED."""
    for counts in ([6, 2, 3, 2, 3, 2, 12], "6230009"):
        one(tmp_path, drawn({"counts": counts, "size": [5, 6]}))
        assert rows(tmp_path) == FILLED


def test_later_annotations_lie_over_earlier_ones(tmp_path: Path) -> None:
    one(tmp_path, drawn([SQUARE]), drawn([[3, 2, 5, 2, 5, 4, 3, 4]], 90))
    assert rows(tmp_path) == ["000000", "011100", "011222", "000222", "000222"]


def test_annotations_keep_the_order_of_the_file_among_those_of_other_images(tmp_path: Path) -> None:
    for name in "ab":
        picture(tmp_path / f"{name}.png")
    cat, dog = [0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]
    annotations = [drawn([cat]), drawn([dog], 90, of=2), drawn([dog], 90), drawn([cat], of=2)]
    save(tmp_path / "x.json", [image(), image(2, "b.png")], annotations)
    first, second = (decode_mask(record.mask_png.read(), "") for record in examined(tmp_path).records)
    assert (first[1, 1], second[1, 1]) == (2, 1)


def test_a_crowd_is_ignored_where_no_object_is_drawn(tmp_path: Path) -> None:
    crowd = {"counts": [0, 15, 15], "size": [5, 6]}
    for order in (1, -1):
        one(tmp_path, *[drawn([SQUARE]), drawn(crowd, iscrowd=1)][::order])
        assert rows(tmp_path) == ["xxx000", "x11100", "x11100", "xxx000", "xxx000"]
    assert rows(tmp_path, class_map={"dog": "__drop__", "cow": "cow"}) == ["xxx000", "x11100", "x11100", "xxx000", "xxx000"]
    one(tmp_path, drawn([SQUARE]), drawn(crowd, 90, iscrowd=1))
    assert rows(tmp_path, class_map={"dog": "__drop__", "cow": "cow"}) == FILLED


def test_crowds_are_reported(tmp_path: Path) -> None:
    """Some programs write every mask of a brush as a crowd."""
    one(tmp_path, drawn({"counts": [6, 24], "size": [5, 6]}, iscrowd=1, id=5), drawn([SQUARE], iscrowd=0))
    assert problems(tmp_path, warning=True) == [
        "annotation 5 of a.png: a crowd (iscrowd is 1), which is ignored where no object is drawn. "
        "If it is one object, set data.coco.crowds to object, or its iscrowd to 0."
    ]


def test_masks_that_would_fill_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one(tmp_path, *(drawn({"counts": [0, 30], "size": [5, 6]}) for _ in range(4)))
    monkeypatch.setattr(coco_mask, "MAX_RLE_PIXELS", 120)
    assert problems(tmp_path) == []
    monkeypatch.setattr(coco_mask, "MAX_RLE_PIXELS", 119)
    assert problems(tmp_path)[0].startswith("a.png in instances.json: run lengths of more than ")


def test_an_annotation_of_many_bad_parts_has_one_problem_of_each_kind(tmp_path: Path) -> None:
    one(tmp_path, drawn([[1]] * 1000 + [["x"]] * 1000))
    assert len(problems(tmp_path)) == 2


def test_categories_named_ignore_and_background_are_that(tmp_path: Path) -> None:
    names = [{"id": 1, "name": "__ignore__"}, {"id": 0, "name": "background"}, {"id": 2, "name": "cat"}]
    ring = [drawn([[0, 0, 5, 0, 5, 4, 0, 4]], 2), drawn([SQUARE], 1), drawn([[2, 1, 3, 1, 3, 2, 2, 2]], 0)]
    one(tmp_path, *ring, categories=names)
    assert rows(tmp_path) == ["111111", "1x0011", "1x0011", "111111", "111111"]


def test_classes_can_be_merged(tmp_path: Path) -> None:
    one(tmp_path, drawn([SQUARE]), drawn([[3, 2, 5, 2, 5, 4, 3, 4]], 90))
    assert rows(tmp_path, class_map={"dog": "cat"})[2] == "011111"


def test_an_image_listed_without_annotations_is_background(tmp_path: Path) -> None:
    one(tmp_path)
    assert rows(tmp_path) == ["000000"] * 5


def test_an_image_that_is_not_listed_follows_the_rule(tmp_path: Path) -> None:
    one(tmp_path, drawn([SQUARE]))
    picture(tmp_path / "b.png")
    assert problems(tmp_path) == [
        "b.png: an image without an entry in a COCO file. Annotate it, or set data.unannotated to skip or background."
    ]
    assert [record.id for record in examined(tmp_path, unannotated="skip").records] == ["a"]
    (tmp_path / "b.png").rename(tmp_path / "train_b.png")
    records = examined(tmp_path, unannotated="background").records
    assert [(record.id, record.given, record.pixels[0]) for record in records] == [("a", "", 24), ("train_b", "", 30)]


@pytest.mark.parametrize(
    ("file", "where", "file_name"),
    [
        ("instances.json", "a.png", "a.png"),
        ("instances.json", "images/a.png", "a.png"),
        ("annotations/instances.json", "images/a.png", "images/a.png"),
        ("annotations/instances.json", "deep/er/a.png", "er/a.png"),
        ("annotations/instances.json", "images/a.png", "images\\a.png"),
        ("x.json", "images/a.png", "C:\\Users\\me\\a.png"),
        ("x.json", "images/a.png", "/home/me/photos/a.png"),
        ("x.json", "images/a.png", "../photos/a.png"),
        ("x.json", "images/a.png", "./images/a.png"),
        ("lvis_train.json", "train2017/a.png", "https://example.org/train2017/a.png"),
        ("train/_annotations.coco.json", "train/a.png", "a.png"),
    ],
)
def test_an_image_is_found(tmp_path: Path, file: str, where: str, file_name: str) -> None:
    picture(tmp_path / where)
    save(tmp_path / file, [image(file_name=file_name)], [drawn([SQUARE])])
    assert rows(tmp_path) == FILLED
    assert [record.source for record in examined(tmp_path).records] == [where]


@pytest.mark.parametrize("file_name", ["../out.png", "/etc/hostname", "gone.png", ".", "..", "a\0b.png", "x" * 5000, "images"])
def test_no_image_outside_the_folder_is_ever_taken(tmp_path: Path, file_name: str) -> None:
    picture(tmp_path / "out.png")
    root = tmp_path / "data"
    picture(root / "images/a.png")
    save(root / "x.json", [image(), image(2, file_name)], [drawn([SQUARE])])
    (sentence,) = problems(root)
    assert sentence.endswith(" in x.json: listed, but not in the folder. Add the image, or take it out of the file.")


def test_the_same_name_in_several_folders_is_reported_apart_by_folder_or_part(tmp_path: Path) -> None:
    for name in ("images/train2017/a.png", "images/val2017/a.png"):
        picture(tmp_path / name)
    save(tmp_path / "annotations/instances_train2017.json", [image()], [drawn([SQUARE])])
    save(tmp_path / "annotations/instances_val2017.json", [image()], [drawn([SQUARE], 90)])
    assert [(record.source, record.given, record.pixels[1:]) for record in examined(tmp_path).records] == [
        ("images/train2017/a.png", "train", (6, 0)),
        ("images/val2017/a.png", "val", (0, 6)),
    ]
    save(tmp_path / "annotations/instances_train2017.json", [image(file_name="val2017/a.png")], [drawn([SQUARE])])
    assert any(sentence.startswith("images/val2017/a.png: listed in ") for sentence in problems(tmp_path))


def test_a_name_that_fits_several_files_is_an_error(tmp_path: Path) -> None:
    for name in ("one/a.png", "two/a.png"):
        picture(tmp_path / name)
    save(tmp_path / "x.json", [image()], [])
    sentence = "a.png in x.json: an image whose name several files have. Write its path below data.path as file_name."
    assert sentence in problems(tmp_path)


@pytest.mark.parametrize(
    ("file", "where", "given"),
    [
        ("annotations/instances_train2017.json", "images/a.png", "train"),
        ("valid/_annotations.coco.json", "valid/a.png", "val"),
        ("annotations/test-dev2017.json", "a.png", "test"),
        ("train.json", "val/a.png", "train"),
        ("x.json", "images/val/a.png", "val"),
        ("trainval35k.json", "a.png", ""),
        ("train_val.json", "a.png", ""),
        ("instances.json", "train_5.png", ""),
    ],
)
def test_the_part_comes_from_the_name_of_the_file_or_the_folders(tmp_path: Path, file: str, where: str, given: str) -> None:
    picture(tmp_path / where)
    save(tmp_path / file, [image(file_name=Path(where).name)], [drawn([SQUARE])])
    (record,) = examined(tmp_path).records
    assert record.given == given


@pytest.mark.parametrize(
    ("segmentation", "what"),
    [
        ([[1, 1, 3, 1, 3, 2, 1]], "a polygon with an odd number of coordinates"),
        ([[1, 1, 3, 1]], "a polygon of fewer than three points, which has no inside"),
        ([[]], "a polygon of fewer than three points, which has no inside"),
        ([[1, 1, 3, 1, 3, float("nan")]], "a polygon with coordinates that are no numbers near the image"),
        ([[1, 1, 3, 1, 3, float("inf")]], "a polygon with coordinates that are no numbers near the image"),
        ([[1, 1, 3, 1, 3, 10**400]], "a polygon with coordinates that are no numbers near the image"),
        ([[1, 1, 3, 1, 3, "2"]], "a polygon that is no flat list of numbers x1, y1, x2, y2 and so on"),
        ([[1, 1, 3, 1, 3, True]], "a polygon that is no flat list of numbers x1, y1, x2, y2 and so on"),
        ([[[1, 1], [3, 1], [3, 2]]], "a polygon that is no flat list of numbers x1, y1, x2, y2 and so on"),
        (SQUARE, "a segmentation that is neither run lengths nor a list of polygons, [[x1, y1, x2, y2, ...], ...]"),
        ("text", "a segmentation that is neither run lengths nor a list of polygons, [[x1, y1, x2, y2, ...], ...]"),
        (7, "a segmentation that is neither run lengths nor a list of polygons, [[x1, y1, x2, y2, ...], ...]"),
        ([], "an annotation with an empty segmentation"),
        (None, "an annotation with an empty segmentation"),
        ({"counts": [30], "size": [5, 6]}, "an annotation with an empty segmentation"),
        ({"counts": [30], "size": [6, 5]}, "run lengths of another size than the image's"),
        ({"counts": [30]}, "run lengths of another size than the image's"),
        ({"counts": [29], "size": [5, 6]}, "run lengths that do not add up to the image's pixels"),
        ({"counts": [10**30], "size": [5, 6]}, "a run length below 0 or above the image's pixels"),
        ({"counts": [10**30], "size": [10**15, 10**15]}, "run lengths of another size than the image's"),
        ({"size": [5, 6]}, "counts that are neither text nor a list of whole numbers"),
    ],
)
def test_segmentations_that_are_no_shape_are_reported(tmp_path: Path, segmentation: Any, what: str) -> None:
    one(tmp_path, drawn([SQUARE], id="good"), drawn(segmentation, id="bad"))
    (sentence,) = problems(tmp_path)
    assert sentence.startswith(f"annotation bad of a.png: {what}. ")
    assert not examined(tmp_path).records


def test_a_part_without_an_inside_is_left_out_with_a_warning(tmp_path: Path) -> None:
    one(tmp_path, drawn([[4, 4, 5, 4], SQUARE], id=8))
    assert rows(tmp_path) == FILLED
    (sentence,) = problems(tmp_path, warning=True)
    assert sentence.startswith("annotation 8 of a.png: a polygon of fewer than three points, which has no inside; this part is")


def test_polygons_outside_the_image_or_without_area_are_reported(tmp_path: Path) -> None:
    one(tmp_path, drawn([[60, 10, 70, 10, 70, 20], SQUARE], id=1), drawn([[1, 1, 2, 1, 3, 1]], id=2))
    assert rows(tmp_path) == FILLED
    remedy = "Correct it in the program that made it, or remove it from the file."
    assert problems(tmp_path, warning=True) == [
        f"annotation 1 of a.png: a polygon wholly outside the image. {remedy}",
        f"annotation 2 of a.png: a polygon with no area. {remedy}",
    ]


@pytest.mark.parametrize("empty", [{"segmentation": []}, {"segmentation": None}, {}])
def test_boxes_are_no_masks(tmp_path: Path, empty: dict[str, Any]) -> None:
    one(tmp_path, {"id": 3, "image_id": 1, "category_id": 17, "bbox": [1, 1, 2, 2], **empty})
    assert problems(tmp_path) == [
        "annotation 3 of a.png: a box without a segmentation: a box says where an object is, not which pixels are its. "
        "Draw its outline, or remove it; a data set of boxes cannot train segmentation."
    ]


def test_alike_mistakes_are_reported_together(tmp_path: Path) -> None:
    one(tmp_path, *(drawn([], bbox=[1, 1, 2, 2], id=number) for number in range(12)))
    (finding,) = findings(examined(tmp_path).problems)
    assert len(finding.files) == 12


def test_unknown_categories_get_the_line_that_adds_them(tmp_path: Path) -> None:
    one(tmp_path, drawn([SQUARE]), drawn([SQUARE], 90))
    found = [problem for problem in examined(tmp_path, classes=["background", "cat"]).problems if problem.fix]
    assert [str(problem) for problem in found] == [
        'a.png in instances.json: a label that data.coco.classes does not list: "dog". '
        "Add it to data.coco.classes, map it in data.class_map, or correct it in the files."
    ]
    assert found[0].fix
    assert (found[0].fix.key, found[0].fix.value, found[0].fix.adds) == ("data.coco.classes", "dog", True)


def test_ids_of_categories_that_are_not_listed_are_reported(tmp_path: Path) -> None:
    for category in (5, None, "x", [1], {"a": 1}, True, 1.5):
        one(tmp_path, drawn([SQUARE], category, id=1))
        (sentence,) = problems(tmp_path)
        assert sentence.startswith("annotation 1 of a.png: a category_id that the file's categories do not list. ")


def test_ids_may_be_text_or_whole_floats(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for image_id, own, category in ((1, "1", "17"), ("1", 1.0, 17.0), ("é", "é", 17)):
        save(tmp_path / "x.json", [image(image_id)], [drawn([SQUARE], category, of=own)])
        assert rows(tmp_path) == FILLED


def test_text_of_any_script_is_read_whether_escaped_or_not(tmp_path: Path) -> None:
    picture(tmp_path / "böse/写真.png")
    for ascii_only, bom in itertools.product((True, False), (b"", b"\xef\xbb\xbf")):
        content = {
            "images": [image("é", "写真.png")],
            "categories": [{"id": "ü", "name": "кот"}],
            "annotations": [drawn([SQUARE], "ü", of="é")],
        }
        (tmp_path / "x.json").write_bytes(bom + json.dumps(content, ensure_ascii=ascii_only, indent=2).encode())
        assert rows(tmp_path, classes=["background", "кот"]) == FILLED


def test_a_file_with_a_mistake_in_its_lists_is_reported(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    cases = [
        ([image(), image()], [], CATEGORIES, "a.png and a.png in x.json: two images of one id, so that annotations could"),
        ([image(), image(2)], [], CATEGORIES, "a.png: listed twice in x.json, so that"),
        ([image(), {"id": 4}, 7], [], CATEGORIES, "image number 3 of x.json: no id or no file_name"),
        (
            [image()],
            [drawn([SQUARE], of=9), {}, 4],
            CATEGORIES,
            "x.json: annotations of images that it does not list (3), the first with id ",
        ),
        ([image(width=0)], [], CATEGORIES, "a.png in x.json: a width or height that is no whole number above 0"),
        ([image(width="wide")], [], CATEGORIES, "a.png in x.json: a width or height that is no whole number above 0"),
        ([image()], [], [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], 'x.json: one category id for "a" and "b"'),
        ([image()], [], [{"id": 1}], "category 1 of x.json: no id, or no name in one line"),
        ([image()], [], [{"id": 1, "name": "a\nb"}], "category 1 of x.json: no id, or no name in one line"),
        ([image()], [], [{"name": "a"}, 5], "category number 2 of x.json: no id, or no name in one line"),
        ([image(width=12)], [], CATEGORIES, "a.png in x.json: made for an image of 12 x 5 pixels, but the image has 6 x 5"),
        ([image(width=5, height=6)], [], CATEGORIES, "a.png in x.json: made for an image of 5 x 6 pixels, but the image has 6"),
    ]
    for images, annotations, categories, start in cases:
        save(tmp_path / "x.json", images, annotations, categories)
        told = problems(tmp_path)
        assert any(sentence.startswith(start) for sentence in told), (start, told)


def test_two_categories_of_one_name_are_one_class_with_a_warning(tmp_path: Path) -> None:
    one(
        tmp_path,
        drawn([SQUARE], 1),
        drawn([[3, 2, 5, 2, 5, 4, 3, 4]], 2),
        categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}],
    )
    assert rows(tmp_path)[2] == "011111"
    assert problems(tmp_path, warning=True)[0].startswith("instances.json: categories of the same name (cat), which count as one")


def test_an_image_may_be_named_by_its_address_only(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    save(tmp_path / "x.json", [{"id": 1, "coco_url": "https://example.org/train2017/a.png"}], [drawn([SQUARE])])
    assert rows(tmp_path) == FILLED


def test_old_files_do_not_say_their_image_size(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    save(tmp_path / "x.json", [{"id": 1, "file_name": "a.png"}], [drawn([SQUARE])])
    assert rows(tmp_path) == FILLED


@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_are_turned_with_a_photo_that_was_annotated_before_its_turn(tmp_path: Path, orientation: int) -> None:
    """Pillow's own turn of the mask as it was drawn is the oracle."""
    picture(tmp_path / "a.jpg", (6, 5), orientation)
    save(tmp_path / "x.json", [image(file_name="a.jpg")], [drawn([SQUARE]), drawn([[0, 0, 1, 0, 1, 1, 0, 1]], 90)])
    lying = np.zeros((5, 6), np.uint8)
    lying[1:3, 1:4], lying[0:2, 0:2] = 1, 2
    turns = {
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    expected = Image.fromarray(lying).transpose(turns[orientation]) if orientation in turns else lying
    (record,) = examined(tmp_path).records
    assert (decode_mask(record.mask_png.read(), "") == np.asarray(expected)).all()
    warnings = problems(tmp_path, warning=True)
    assert len(warnings) == (orientation in turns)
    assert all(sentence.startswith("a.jpg: a photo whose COCO size is that before its turn by EXIF") for sentence in warnings)


def test_an_upright_photo_and_its_annotation_need_no_warning(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", (5, 6), orientation=6)
    save(tmp_path / "x.json", [image(file_name="a.jpg")], [drawn([SQUARE])])
    assert rows(tmp_path) == FILLED
    assert not problems(tmp_path, warning=True)


def test_other_json_is_named_and_left_out(tmp_path: Path) -> None:
    one(tmp_path, drawn([SQUARE]))
    save(tmp_path / "captions.json", [image()], [{"id": 1, "image_id": 1, "caption": "a cat"}])
    save(tmp_path / "panoptic.json", [image()], [{"image_id": 1, "file_name": "a.png", "segments_info": []}])
    (tmp_path / "notes.json").write_text("[1, 2]")
    (tmp_path / "shapes.json").write_text('{"shapes": []}')
    joints = [{"id": 17, "name": "cat", "keypoints": ["nose"]}]
    save(tmp_path / "person_keypoints.json", [image()], [drawn([SQUARE], keypoints=[1, 2, 2])], joints)
    assert rows(tmp_path) == FILLED
    end = "It was left out; only files of instances are read."
    assert problems(tmp_path, warning=True) == [
        f"captions.json: a JSON file of COCO's captions. {end}",
        f"notes.json: a JSON file that is not COCO's (it has no lists of images and annotations). {end}",
        f"panoptic.json: a JSON file of COCO's panoptic segments. {end}",
        f"person_keypoints.json: a JSON file of COCO's keypoints beside one of instances. {end}",
        f"shapes.json: a JSON file that is not COCO's (it has no lists of images and annotations). {end}",
    ]
    (tmp_path / "instances.json").unlink()
    assert rows(tmp_path) == FILLED  # the file of keypoints is the only one with outlines now
    (tmp_path / "person_keypoints.json").unlink()
    with pytest.raises(
        PipelineError, match=r"no COCO file of instances in it \(captions.json is a file of COCO's captions; notes.json"
    ):
        examined(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "",
        "[",
        "nul",
        '{"images": [}',
        '{"images": []} x',
        '{"images": [], "images": []}',
        "{5: 1}",
        "{[]: 1}",
        "{\x00}",
        "[" * 10**5,
        '{"a":' * 10**5,
        '{"images": [' + "9" * 5000 + "]}",
        b'{"images": [{"id": 1, "file_name": "\xff"}], "annotations": []}',
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_broken_json_is_reported(tmp_path: Path, text: str | bytes) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "x.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    first = problems(tmp_path, unannotated="skip")[0] if text != "" else problems(tmp_path)[-1]
    assert re.fullmatch(BROKEN, first)


def test_init_finds_classes_in_their_order_and_writes_them(tmp_path: Path) -> None:
    picture(tmp_path / "train/a.png")
    picture(tmp_path / "valid/a.png")
    above = {"id": 0, "name": "pets", "supercategory": "none"}
    names = [{"id": 2, "name": "ant", "supercategory": "pets"}, {"id": 1, "name": "zebra", "supercategory": "pets"}, above]
    save(tmp_path / "train/_annotations.coco.json", [image()], [drawn([SQUARE], 1)], names)
    save(tmp_path / "valid/_annotations.coco.json", [image()], [drawn([SQUARE], 1)], names)
    data = data_params(tmp_path, "masks")
    seen = inspect_folder(tmp_path, data)
    assert not seen.problems
    assert list(summary.lines(seen, "error")) == [
        f"{tmp_path}: coco",
        "  images   2, none without an entry in a COCO file",
        "  sizes    6 x 5",
        "  pixels   RGB of 8 bits (2)",
        "  classes  3, from COCO's categories: background, zebra (in 2); in no image: ant",
        "  split    given: train 1, val 1",
    ]
    assert data_settings(seen, "data/source") == {
        "data.source": "coco",
        "data.path": "data/source",
        "data.coco.classes": ("background", "zebra", "ant"),
    }


def test_init_tells_what_convert_would_refuse(tmp_path: Path) -> None:
    one(tmp_path, drawn([], bbox=[1, 1, 2, 2]), drawn([[1, 1]]))
    seen = inspect_folder(tmp_path, data_params(tmp_path, "masks"))
    assert sorted(str(problem) for problem in seen.problems) == problems(tmp_path)


def test_a_file_that_nothing_is_recognised_in_is_reported_with_its_reason(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for content, reason in (
        (
            '{"images": [}',
            "line 1, column 13 of x.json: a JSON file that is broken (Expecting value). Export it again, or remove it.",
        ),
        (
            json.dumps({"images": [], "annotations": [{"image_id": 1, "caption": "x"}]}),
            "x.json holds COCO's captions, not instances.",
        ),
        ("{}", "x.json is no JSON of labelme or of COCO's instances: it lists neither shapes nor those."),
    ):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(PipelineError) as caught:
            recognise(tmp_path)
        assert str(caught.value).splitlines()[1] == reason


def test_a_large_file_is_recognised_without_reading_it_whole(tmp_path: Path) -> None:
    one(tmp_path, *(drawn([[*SQUARE, *range(200)]]) for _ in range(1500)))
    assert (tmp_path / "instances.json").stat().st_size > 2**20
    assert recognise(tmp_path).kind == "coco"
    (tmp_path / "instances.json").write_text(json.dumps({"imageData": "x" * 2**21, "shapes": []}))
    assert recognise(tmp_path).kind == "labelme"


def test_an_item_takes_only_its_own_annotations(tmp_path: Path) -> None:
    for name in "ab":
        picture(tmp_path / f"{name}.png")
    save(tmp_path / "x.json", [image(), image(2, "b.png")], [drawn([SQUARE], id=1), drawn([SQUARE], 90, of=2, id=2)])
    first, second = coco.source(tmp_path, data_params(tmp_path, "coco", classes=CLASSES)).found.items
    assert first.annotation
    assert second.annotation
    assert [each["id"] for each in json.loads(first.annotation.read())["annotations"]] == [1]
    assert json.loads(second.annotation.read())["names"] == {"90": "dog"}


def test_many_processes_see_the_same_as_one(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(40)]
    for name in names:
        picture(tmp_path / name)
    annotations = [drawn([SQUARE], (17, 90, 3)[number % 3], of=number) for number in range(40)]
    save(tmp_path / "x.json", [image(number, name) for number, name in enumerate(names)], annotations)
    serial, parallel = examined(tmp_path), examined(tmp_path, processes=2)
    assert [(record.id, record.mask_sha256) for record in parallel.records] == [(r.id, r.mask_sha256) for r in serial.records]
    assert [str(problem) for problem in parallel.problems] == [str(problem) for problem in serial.problems]
    assert sum("category_id" in problem.problem for problem in serial.problems) == 13


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["1", "a.png", "cat", "", "6230009", "é", "\ud800", 10**400, 1e400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "image_id", "segmentation", "counts", "size", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def rather(*usual: Any) -> st.SearchStrategy[Any]:
    """Mostly what belongs there, so that the mistakes further on are reached too."""
    return st.sampled_from(usual) | st.sampled_from(usual) | st.sampled_from(usual) | ANY


IMAGES = st.lists(
    st.fixed_dictionaries({"id": rather(1, 2), "file_name": rather("a.png")}, optional={"width": rather(6), "height": rather(5)})
    | ANY,
    max_size=2,
)
RUNS = st.fixed_dictionaries({"counts": rather([30], "6230009"), "size": rather([5, 6])})
ANNOTATIONS = st.lists(
    st.fixed_dictionaries(
        {"image_id": rather(1), "category_id": rather(1), "segmentation": rather([SQUARE], [[1, 2]]) | RUNS},
        optional={"id": ANY, "iscrowd": rather(0, 1), "bbox": ANY},
    )
    | ANY,
    max_size=3,
)
NAMES = st.lists(st.fixed_dictionaries({"id": rather(1), "name": rather("cat", "dog"), "supercategory": ANY}) | ANY, max_size=3)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({"images": IMAGES | ANY, "annotations": ANNOTATIONS | ANY, "categories": NAMES | ANY}))
def test_any_json_ends_in_masks_or_in_sentences(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    root = tmp_path_factory.mktemp("any")
    picture(root / "a.png")
    (root / "x.json").write_text(json.dumps(content))
    for look_first in (True, False):
        try:
            found = inspect_folder(root, data_params(root, "masks")) if look_first else examined(root)
            assert all("\n" not in str(problem) for problem in found.problems)
        except PipelineError as error:
            assert str(error)

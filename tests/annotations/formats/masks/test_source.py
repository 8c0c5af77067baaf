"""Image and mask folders: which image belongs to which mask and part, and one sentence for each mistake."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations.formats.masks import source as masks
from segpipe.annotations.formats.masks.mask_files import MaskFiles
from segpipe.annotations.items import ItemList
from segpipe.errors import PipelineError
from segpipe.storage.byte_source import FileRange
from tests.annotations.data_params import data_params

CLASSES = ("background", "cat", "dog")
IDS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


def save(root: Path, *names: str, pixels: np.ndarray = IDS) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / name)


def pairs(root: Path, *names: str) -> None:
    save(root, *(f"images/{name}.jpg" for name in names), *(f"masks/{name}.png" for name in names))


def write_lists(root: Path, **lists: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in lists.items():
        (root / f"{name}.txt").write_text(text, encoding="utf-8")


def find(root: Path, rule: str = "error", **keys: str) -> ItemList:
    data = data_params(root, "masks", unannotated=rule, **keys)
    return masks.find(root, data.masks, data.unannotated)


def given(root: Path, rule: str = "error") -> dict[str, str]:
    """The part of each image, where nothing is wrong."""
    found = find(root, rule)
    assert all(problem.warning for problem in found.problems)
    return {item.id: item.given for item in found.items}


def problems(root: Path, rule: str = "error", **keys: str) -> list[str]:
    return [str(problem) for problem in find(root, rule, **keys).problems]


def test_images_and_masks_are_matched_by_name(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "masks/a.png", "images/deep/b.PNG", "masks/deep/b.tif", "images/c.d.bmp", "masks/c.d.bmp")
    found = find(tmp_path)
    assert all(problem.warning for problem in found.problems)
    assert [(item.id, item.source, item.annotation) for item in found.items] == [
        ("a", "images/a.jpg", FileRange(tmp_path / "masks/a.png")),
        ("c.d", "images/c.d.bmp", FileRange(tmp_path / "masks/c.d.bmp")),
        ("deep/b", "images/deep/b.PNG", FileRange(tmp_path / "masks/deep/b.tif")),
    ]


@pytest.mark.parametrize("order", ["{part}/{kind}", "{kind}/{part}"])
def test_subfolders_give_the_split_above_or_below_the_two_folders(tmp_path: Path, order: str) -> None:
    for part in ("train", "val", "test", "more"):
        save(tmp_path, *(f"{order.format(part=part, kind=kind)}/image1.png" for kind in ("images", "masks")))
    assert given(tmp_path) == {"train/image1": "train", "val/image1": "val", "test/image1": "test", "more/image1": ""}


@pytest.mark.parametrize("folder", [".", "splits"])
def test_lists_give_the_split_by_name_with_or_without_suffix(tmp_path: Path, folder: str) -> None:
    pairs(tmp_path, "a", "b", "deep/c", "d.e")
    write_lists(tmp_path / folder, train="a.jpg\r\n\r\nd.e\r\n", val="b", test=" deep\\c.jpg ", classes="background\ncat\n")
    assert given(tmp_path) == {"a": "train", "b": "val", "deep/c": "test", "d.e": "train"}


def test_lists_count_more_than_folders(tmp_path: Path) -> None:
    pairs(tmp_path, "train/a", "train/b")
    write_lists(tmp_path, train="train/a", test="train/b")
    assert given(tmp_path) == {"train/a": "train", "train/b": "test"}


def test_lists_and_folders_must_agree(tmp_path: Path) -> None:
    pairs(tmp_path, "a", "b", "c")
    write_lists(tmp_path, train="\ufeffa\nb\n", test="b\ngone\n")
    assert problems(tmp_path) == [
        "b: in the lists of test and train. Take it off one of them: no image may be in two parts.",
        "gone: named in a list but not in the folder. Add it, or take it off the list.",
        "c: in the folder but in none of its lists. Add it to train.txt, val.txt or test.txt.",
    ]


def test_images_without_a_mask_follow_the_rule(tmp_path: Path) -> None:
    pairs(tmp_path, "a")
    save(tmp_path, "images/b.jpg")
    assert problems(tmp_path) == [
        "images/b.jpg: an image without a mask. Annotate it, or set data.unannotated to skip or background."
    ]
    assert given(tmp_path, "skip") == {"a": ""}
    assert given(tmp_path, "background") == {"a": "", "b": ""}
    assert find(tmp_path, "background").items[1].annotation is None


def test_masks_without_an_image_are_refused(tmp_path: Path) -> None:
    pairs(tmp_path, "a")
    save(tmp_path, "masks/b.png")
    assert problems(tmp_path, "skip") == ["masks/b.png: a mask without an image. Add its image, or remove it."]


def test_two_masks_or_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    pairs(tmp_path, "a", "b")
    save(tmp_path, "masks/a.tif", "images/b.png")
    assert problems(tmp_path, "background") == [
        "masks/a.png and masks/a.tif: masks of one image and of the same name up to its suffix. Remove all but one of them.",
        "images/b.jpg and images/b.png: images of the same name up to its suffix. Rename or remove all but one of them.",
    ]


def test_a_folder_of_another_name_is_told_by_its_remedy(tmp_path: Path) -> None:
    save(tmp_path, "pictures/a.jpg", "masks/a.png")
    remedy = 'Put images into "images" and masks into "masks", or name your folders in data.masks.'
    assert problems(tmp_path) == [f'{tmp_path.name}: no folder "images" with images in it. {remedy}']
    assert problems(tmp_path / "splits") == [f"splits: no images in it. {remedy}"]


def test_folders_are_paths_and_the_data_path_itself(tmp_path: Path) -> None:
    save(tmp_path, "set/raw/a.jpg", "set/out/masks/a.png", "b.jpg", "masks/b.png")
    assert [item.id for item in find(tmp_path, image_dir="set/raw", mask_dir="set/out/masks").items] == ["a"]
    found = find(tmp_path / "set", image_dir="raw", mask_dir="out/masks")
    assert [(item.id, item.annotation_name) for item in found.items] == [("a", "out/masks/a.png")]
    save(tmp_path / "y", "b.jpg", "masks/b.png", "deep/c.jpg", "deep/masks/c.png")
    found = find(tmp_path / "y", image_dir=".")
    assert [(item.id, item.source, item.annotation_name) for item in found.items] == [
        ("b", "b.jpg", "masks/b.png"),
        ("deep/c", "deep/c.jpg", "deep/masks/c.png"),
    ]
    assert all(problem.warning for problem in found.problems)


def test_one_folder_needs_a_template(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "images/a_mask.png", "images/b.jpg", "images/b_mask.png", "images/c_mask.png")
    both = {"image_dir": "images", "mask_dir": "images"}
    assert problems(tmp_path, **both) == [
        f'{tmp_path.name}: data.masks.image_dir and mask_dir are both "images", so each image would be its own mask. '
        'Name the folder of the masks, or say in data.masks.template how they are called, such as "{stem}_mask".'
    ]
    found = find(tmp_path, template="{stem}_mask.png", **both)
    assert [(item.id, item.annotation_name) for item in found.items] == [("a", "images/a_mask.png"), ("b", "images/b_mask.png")]
    assert list(map(str, found.problems)) == ["images/c_mask.png: a mask without an image. Add its image, or remove it."]


def test_masks_that_differ_by_their_suffix_alone(tmp_path: Path) -> None:
    save(tmp_path, "a.jpg", "a.png", "b.jpg", "b.PNG", "c.png")
    found = find(tmp_path, template="{stem}.png", image_dir=".", mask_dir=".")
    assert [(item.source, item.annotation_name) for item in found.items] == [("a.jpg", "a.png"), ("b.jpg", "b.PNG")]
    assert [str(problem).split(".")[0] for problem in found.problems] == ["c"], "an image without a mask"


def test_names_that_differ_in_case_or_accents_are_paired_with_a_warning(tmp_path: Path) -> None:
    save(tmp_path, "images/A.JPG", "masks/a.png", "images/Caf\u00e9.png", "masks/cafe\u0301.png", "images/b.jpg", "masks/b.png")
    found = find(tmp_path)
    assert [(item.id, item.annotation_name) for item in found.items] == [
        ("A", "masks/a.png"),
        ("Caf\u00e9", "masks/cafe\u0301.png"),
        ("b", "masks/b.png"),
    ]
    assert [(problem.file, problem.warning) for problem in found.problems] == [
        ("images/A.JPG", True),
        ("images/Caf\u00e9.png", True),
    ]
    assert found.problems[0].problem == "its mask's name differs in upper and lower case only, or in how an accent is written"


def test_names_that_differ_in_case_and_are_ambiguous_are_not_paired(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "masks/a.png", "images/A_1.jpg", "masks/a_1.png", "masks/A_1.tif", "images/b_1.png")
    save(tmp_path, "masks/B_1.png", "masks/b_1.TIF", "images/C.png", "masks/c.png", "images/c.jpg")
    assert [item.id for item in find(tmp_path).items if item.annotation] == ["A_1", "a", "b_1", "c"]
    assert [sentence.split(". ")[0] for sentence in problems(tmp_path)] == [
        "masks/b_1.TIF and masks/B_1.png: by their names masks of one image, which nothing joins",
        "masks/A_1.tif and masks/a_1.png: by their names masks of one image, which nothing joins",
        "images/C.png: an image without a mask",
    ]


def test_files_that_the_template_does_not_name_are_passed_over(tmp_path: Path) -> None:
    for name in ("x_1", "x_2"):
        save(tmp_path, f"images/{name}_leftImg8bit.png", *(f"gt/{name}_gt_{kind}.png" for kind in ("color", "labelIds")))
    found = find(tmp_path, mask_dir="gt", template="{stem}_leftImg8bit > {stem}_gt_labelIds")
    assert [(item.id, item.annotation_name) for item in found.items] == [
        (f"x_{number}_leftImg8bit", f"gt/x_{number}_gt_labelIds.png") for number in (1, 2)
    ]
    assert {(problem.problem, problem.warning) for problem in found.problems} == {
        ("in the folder of masks, but not called as data.masks.template says", True)
    }


def test_a_few_odd_names_do_not_change_the_template(tmp_path: Path) -> None:
    pairs(tmp_path, "a", "b", "c")
    save(tmp_path, "images/d.jpg", "masks/d_mask.png")
    assert problems(tmp_path) == [
        "images/d.jpg: an image without a mask. Annotate it, or set data.unannotated to skip or background.",
        "masks/d_mask.png: a mask without an image. Add its image, or remove it.",
    ]


def test_keys_that_contradict_one_another_are_refused(tmp_path: Path) -> None:
    pairs(tmp_path, "a")
    for keys, sentence in (
        (
            {"values": "binary", "classes": CLASSES},
            "data.masks.values: binary means 2 classes, but data.masks.classes names 3. Correct one.",
        ),
        (
            {"values": "codes", "classes": CLASSES},
            "data.masks.codes: has 2 entries for the 3 of data.masks.classes. "
            "Write one for each class, in the same order; a class called __ignore__ is ignored.",
        ),
        (
            {"values": "codes", "codes": ["7", "7 7 7"]},
            "data.masks.codes: 7 stands there twice. Give each class a value of its own.",
        ),
        (
            {"values": "codes", "codes": ["red", 0]},
            'data.masks.codes: "red" is no value of a mask. Write a number such as 7, or a colour as 255 0 0.',
        ),
    ):
        with pytest.raises(PipelineError) as caught:
            masks.source(tmp_path, data_params(tmp_path, "masks", **keys))
        assert str(caught.value) == sentence


BY_CLASS = {"template": "{stem}_{class}", "values": "binary", "classes": ("background", "cat", "dog")}


def layered(root: Path, rule: str = "error", **keys: Any) -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    """The names and classes of each image's masks, and what is told."""
    found = masks.source(root, data_params(root, "masks", unannotated=rule, **keys)).found
    own = {
        item.id: [(each.name, each.class_name) for each in item.annotation.files]
        if isinstance(item.annotation, MaskFiles)
        else [(item.annotation_name, "")]
        for item in found.items
    }
    return own, [str(problem) for problem in found.problems]


def test_every_mask_of_an_image_is_taken_with_its_class(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "masks/a_cat.png", "masks/a_dog.png", "images/b.jpg", "masks/b_dog.tif")
    save(tmp_path, "images/c.jpg")
    own, told = layered(tmp_path, "background", **BY_CLASS)
    assert own == {
        "a": [("masks/a_cat.png", "cat"), ("masks/a_dog.png", "dog")],
        "b": [("masks/b_dog.tif", "dog")],
        "c": [("", "")],
    }
    assert told == []


def test_folders_of_classes_may_stand_above_and_below_the_parts(tmp_path: Path) -> None:
    save(tmp_path, "images/train/a.jpg", "masks/train/cat/a.png", "masks/dog/train/a.png")
    own, told = layered(tmp_path, **BY_CLASS | {"template": "{class}/{stem}"})
    assert own == {"train/a": [("masks/dog/train/a.png", "dog"), ("masks/train/cat/a.png", "cat")]}
    assert told == []


def test_parts_of_one_mask_are_taken_together(tmp_path: Path) -> None:
    save(tmp_path, "b/x (1).png", "b/x (1)_mask.png", "b/x (1)_mask_1.png", "b/x (10).png", "b/x (10)_mask.png")
    own, told = layered(tmp_path, image_dir=".", mask_dir=".", template="{stem}_mask{part}")
    assert own == {
        "b/x (1)": [("b/x (1)_mask.png", ""), ("b/x (1)_mask_1.png", "")],
        "b/x (10)": [("b/x (10)_mask.png", "")],
    }
    assert told == []


def test_a_class_that_no_key_names_is_reported_with_its_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "x", f"images/{name}.jpg", f"masks/{name}_cat.png")
        save(tmp_path / "y", f"{name}.jpg", f"{name}_cat.png")
    save(tmp_path / "x", "masks/a_cow.png")
    save(tmp_path / "y", "a_cow.png")
    remedy = 'by its name a mask of "cow", no class of data.masks.classes. Name the class there, or remove the file.'
    assert layered(tmp_path / "x", **BY_CLASS)[1] == [f"masks/a_cow.png: {remedy}"]
    assert layered(tmp_path / "y", image_dir=".", mask_dir=".", **BY_CLASS)[1] == [f"a_cow.png: {remedy}"]


def test_a_photo_beside_masks_of_classes_is_an_image(tmp_path: Path) -> None:
    save(tmp_path, "a.jpg", "a_cat.png", "a_small.jpg")
    own, told = layered(tmp_path, "background", image_dir=".", mask_dir=".", **BY_CLASS)
    assert own == {"a": [("a_cat.png", "cat")], "a_small": [("", "")]}
    assert told == []


def test_a_name_that_fits_two_images_is_reported(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "images/a_big.jpg", "masks/a_big_cat.png", "masks/a_cat.png")
    own, told = layered(tmp_path, "skip", **BY_CLASS | {"classes": ("background", "cat", "big_cat")})
    assert own == {"a": [("masks/a_cat.png", "cat")]}
    assert told[0] == (
        "masks/a_big_cat.png: its name fits a, class big_cat and a_big, class cat. "
        "Rename it, or list the pairs in a file that data.masks.pairs names."
    )


def test_two_files_of_one_class_or_part_are_reported_together(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "masks/a_cat.png", "masks/a_cat.tif")
    same = "masks of one image and of the same name up to its suffix. Remove all but one of them."
    assert layered(tmp_path, **BY_CLASS)[1] == [f"masks/a_cat.png and masks/a_cat.tif: {same}"]
    assert layered(tmp_path, template="{stem}_cat{part}")[1] == [f"masks/a_cat.png and masks/a_cat.tif: {same}"]
    save(tmp_path / "x", "images/train/a.jpg", "masks/cat/train/a.png", "masks/train/cat/a.png")
    assert layered(tmp_path / "x", **BY_CLASS | {"template": "{class}/{stem}"})[1] == [
        "masks/cat/train/a.png and masks/train/cat/a.png: masks of one image and of the same name. Remove all but one of them."
    ]


def test_one_more_mask_of_an_image_is_reported_with_the_first_and_the_line_that_joins_them(tmp_path: Path) -> None:
    save(tmp_path / "x", "a.png", "a_mask.png", "a_mask_1.png", "b.png", "b_mask.png", "c.png")
    save(tmp_path / "y", "images/a.jpg", "masks/a_mask.png", "masks/a_mask_1.png", "images/b.jpg", "masks/b_mask.png")
    joined = "by their names masks of one image, which nothing joins. "
    joined += "To join them, let data.masks.template say so; or remove all but one."
    one = masks.source(tmp_path / "x", data_params(tmp_path / "x", "masks", image_dir=".", mask_dir=".", template="{stem}_mask"))
    further, alone = one.found.problems
    assert str(further) == f"a_mask.png and a_mask_1.png: {joined}"
    assert [(fix.key, fix.value) for fix in further.fixes] == [("data.masks.template", "{stem}_mask{part}")]
    assert alone.file == "c.png"
    two = masks.source(tmp_path / "y", data_params(tmp_path / "y", "masks", template="{stem}_mask")).found
    assert [str(each) for each in two.problems] == [f"masks/a_mask.png and masks/a_mask_1.png: {joined}"]


def test_one_more_mask_that_may_be_anything_is_reported_without_a_line(tmp_path: Path) -> None:
    pairs(tmp_path, "a", "b", "c")
    save(tmp_path, "masks/a_dog.png", "masks/b_1.png")
    found = masks.source(tmp_path, data_params(tmp_path, "masks")).found
    remedy = (
        "Remove all but one, add the images that they belong to, or list all masks with their classes in pairs.csv in this "
        "folder (columns image, mask, class), and give the command again."
    )
    assert [(str(each), each.fixes) for each in found.problems] == [
        (f"masks/a.png and masks/a_dog.png: by their names masks of one image, which nothing joins. {remedy}", ()),
        (f"masks/b.png and masks/b_1.png: by their names masks of one image, which nothing joins. {remedy}", ()),
    ]


def test_masks_that_all_tell_a_class_are_reported_with_the_lines_that_read_them(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path, f"images/{name}.jpg", f"masks/{name}_cat.png", f"masks/{name}_dog.png")
    found = masks.source(tmp_path, data_params(tmp_path, "masks")).found
    assert len(found.problems) == 6
    assert str(found.problems[0]) == (
        "masks/a_cat.png: a mask of one class, as its name says, where each image has several: cat, dog. "
        "Let data.masks.template say how masks are called."
    )
    assert [(fix.key, fix.value) for fix in found.problems[0].fixes] == [
        ("data.masks.template", "{stem}_{class}"),
        ("data.masks.classes", ("background", "cat", "dog")),
        ("data.masks.values", "binary"),
    ]


def test_masks_that_leave_open_what_they_are_are_reported_without_a_line(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path, f"images/{name}.jpg", f"masks/{name}_cat.png", f"masks/{name}_cat2.png")
    found = masks.source(tmp_path, data_params(tmp_path, "masks")).found
    assert {each.fixes for each in found.problems} == {()}
    assert found.problems[0].problem == (
        "its images have masks that are called in several ways: {stem}_cat (3), {stem}_cat2 (3); a_cat and a_cat2 are of a"
    )
    assert "Let data.masks.template be {stem}_{class} (each is of one class) or " in found.problems[0].remedy


def test_masks_of_classes_whose_names_differ_in_case_are_paired_with_a_warning(tmp_path: Path) -> None:
    save(tmp_path, "images/A.jpg", "masks/a_cat.png", "masks/a_dog.png", "images/b.jpg", "masks/b_cat.png")
    own, told = layered(tmp_path, **BY_CLASS)
    assert own["A"] == [("masks/a_cat.png", "cat"), ("masks/a_dog.png", "dog")]
    assert [sentence.partition(":")[0] for sentence in told] == ["images/A.jpg"]


def test_a_star_stands_for_the_part_in_the_names_of_folders(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        save(tmp_path, f"{part}/1.png", f"{part}annot/1.png")
    found = find(tmp_path, image_dir=".", mask_dir="*annot")
    assert found.problems == ()
    assert [(item.id, item.annotation_name, item.given) for item in found.items] == [
        (f"{part}/1", f"{part}annot/1.png", part) for part in ("test", "train", "val")
    ]

"""Which layout a folder has, and what is said where none or several fit."""

import json
from pathlib import Path

import pytest

from segpipe.annotations.detect.infer_classes import VOC
from segpipe.annotations.detect.layout import EXPECTED, Layout, recognise
from segpipe.errors import PipelineError


def touch(root: Path, *names: str) -> None:
    """Files without content: the layout follows from names, and from the JSON that `shapes` writes."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def shapes(root: Path, *names: str) -> None:
    for name in names:
        touch(root, name)
        (root / name).write_text(json.dumps({"shapes": []}))


def refusal(root: Path, *arguments: str | None) -> str:
    with pytest.raises(PipelineError) as caught:
        recognise(root, *arguments)  # type: ignore[arg-type]
    return str(caught.value)


VOC_FILES = ("JPEGImages/a.jpg", "SegmentationClass/a.png", "ImageSets/Segmentation/train.txt", "ImageSets/Segmentation/val.txt")


@pytest.mark.parametrize(
    ("image", "mask", "image_dir", "mask_dir"),
    [
        ("images/a.jpg", "masks/a.png", "images", "masks"),
        ("train/images/a.jpg", "train/masks/a.png", "images", "masks"),
        ("images/train/a.jpg", "labels/train/a.png", "images", "labels"),
        ("leftImg8bit/val/city/a.png", "labelIds/val/city/a.png", "leftImg8bit", "labelIds"),
        ("Img/a.tif", "GT/a.tif", "Img", "GT"),
        ("photos/a.jpg", "annotations/a.png", "photos", "annotations"),
        ("images/a.jpg", "veins/a.png", "images", "veins"),
        ("eyes/a.jpg", "mask/a.png", "eyes", "mask"),
        ("images/a.jpg", "masks/a.jpg", "images", "masks"),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png", "JPEGImages", "SegmentationClass"),
        ("one/images/a.jpg", "one/masks/a.png", "images", "masks"),
    ],
)
def test_two_folders_with_the_same_names_below_them_are_images_and_masks(
    tmp_path: Path, image: str, mask: str, image_dir: str, mask_dir: str
) -> None:
    touch(tmp_path, image, mask)
    assert recognise(tmp_path) == Layout("masks", image_dir, mask_dir)


def test_folders_that_hold_something_else_do_not_confuse(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b.png", "depth/a.png", "depth/b.png", "preview/a.jpg")
    assert recognise(tmp_path) == Layout("masks", "images", "masks")


def test_a_few_stray_masks_do_not_confuse(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/{number}.png" for folder in ("images", "masks") for number in range(5)), "gt/1.png", "gt/2.png")
    assert recognise(tmp_path) == Layout("masks", "images", "masks")


def test_json_with_shapes_is_labelme(tmp_path: Path) -> None:
    shapes(tmp_path, "train/a.json", "test/b.json")
    touch(tmp_path, "train/a.jpg", "test/a.jpg", "test/b.jpg")
    (tmp_path / "about.json").write_text("{}")
    assert recognise(tmp_path) == Layout("labelme")


def test_lists_of_segmentation_are_voc(tmp_path: Path) -> None:
    touch(tmp_path / "VOCdevkit/VOC2012", *VOC_FILES)
    assert recognise(tmp_path) == Layout("voc")
    assert recognise(tmp_path / "VOCdevkit/VOC2012") == Layout("voc")
    touch(tmp_path, "x/voc.tar")
    assert recognise(tmp_path / "x/voc.tar") == Layout("voc")
    assert recognise(tmp_path / "x") == Layout("voc")


def test_several_that_fit_are_named_and_a_word_decides(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png")
    shapes(tmp_path, "images/a.json")
    assert refusal(tmp_path) == (f"{tmp_path}: fits several layouts (labelme; masks (images and masks)). Say which, with --kind.")
    assert recognise(tmp_path, "labelme") == Layout("labelme")
    assert recognise(tmp_path, "masks") == Layout("masks", "images", "masks")


def test_two_mask_folders_that_fit_are_named_and_two_words_decide(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png", "labels/a.png")
    for kind in (None, "masks"):
        assert refusal(tmp_path, kind) == (
            f"{tmp_path}: fits several layouts (masks (images and labels); masks (images and masks)). "
            "Say which folders, with --image-dir NAME --mask-dir NAME."
        )
    assert recognise(tmp_path, None, "images", "labels") == Layout("masks", "images", "labels")
    alone = "--image-dir and --mask-dir belong together, and like --template to --kind masks."
    assert refusal(tmp_path, "masks", "images") == alone
    assert refusal(tmp_path, "labelme", "images", "masks") == alone


def test_an_empty_folder_is_told_what_is_expected(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: an empty folder.\n{EXPECTED}"


def test_images_alone_are_told_what_is_expected(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "deep/b.JPG", "readme")
    assert refusal(tmp_path) == (
        f"{tmp_path}: no annotated images in it. Found 2 .jpg, 1 without suffix in the folders deep.\n{EXPECTED}"
    )
    assert refusal(tmp_path, "voc").startswith(f"{tmp_path}: nothing of the kind voc in it. Found 2 .jpg, ")


def test_parts_with_the_same_names_are_no_images_and_masks(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "test/1.jpg", "p1/1.png", "p2/1.png")
    assert "no annotated images" in refusal(tmp_path)


def test_json_of_another_kind_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "instances.json").write_text(json.dumps({"images": [], "categories": []}))
    assert refusal(tmp_path).splitlines()[1] == (
        "instances.json is no JSON of labelme or of COCO's instances: it lists neither shapes nor those."
    )


def test_masks_that_no_rule_leads_to_are_reported(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "masks/x.png", "masks/y.png")
    assert refusal(tmp_path).splitlines()[1] == (
        "images/a.jpg and masks/x.png: no rule leads from the images' names to the masks'. Pair them in pairs.csv."
    )


@pytest.mark.parametrize(
    ("files", "layout"),
    [
        (["images/{}.jpg", "masks/{}_mask.png"], Layout("masks", "images", "masks", "{stem}_mask")),
        (["frames/{}.jpg", "labels_png/{}_GT.png"], Layout("masks", "frames", "labels_png", "{stem}_GT")),
        (["{}.jpg", "{}-mask.png"], Layout("masks", ".", ".", "{stem}-mask")),
        (["{}.jpg", "{}_binary_mask.png"], Layout("masks", ".", ".", "{stem}_binary_mask")),
        (["{}.tif", "mask_{}.tif"], Layout("masks", ".", ".", "mask_{stem}")),
        (["{}.jpg", "masks/{}.png", "readme.txt"], Layout("masks", ".", "masks")),
        (["images/{}.jpg", "annotations/trimaps/{}.png"], Layout("masks", "images", "annotations/trimaps")),
        (["all/{}.jpeg", "all/{}.png"], Layout("masks", ".", ".", "{stem}.png")),
    ],
)
def test_masks_of_other_names_are_recognised(tmp_path: Path, files: list[str], layout: Layout) -> None:
    touch(tmp_path, *(file.format(name) for file in files for name in ("one", "two", "3")))
    assert recognise(tmp_path) == layout


def test_two_folders_by_name_get_their_template(tmp_path: Path) -> None:
    touch(tmp_path, "left/1.jpg", "left/2.jpg", "right/1.m.png", "right/2.m.png")
    assert recognise(tmp_path, None, "left", "right") == Layout("masks", "left", "right", "{stem}.m")


def test_a_list_of_pairs_goes_before_folders(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png")
    (tmp_path / "pairs.csv").write_text("\ufeffimage\tmask\n")
    assert recognise(tmp_path) == Layout("masks", ".", ".", pairs="pairs.csv")
    (tmp_path / "pairs.csv").write_text("a,b\n")
    assert recognise(tmp_path) == Layout("masks", "images", "masks")


def test_a_voc_tree_is_read_as_masks_where_a_word_says_so(tmp_path: Path) -> None:
    touch(tmp_path, *VOC_FILES)
    assert recognise(tmp_path, "masks") == Layout("masks", "JPEGImages", "SegmentationClass")


def test_links_to_folders_are_reported(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "a.jpg")
    touch(tmp_path / "data", "masks/a.png")
    (tmp_path / "data/images").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert "images: links to folders are not followed." in refusal(tmp_path / "data").splitlines()


CVAT = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbone:255,0,204::\ncartilage:0,255,133::\n"


def cvat(root: Path, labelmap: str = CVAT, lists: str = "default") -> None:
    """The files of CVAT's export "Segmentation mask 1.1"."""
    touch(root, "JPEGImages/a.jpg", "SegmentationClass/a.png", "SegmentationObject/a.png")
    touch(root, f"ImageSets/Segmentation/{lists}.txt")
    (root / "labelmap.txt").write_text(labelmap)


@pytest.mark.parametrize("lists", ["default", "Train", "train"])
def test_a_voc_tree_in_colours_of_its_own_is_read_as_masks(tmp_path: Path, lists: str) -> None:
    cvat(tmp_path, lists=lists)
    assert recognise(tmp_path) == Layout("masks", "JPEGImages", "SegmentationClass")
    assert recognise(tmp_path, "voc") == Layout("voc")


@pytest.mark.parametrize(
    "labelmap",
    ["item {\n  id: 1\n  name: 'cat'\n}\n", "".join(f"{name}:{at},0,0::\n" for at, name in enumerate(VOC))],
)
def test_a_labelmap_of_another_program_or_of_vocs_own_classes_changes_nothing(tmp_path: Path, labelmap: str) -> None:
    cvat(tmp_path, labelmap, "train")
    assert recognise(tmp_path) == Layout("voc")


def test_a_tree_in_colours_that_lies_deeper_is_named(tmp_path: Path) -> None:
    cvat(tmp_path / "task/export")
    touch(tmp_path, "notes.txt")
    assert refusal(tmp_path) == (
        f"{tmp_path}: in task/export lies a VOC tree in the colours of its labelmap.txt. Give that folder: {tmp_path}/task/export"
    )

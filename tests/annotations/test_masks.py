"""Image and mask folders: which image belongs to which mask and part, and one sentence for each mistake."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations import masks
from segpipe.annotations.items import Item
from segpipe.errors import DataError
from segpipe.place import Place

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


def given(root: Path, rule: str = "error") -> dict[str, str]:
    """The part of each image, where nothing is wrong."""
    found = masks.find(root, "images", "masks", rule)
    assert not found.problems
    return {item.id: item.given for item in found.items}


def problems(root: Path, rule: str = "error") -> list[str]:
    return [str(problem) for problem in masks.find(root, "images", "masks", rule).problems]


def read(path: Path, ignore_index: int = 255, size: tuple[int, int] = (3, 2)) -> list[list[int]]:
    item = Item("a", "images/a.jpg", Place(path), Place(path))
    return masks.mask_of(item, *size, CLASSES, ignore_index).tolist()


def refusal(path: Path, ignore_index: int = 255, size: tuple[int, int] = (3, 2)) -> str:
    with pytest.raises(DataError) as caught:
        read(path, ignore_index, size)
    return str(caught.value)


def test_images_and_masks_are_matched_by_name(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "masks/a.png", "images/deep/b.PNG", "masks/deep/b.tif", "images/c.d.bmp", "masks/c.d.bmp")
    found = masks.find(tmp_path, "images", "masks", "error")
    assert not found.problems
    assert [(item.id, item.source, item.annotation) for item in found.items] == [
        ("a", "images/a.jpg", Place(tmp_path / "masks/a.png")),
        ("c.d", "images/c.d.bmp", Place(tmp_path / "masks/c.d.bmp")),
        ("deep/b", "images/deep/b.PNG", Place(tmp_path / "masks/deep/b.tif")),
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
        "images/b.jpg: an image without a mask. Annotate it, or set data.masks.unannotated to skip or background."
    ]
    assert given(tmp_path, "skip") == {"a": ""}
    assert given(tmp_path, "background") == {"a": "", "b": ""}
    item = masks.find(tmp_path, "images", "masks", "background").items[1]
    assert masks.mask_of(item, 3, 2, CLASSES, 255).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_masks_without_an_image_are_refused(tmp_path: Path) -> None:
    pairs(tmp_path, "a")
    save(tmp_path, "masks/b.png")
    assert problems(tmp_path, "skip") == ["masks/b.png: a mask without an image. Add its image, or remove it."]


def test_two_masks_or_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    pairs(tmp_path, "a", "b")
    save(tmp_path, "masks/a.tif", "images/b.png")
    assert problems(tmp_path, "background") == [
        "masks/a.tif: another mask has the same name up to its suffix. Remove one of the two.",
        "images/b.jpg: another image has the same name up to its suffix. Rename or remove one of the two.",
        "images/b.png: another image has the same name up to its suffix. Rename or remove one of the two.",
    ]


def test_a_folder_of_another_name_is_told_by_its_remedy(tmp_path: Path) -> None:
    save(tmp_path, "pictures/a.jpg", "masks/a.png")
    remedy = 'Put images into "images" and masks into "masks", or name your folders in data.masks.'
    assert problems(tmp_path) == [f'{tmp_path.name}: no folder "images" with images in it. {remedy}']
    assert problems(tmp_path / "splits") == [f"splits: no images in it. {remedy}"]


def test_a_palette_mask_gives_its_indices(tmp_path: Path) -> None:
    image = Image.fromarray(IDS, "P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png") == IDS.tolist()


def test_the_ignored_value_becomes_255(tmp_path: Path) -> None:
    save(tmp_path, "a.png", pixels=np.array([[0, 1, 255], [2, 255, 0]], np.uint8))
    save(tmp_path, "b.png", pixels=np.array([[0, 1, 3], [2, 3, 0]], np.uint8))
    save(tmp_path, "c.png", pixels=np.array([[0, 1, 65535], [2, 65535, 0]], np.uint16))
    save(tmp_path, "d.png", pixels=np.array([[9, 1, 0], [2, 0, 9]], np.uint8))
    expected = [[0, 1, 255], [2, 255, 0]]
    assert read(tmp_path / "a.png") == expected
    assert read(tmp_path / "b.png", ignore_index=3) == expected
    assert read(tmp_path / "c.png", ignore_index=65535) == expected
    assert read(tmp_path / "d.png", ignore_index=9) == [[255, 1, 0], [2, 0, 255]]


def test_without_the_ignored_value_nothing_is_ignored(tmp_path: Path) -> None:
    save(tmp_path, "a.png")
    assert read(tmp_path / "a.png", ignore_index=255) == IDS.tolist()


def test_ids_of_16_bits_are_read_as_they_are(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif"):
        save(tmp_path, name, pixels=IDS.astype(np.uint16))
        assert read(tmp_path / name) == IDS.tolist()


def test_values_that_are_no_class_are_listed(tmp_path: Path) -> None:
    remedy = "The classes are 0 to 2. Name all classes in params.yaml, or correct the mask."
    save(tmp_path, "a.png", pixels=np.array([[0, 3, 7], [2, 254, 255]], np.uint8))
    assert refusal(tmp_path / "a.png") == f"mask of images/a.jpg: values that are no class: 3, 7, 254. {remedy}"
    assert refusal(tmp_path / "a.png", ignore_index=7) == f"mask of images/a.jpg: values that are no class: 3, 254, 255. {remedy}"
    save(tmp_path, "b.png", pixels=np.arange(300, dtype=np.uint16).reshape(2, 150) * 3)
    sentence = refusal(tmp_path / "b.png", size=(150, 2))
    assert sentence == f"mask of images/a.jpg: values that are no class: 3, 6, 9, 12, 15, 18, 21, 24 and 290 more. {remedy}"


def test_a_value_of_16_bits_is_never_taken_for_its_lower_8(tmp_path: Path) -> None:
    save(tmp_path, "a.png", pixels=np.array([[0, 257, 0], [0, 511, 0]], np.uint16))
    assert "no class: 257, 511." in refusal(tmp_path / "a.png")


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "a.png")
    assert refusal(tmp_path / "a.png", size=(2, 3)) == (
        "mask of images/a.jpg: 3 x 2 pixels, but the image has 2 x 3. Make the mask again from the image it belongs to."
    )


def test_jpeg_and_colour_masks_are_found_and_refused(tmp_path: Path) -> None:
    save(tmp_path, "images/a.jpg", "masks/a.jpg")
    save(tmp_path, "images/b.jpg", "masks/b.png", pixels=np.dstack([IDS] * 3))
    found = masks.find(tmp_path, "images", "masks", "error")
    assert not found.problems
    sentences = []
    for item in found.items:
        with pytest.raises(DataError) as caught:
            masks.mask_of(item, 3, 2, CLASSES, 255)
        sentences.append(str(caught.value))
    assert sentences == [
        "mask of images/a.jpg: a mask saved as JPEG, which changes class ids. Save masks as PNG.",
        "mask of images/b.jpg: a mask of mode RGB and not one channel of class ids. "
        "Save one 8- or 16-bit channel, a pixel's value being the id of its class.",
    ]

"""PASCAL VOC: a folder and the tar of it give the same, and what the lists name must be there."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations import voc
from segpipe.annotations.items import Item
from segpipe.errors import PipelineError

CLASSES = ("background", "cat", "dog")


def tree(root: Path, train: str = "2007_1 2007_2", val: str = "2007_3") -> Path:
    """A VOC tree with an image for each name of the lists, and one that no list names."""
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate([*train.split(), *val.split(), "2007_9"]):
        Image.new("RGB", (4, 3), (number, 0, 0)).save(root / "JPEGImages" / f"{name}.jpg")
        ids = np.full((3, 4), number % 3, np.uint8)
        ids[0, 0] = 255
        mask = Image.fromarray(ids, "P")
        mask.putpalette([*[0, 0, 0, 128, 0, 0, 0, 128, 0], *[0] * 759])
        mask.save(root / "SegmentationClass" / f"{name}.png")
    (root / "ImageSets/Segmentation/train.txt").write_text("\n".join(train.split()) + "\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("\r\n".join(val.split()) + "\r\n")
    (root / "ImageSets/Main/train.txt").write_text("2007_9\n")
    return root


def packed(folder: Path, archive: Path, mode: str = "w") -> Path:
    with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
        tar.add(folder, arcname=".")
    return archive


def content(item: Item) -> tuple[str, str, str, bytes, list[list[int]]]:
    """All that convert will make of an item, wherever it lies."""
    return item.id, item.source, item.given, item.image.read(), voc.mask_of(item, 4, 3, CLASSES).tolist()


def test_the_train_list_is_free_and_the_val_list_is_the_test_part(tmp_path: Path) -> None:
    found = voc.find(tree(tmp_path / "VOCdevkit" / "VOC2007"))
    assert not found.problems
    assert [(item.id, item.source, item.given) for item in found.items] == [
        ("2007_1", "JPEGImages/2007_1.jpg", ""),
        ("2007_2", "JPEGImages/2007_2.jpg", ""),
        ("2007_3", "JPEGImages/2007_3.jpg", "test"),
    ]


def test_void_is_ignored_and_palettes_give_ids(tmp_path: Path) -> None:
    items = voc.find(tree(tmp_path)).items
    assert voc.mask_of(items[1], 4, 3, CLASSES).tolist() == [[255, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]


def test_a_folder_a_tar_and_a_folder_with_the_tar_give_the_same(tmp_path: Path) -> None:
    devkit = tmp_path / "download"
    tree(devkit / "VOCdevkit" / "VOC2007")
    (tmp_path / "data").mkdir()
    archive = packed(devkit, tmp_path / "data" / "VOC2007.tar")
    expected = [content(item) for item in voc.find(devkit).items]
    assert len(expected) == 3
    for root in (devkit / "VOCdevkit" / "VOC2007", archive, archive.parent):
        found = voc.find(root)
        assert not found.problems
        assert [content(item) for item in found.items] == expected


def test_listed_but_missing_files_are_told(tmp_path: Path) -> None:
    tree(tmp_path, train="a b c d", val="d e")
    (tmp_path / "JPEGImages/a.jpg").unlink()
    (tmp_path / "SegmentationClass/b.png").unlink()
    found = voc.find(tmp_path)
    assert [item.id for item in found.items] == ["c", "d", "e"]
    assert [str(problem) for problem in found.problems] == [
        "a: listed in train.txt but not in JPEGImages. Add the file, or take it off the list.",
        "b: listed in train.txt but not in SegmentationClass. Add the file, or take it off the list.",
        "d: listed twice in train.txt and val.txt. Take it off one of them.",
    ]


@pytest.mark.parametrize("name", ["train", "val"])
def test_both_lists_are_needed(tmp_path: Path, name: str) -> None:
    tree(tmp_path)
    (tmp_path / f"ImageSets/Segmentation/{name}.txt").unlink()
    (tmp_path / "ImageSets/Segmentation/trainval.txt").touch()
    with pytest.raises(PipelineError) as caught:
        voc.find(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: ImageSets/Segmentation/{name}.txt is not there. A VOC tree needs the lists train.txt and val.txt."
    )


def test_a_folder_without_or_with_two_trees_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as none:
        voc.find(tmp_path)
    assert str(none.value) == (
        f"{tmp_path}: no VOC tree in it. Expected JPEGImages, SegmentationClass and ImageSets/Segmentation."
    )
    tree(tmp_path / "VOC2007")
    tree(tmp_path / "VOC2012")
    with pytest.raises(PipelineError) as two:
        voc.find(tmp_path)
    assert str(two.value) == f"{tmp_path}: holds several VOC trees (VOC2007, VOC2012). Let data.path name one of them."


def test_a_compressed_or_damaged_tar_is_refused(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(b"not a tar" * 200)
    for archive in (packed(folder, tmp_path / "voc.tar", "w:gz"), damaged):
        with pytest.raises(PipelineError) as caught:
            voc.find(archive)
        assert str(caught.value).startswith(f"{archive}: no archive that can be unpacked, or a damaged one. ")
        assert str(caught.value).endswith("Expected an uncompressed tar.")

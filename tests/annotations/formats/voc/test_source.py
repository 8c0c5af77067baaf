"""PASCAL VOC: a folder and the tar of it give the same, and what the lists name must be there."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations.formats.voc import source as voc
from segpipe.annotations.items import AnnotationSummary, Item, Source
from segpipe.errors import PipelineError
from segpipe.images import palette
from tests.annotations.data_params import data_params

CLASSES = ("background", "cat", "dog")


def tree(root: Path, train: str = "2007_1 2007_2", val: str = "2007_3") -> Path:
    """A VOC tree with an image and a mask for each name of the lists, and an image that has no mask and is in no list."""
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate([*train.split(), *val.split(), "2007_9"]):
        Image.new("RGB", (4, 3), (number, 0, 0)).save(root / "JPEGImages" / f"{name}.jpg")
        ids = np.full((3, 4), number % 3, np.uint8)
        ids[0, 0] = 255
        mask = Image.fromarray(ids, "P")
        mask.putpalette([*[0, 0, 0, 128, 0, 0, 0, 128, 0], *[0] * 759])
        mask.save(root / "SegmentationClass" / f"{name}.png")
    (root / "SegmentationClass/2007_9.png").unlink()
    (root / "ImageSets/Segmentation/train.txt").write_text("\n".join(train.split()) + "\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("\r\n".join(val.split()) + "\r\n")
    (root / "ImageSets/Main/train.txt").write_text("2007_9\n")
    return root


def packed(folder: Path, archive: Path, mode: str = "w") -> Path:
    with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
        tar.add(folder, arcname=".")
    return archive


def contents(root: Path) -> list[tuple[str, str, str, bytes, list[list[int]]]]:
    """All that convert will make of each item, wherever it lies."""
    source = voc.source(root, data_params(root, "voc", classes=CLASSES))
    assert not source.found.problems
    return [(item.id, item.source, item.given, item.image.read(), mask_of(source, item)) for item in source.found.items]


def mask_of(source: Source, item: Item) -> list[list[int]]:
    annotated = source.read(item, 4, 3)
    assert annotated.mask is not None
    return annotated.mask.tolist()


def test_the_train_list_is_free_and_the_val_list_is_the_test_part(tmp_path: Path) -> None:
    found = voc.find(tree(tmp_path / "VOCdevkit" / "VOC2007"))
    assert not found.problems
    assert [(item.id, item.source, item.given) for item in found.items] == [
        ("2007_1", "JPEGImages/2007_1.jpg", ""),
        ("2007_2", "JPEGImages/2007_2.jpg", ""),
        ("2007_3", "JPEGImages/2007_3.jpg", "test"),
    ]


def test_void_is_ignored_and_palettes_give_ids(tmp_path: Path) -> None:
    assert contents(tree(tmp_path))[1][-1] == [[255, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]


def test_a_folder_a_tar_and_a_folder_with_the_tar_give_the_same(tmp_path: Path) -> None:
    devkit = tmp_path / "download"
    tree(devkit / "VOCdevkit" / "VOC2007")
    (tmp_path / "data").mkdir()
    archive = packed(devkit, tmp_path / "data" / "VOC2007.tar")
    expected = contents(devkit)
    assert len(expected) == 3
    for root in (devkit / "VOCdevkit" / "VOC2007", archive, archive.parent):
        assert contents(root) == expected


def test_listed_but_missing_files_are_reported(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("lists", "given"),
    [
        ({"train": "a b", "val": "c"}, {"a": "", "b": "", "c": "test"}),
        ({"train": "a b", "val": "c", "trainval": "a b c"}, {"a": "", "b": "", "c": "test"}),
        ({"trainval": "a\nb"}, {"a": "", "b": ""}),
        ({"trainval": "a b", "val": "b"}, {"a": "", "b": "test"}),
        ({"train": "", "trainval": "a b c", "val": "b"}, {"a": "", "b": "test", "c": ""}),
        ({"trainval": "a b c", "val": "b c", "train": "\n\n"}, {"a": "", "b": "test", "c": "test"}),
        ({"train": "a", "trainval": "a b c"}, {"a": "", "b": "test", "c": "test"}),
        ({"train": "a b", "trainval": "a b c", "val": ""}, {"a": "", "b": "", "c": "test"}),
        ({"train": "a", "trainval": "a b c", "val": "b"}, {"a": "", "b": "test", "c": ""}),
        ({"train": "a b", "trainval": "a b"}, {"a": "", "b": ""}),
        ({"trainval": "a b", "test": "c"}, {"a": "", "b": "", "c": "test"}),
        ({"train": "a", "test": "c"}, {"a": "", "c": "test"}),
        ({"trainval": "a b", "val": "b", "test": "c"}, {"a": "train", "b": "val", "c": "test"}),
        ({"Train": "a", "Validation": "b"}, {"a": "", "b": "test"}),
        ({"default": "a b c"}, {"a": "", "b": "", "c": ""}),
        ({"train": "a", "default": "a b c"}, {"a": ""}),
        ({"default": "a b", "val": ""}, {"a": "", "b": ""}),
        ({"train": "a b"}, {"a": "", "b": ""}),
        ({"train": "a", "val": "b", "test": "c"}, {"a": "train", "b": "val", "c": "test"}),
        ({"train": "a", "val": "b", "test": "x y"}, {"a": "", "b": "test"}),  # VOC's own test has no masks
        ({"train": "\ufeffa.jpg\nb  1", "val": "JPEGImages/c.jpg"}, {"a": "", "b": "", "c": "test"}),
    ],
)
def test_any_lists_that_tell_the_images_will_do(tmp_path: Path, lists: dict[str, str], given: dict[str, str]) -> None:
    tree(tmp_path, train="a b c", val="")
    write_lists(tmp_path, lists)
    found = voc.find(tmp_path)
    lost = [str(problem) for problem in found.problems if not problem.warning]
    assert {item.id: item.given for item in found.items} == given
    assert [sentence[: len("JPEGImages/a.jpg: an image with a mask in none of the lists")] for sentence in lost] == [
        f"JPEGImages/{name}.jpg: an image with a mask in none of the lists" for name in "abc" if name not in given
    ]


def write_lists(root: Path, lists: dict[str, str]) -> None:
    for path in (root / "ImageSets/Segmentation").iterdir():
        path.unlink()
    for name, text in lists.items():
        lines = text if "\n" in text else "\n".join(text.split())
        (root / f"ImageSets/Segmentation/{name}.txt").write_text(lines, encoding="utf-8")


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        (
            {"trainval": "a b c", "val": "b"},
            "trainval.txt: names 2 images that val.txt does not, which are trained on, since there is no train.txt. ",
        ),
        (
            {"train": "", "trainval": "a b", "val": "b", "test": "c"},
            "trainval.txt: names 1 image that val.txt and test.txt do not, which are trained on, since train.txt is empty. ",
        ),
        (
            {"train": "a", "trainval": "a b c"},
            "trainval.txt: names 2 images that train.txt does not, which are the part of val, since there is no val.txt. ",
        ),
        (
            {"train": "a", "val": "b", "trainval": "c"},
            "trainval.txt: names 1 image that train.txt and val.txt do not, which are trained on. ",
        ),
    ],
)
def test_a_list_that_is_derived_is_reported(tmp_path: Path, lists: dict[str, str], sentence: str) -> None:
    tree(tmp_path, train="a b c", val="")
    write_lists(tmp_path, lists)
    (problem,) = voc.find(tmp_path).problems
    assert problem.warning
    assert str(problem) == f"ImageSets/Segmentation/{sentence}See the lists if that is not meant."


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        ({"train": "", "val": "a b c"}, "train.txt: names no image to train on beside val.txt. "),
        ({"val": "a b c", "trainval": "b a c"}, "trainval.txt: names no image to train on beside val.txt. "),
        ({"train": "", "val": "a", "test": "b c"}, "train.txt: names no image to train on beside val.txt and test.txt. "),
    ],
)
def test_val_is_never_trained_on(tmp_path: Path, lists: dict[str, str], sentence: str) -> None:
    tree(tmp_path, train="a b c", val="")
    write_lists(tmp_path, lists)
    found = voc.find(tmp_path)
    assert [str(problem) for problem in found.problems] == [f"ImageSets/Segmentation/{sentence}List the images to train on."]
    assert "" not in {item.given for item in found.items}


def test_a_test_list_without_masks_is_reported(tmp_path: Path) -> None:
    tree(tmp_path, train="a b", val="c")
    write_lists(tmp_path, {"train": "a b", "val": "c", "test": "2007_9 gone"})
    found = voc.find(tmp_path)
    assert [str(problem) for problem in found.problems] == [
        "JPEGImages/2007_9.jpg: listed for the test, for which the tree has no masks. They are left out."
    ]
    assert all(problem.warning for problem in found.problems)


def test_folders_inside_the_folders_are_looked_into(tmp_path: Path) -> None:
    tree(tmp_path, train="a b c d", val="e")
    moves = {"JPEGImages/a.jpg": "x", "SegmentationClass/a.png": "x", "JPEGImages/b.jpg": "y", "SegmentationClass/c.png": "z"}
    for name, deeper in moves.items():
        path = tmp_path / name
        (path.parent / deeper).mkdir(exist_ok=True)
        path.rename(path.parent / deeper / path.name)
    write_lists(tmp_path, {"train": "x/a\nb\nJPEGImages\\c.jpg\n/home/me/JPEGImages/d.jpg", "val": "e"})
    found = voc.find(tmp_path)
    assert not found.problems
    assert [(item.id, item.source, item.annotation_name) for item in found.items] == [
        ("c", "JPEGImages/c.jpg", "SegmentationClass/z/c.png"),
        ("d", "JPEGImages/d.jpg", "SegmentationClass/d.png"),
        ("e", "JPEGImages/e.jpg", "SegmentationClass/e.png"),
        ("x/a", "JPEGImages/x/a.jpg", "SegmentationClass/x/a.png"),
        ("y/b", "JPEGImages/y/b.jpg", "SegmentationClass/b.png"),
    ]


def test_a_name_that_several_folders_have_is_reported(tmp_path: Path) -> None:
    tree(tmp_path, train="a b", val="c")
    for folder in ("JPEGImages", "SegmentationClass"):
        (path,) = (tmp_path / folder).glob("a.*")
        for deeper in ("x", "y"):
            (tmp_path / folder / deeper).mkdir()
            (tmp_path / folder / deeper / path.name).write_bytes(path.read_bytes())
        path.unlink()
    (problem,) = voc.find(tmp_path).problems
    assert str(problem) == (
        "a: listed in train.txt, but 2 images are called so (x/a, y/a). Write its path below JPEGImages into the list."
    )


def test_names_with_blanks_are_found(tmp_path: Path) -> None:
    tree(tmp_path, train="a b", val="c")
    for folder in ("JPEGImages", "SegmentationClass"):
        (path,) = (tmp_path / folder).glob("a.*")
        path.rename(path.with_stem("my photo"))
    write_lists(tmp_path, {"train": "my photo\nb 1", "val": "c"})
    found = voc.find(tmp_path)
    assert not found.problems
    assert [item.id for item in found.items] == ["b", "c", "my photo"]


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_tree_without_a_train_list_is_refused(tmp_path: Path, name: str) -> None:
    write_lists(tree(tmp_path), {name: "2007_3"})
    with pytest.raises(PipelineError) as caught:
        voc.find(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: ImageSets/Segmentation has no train.txt. A VOC tree needs train.txt and val.txt, or trainval.txt."
    )


def test_suffixes_in_capitals_and_names_that_differ_in_case(tmp_path: Path) -> None:
    tree(tmp_path, train="a b", val="c")
    (tmp_path / "JPEGImages/a.jpg").rename(tmp_path / "JPEGImages/a.JPG")
    (tmp_path / "SegmentationClass/a.png").rename(tmp_path / "SegmentationClass/a.PNG")
    (tmp_path / "SegmentationClass/b.png").rename(tmp_path / "SegmentationClass/B.png")
    (tmp_path / "SegmentationClass/c.tif").write_bytes((tmp_path / "SegmentationClass/c.png").read_bytes())
    found = voc.find(tmp_path)
    assert [(item.id, item.annotation_name) for item in found.items] == [
        ("a", "SegmentationClass/a.PNG"),
        ("c", "SegmentationClass/c.tif"),
    ]
    assert [str(problem) for problem in found.problems] == [
        "SegmentationClass/c.png and SegmentationClass/c.tif: files of the same name up to its suffix. "
        "Remove all but one of them.",
        "b: listed in train.txt but not in SegmentationClass, where a name differs in upper and lower case only. "
        "Add the file, or take it off the list.",
    ]


def test_masks_in_the_colours_of_voc_are_read_by_them(tmp_path: Path) -> None:
    tree(tmp_path, train="a b", val="c")
    for name in ("a", "b", "c"):
        path = tmp_path / f"SegmentationClass/{name}.png"
        mask = Image.open(path)
        ids = np.asarray(mask).copy()
        colours = np.asarray(palette.flat_palette(), np.uint8).reshape(256, 3)[ids]
        Image.fromarray(colours).save(path)
        rows = contents(tmp_path)[0][-1]
        assert rows == ids.tolist() or name != "a"
    source = voc.source(tmp_path, data_params(tmp_path, "voc", classes=CLASSES))
    assert mask_of(source, source.found.items[2]) == [[255, 2, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2]]
    (warning,) = source.read(source.found.items[2], 4, 3).problems
    assert warning.warning
    assert str(warning) == (
        "SegmentationClass/c.png: a mask in colours and not class ids: read by the colours of PASCAL VOC. "
        "Save masks with VOC's palette to be sure of them."
    )


def test_masks_in_other_colours_or_beyond_the_classes_are_reported(tmp_path: Path) -> None:
    tree(tmp_path, train="a b c", val="")
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "SegmentationClass/a.png")
    Image.fromarray(np.full((3, 4), 4, np.uint8)).save(tmp_path / "SegmentationClass/b.png")
    source = voc.source(tmp_path, data_params(tmp_path, "voc", classes=CLASSES))
    seen = [
        AnnotationSummary(item, annotated.values, annotated.code_counts)
        for item in source.found.items
        for annotated in [source.read(item, 4, 3)]
    ]
    problems = source.check_all(seen)
    assert [problem.file for problem in problems] == ["SegmentationClass/a.png", "SegmentationClass/b.png"]
    assert problems[0].fixes == ()
    (problem,) = source.check_all(seen[1:2] + seen[2:])
    assert str(problem) == (
        "SegmentationClass/b.png: values that are no class: 4. data.voc.classes names 0 to 2. Name every class."
    )
    assert [(fix.key, fix.value, fix.adds) for fix in problem.fixes] == [
        ("data.voc.classes", "class_3", True),
        ("data.voc.classes", "class_4", True),
    ]


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


def test_a_tree_on_the_disk_comes_before_a_tar_and_of_several_tars_one_must_be_named(tmp_path: Path) -> None:
    packed(tree(tmp_path / "tree"), tmp_path / "one.tar")
    found = voc.find(tmp_path)
    assert [str(problem) for problem in found.problems] == [
        "one.tar: a tar beside a VOC tree, which is read in its place. Let data.path name the tar if that is meant."
    ]
    assert {place.file.suffix for item in found.items for place in item.image.file_ranges()} == {".jpg"}
    (tmp_path / "only").mkdir()
    for name in ("one", "two"):
        (tmp_path / f"only/{name}.tar").write_bytes((tmp_path / "one.tar").read_bytes())
    with pytest.raises(PipelineError) as caught:
        voc.find(tmp_path / "only")
    assert str(caught.value) == f"{tmp_path / 'only'}: holds several tars (one.tar, two.tar). Let data.path name one of them."


def test_a_compressed_or_damaged_tar_is_refused(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(b"not a tar" * 200)
    for archive in (packed(folder, tmp_path / "voc.tar", "w:gz"), damaged):
        with pytest.raises(PipelineError) as caught:
            voc.find(archive)
        assert str(caught.value).startswith(f"{archive}: no archive that can be unpacked, or a damaged one. ")
        assert str(caught.value).endswith("Expected an uncompressed tar.")

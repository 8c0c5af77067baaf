"""What every format shares: ids, the given split, hidden files and images without annotation."""

from pathlib import Path, PurePosixPath

import pytest

from segpipe.annotations.items import (
    Item,
    files_below,
    given_by_folder,
    id_of,
    images_below,
    join_names,
    part_in_names,
    sorted_items,
    unannotated,
    without_folder,
)
from segpipe.errors import DataError
from segpipe.storage.byte_source import FileRange


def item(item_id: str, source: str = "") -> Item:
    return Item(item_id, source or f"{item_id}.png", FileRange(Path("x")), None)


def test_items_are_sorted_by_id_and_problems_kept() -> None:
    problem = DataError("a", "odd", "Mend it.")
    result = sorted_items([item("b"), item("a/b"), item("B")], [problem])
    assert [one.id for one in result.items] == ["B", "a/b", "b"]
    assert result.problems == (problem,)


def test_files_of_one_id_are_named_together() -> None:
    twice = [
        item("a", "a.png"),
        item("b"),
        item("a", "a.jpg"),
        *(item("c", f"c.{suffix}") for suffix in ("tif", "bmp", "jpg", "png")),
    ]
    remedy = "images of the same name up to its suffix. Rename or remove all but one of them."
    assert list(map(str, sorted_items(twice, []).problems)) == [
        f"a.jpg and a.png: {remedy}",
        f"c.bmp, c.jpg and 2 more: {remedy}",
    ]
    assert [join_names(names) for names in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]


@pytest.mark.parametrize(
    ("path", "expected"), [("a.png", "a"), ("train/a.png", "train/a"), ("a.b.png", "a.b"), ("Ä b/ü.JPG", "Ä b/ü")]
)
def test_an_id_is_the_path_without_its_suffix(path: str, expected: str) -> None:
    assert id_of(PurePosixPath(path)) == expected


@pytest.mark.parametrize(
    ("item_id", "part"),
    [
        ("train/a", "train"),
        ("Training/a", "train"),
        ("val/a", "val"),
        ("valid/x/a", "val"),
        ("validation/a", "val"),
        ("TEST/a", "test"),
        ("train", ""),
        ("a", ""),
        ("x/train/a", ""),
        ("trains/a", ""),
    ],
)
def test_the_first_folder_gives_the_part(item_id: str, part: str) -> None:
    assert given_by_folder(item_id) == part


def test_files_are_listed_in_order_without_hidden_ones_and_folders(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.png", "deep/c.tif", ".d.png", ".hidden/e.png", "deep/.f.png", "g.txt", "noted.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in images_below(tmp_path)] == ["a.png", "b.PNG", "deep/c.tif"]
    assert [path.name for path in files_below(tmp_path, (".json",))] == ["noted.json"]
    assert list(images_below(tmp_path / "not there")) == []


def test_a_folder_inside_a_hidden_one_is_no_hidden_folder(tmp_path: Path) -> None:
    (tmp_path / ".mine").mkdir()
    (tmp_path / ".mine" / "a.png").touch()
    assert [path.name for path in images_below(tmp_path / ".mine")] == ["a.png"]


def test_an_image_without_annotation_is_a_problem_only_by_the_rule_error() -> None:
    assert str(unannotated("a.png", "error", "a mask")) == (
        "a.png: an image without a mask. Annotate it, or set data.unannotated to skip or background."
    )
    skipped = unannotated("a.png", "skip", "a mask")
    assert skipped
    assert (str(skipped), skipped.warning) == ("a.png: an image without a mask. It was left out, as data.unannotated says.", True)
    assert unannotated("a.png", "background", "a mask") is None


def test_a_name_without_a_folder() -> None:
    names = ("a.jpg", "images/a.jpg", "train/Images/a.b.jpg", "images/images/a.jpg", "images.jpg", "images/x/images.jpg")
    assert [without_folder(name, "images") for name in names] == ["a", "a", "train/a.b", "images/a", "images", "x/images"]


def test_the_part_is_in_the_first_name_that_holds_one() -> None:
    cases = {
        ("instances_train2017.json",): "train",
        ("Valid", "train"): "val",
        ("trainval.json", "x", "TEST-dev"): "test",
        ("train_val.json", "images"): "",
        ("restrained",): "",
        (): "",
    }
    for names, part in cases.items():
        assert part_in_names(names) == part

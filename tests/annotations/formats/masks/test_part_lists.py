"""Lists that give the split, in the ways that data sets write them."""

from pathlib import Path

import pytest

from segpipe.annotations.formats.masks import part_lists


@pytest.mark.parametrize(
    "line", ["a.jpg", "a", "images/a.jpg", "images/a", "images/a.jpg masks/a.png", "images\\a.jpg\tmasks\\a.png", "  a.PNG "]
)
def test_a_line_names_an_image_in_many_ways(tmp_path: Path, line: str) -> None:
    (tmp_path / "train.txt").write_text(f"{line}\n")
    assert part_lists.read(tmp_path, "images") == ({"a": "train"}, [])


def test_names_with_spaces_and_dots_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("my photo.jpg\nd.e\nphotos/x y\n")
    assert part_lists.read(tmp_path, "images")[0] == {"my photo": "val", "d.e": "val", "photos/x y": "val"}
    assert part_lists.read(tmp_path, ".")[0] == {"my photo": "val", "d.e": "val", "photos/x y": "val"}


def test_trainval_names_what_no_other_list_does(tmp_path: Path) -> None:
    (tmp_path / "trainval.txt").write_text("a\nb\n")
    assert part_lists.read(tmp_path, "images") == ({}, [])
    (tmp_path / "test.txt").write_text("c\n")
    (tmp_path / "val.txt").write_text("b\n")
    assert part_lists.read(tmp_path, "images") == ({"a": "", "b": "val", "c": "test"}, [])


def test_what_lists_and_folders_lack_is_reported() -> None:
    assert list(map(str, part_lists.unmatched({"a": "train", "b": "val"}, {"b", "c", "d"}, {"b", "c"}))) == [
        "a: named in a list but not in the folder. Add it, or take it off the list.",
        "c: in the folder but in none of its lists. Add it to train.txt, val.txt or test.txt.",
    ]
    assert part_lists.unmatched({}, {"a"}, {"a"}) == []


def test_paths_of_another_machine_count_from_where_they_meet_an_image(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("/SegNet/CamVid/train/1.png /SegNet/CamVid/trainannot/1.png\nC:\\data\\train\\2.png\n")
    (tmp_path / "test.txt").write_text("/SegNet/CamVid/test/1.png\n/SegNet/gone.png\nother/train/1.png\n")
    lists, problems = part_lists.read(tmp_path, ".", {"train/1", "train/2", "test/1"})
    assert lists == {
        "train/1": "train",
        "train/2": "train",
        "test/1": "test",
        "/SegNet/gone": "test",
        "other/train/1": "test",
    }
    assert problems == []


def test_a_line_may_name_a_folder_with_the_part_in_it(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("val_images/a.jpg\nval/b\n")
    assert part_lists.read(tmp_path, "*_images")[0] == {"val/a": "val", "val/b": "val"}

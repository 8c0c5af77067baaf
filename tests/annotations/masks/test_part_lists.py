"""Lists that give the split, in the ways that data sets write them."""

from pathlib import Path

import pytest

from segpipe.annotations.masks import part_lists


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


def test_what_lists_and_folders_lack_is_told() -> None:
    assert list(map(str, part_lists.compare({"a": "train", "b": "val"}, {"b", "c", "d"}, {"b", "c"}))) == [
        "a: named in a list but not in the folder. Add it, or take it off the list.",
        "c: in the folder but in none of its lists. Add it to train.txt, val.txt or test.txt.",
    ]
    assert part_lists.compare({}, {"a"}, {"a"}) == []

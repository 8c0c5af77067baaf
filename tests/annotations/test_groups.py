"""The table of groups: which image a line means, and a sentence for every line that means none or too much."""

from pathlib import Path

import pytest

from segpipe.annotations.groups import table_in, with_groups
from segpipe.annotations.items import Item, ItemList
from segpipe.errors import PipelineError
from segpipe.storage.byte_source import InMemory
from segpipe.storage.csv_table import csv_text

ITEMS = tuple(Item(name, f"{name}.jpg", InMemory(b""), None) for name in ("a", "deep/b", "left/c", "right/c"))


def grouped(root: Path, text: str, table: str = "groups.csv") -> ItemList:
    (root / "groups.csv").write_bytes(text.encode("utf-8"))
    return with_groups(ItemList(ITEMS, ()), root, table)


@pytest.mark.parametrize(
    "text",
    [
        "image,group\na.jpg,p1\ndeep/b.jpg,p1\nleft/c.jpg,p2\nright/c.jpg,p3\n",
        "\ufeffgroup;age;image\r\np1;40;a\r\np1;41;b.JPG\r\np2;42;left\\c.jpg\r\np3;43;./right/c\r\n",
        "image\tgroup\na\tp1\ndeep/b\t p1 \nleft/c\tp2\nright/c\tp3",
    ],
)
def test_every_way_to_name_an_image(tmp_path: Path, text: str) -> None:
    found = grouped(tmp_path, text)
    assert found.problems == ()
    assert [item.group for item in found.items] == ["p1", "p1", "p2", "p3"]


def test_none_leaves_all_as_it_was(tmp_path: Path) -> None:
    found = ItemList(ITEMS, ())
    assert with_groups(found, tmp_path, "none") is found


def test_all_wrong_lines_are_reported_at_once(tmp_path: Path) -> None:
    found = grouped(tmp_path, "image,group\na.jpg,p1\na,p2\nc,p3\nz,p4\nright/c,p5\n")
    assert [str(problem) for problem in found.problems] == [
        'groups.csv, line 3: puts "a" into two groups. An image belongs to one group: take off one line.',
        'groups.csv, line 4: names "c", which more than one image is called. Write the image\'s path below data.path.',
        'groups.csv, line 5: names "z", which no image is called. Write the image\'s path below data.path.',
        "deep/b.jpg: an image that groups.csv does not name. Add a line for it, or set data.groups to none.",
        "left/c.jpg: an image that groups.csv does not name. Add a line for it, or set data.groups to none.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no column image and group, or no rows"),
        ("image,patient\na,p1\n", "no column group, or no rows"),
        ("image,group\na,\n", "line 2: an empty cell"),
        ("image,group\na\n", "line 2: an empty cell"),
        ('image,group\n"a,p1\n', "not a CSV"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(PipelineError, match=sentence):
        grouped(tmp_path, text)


@pytest.mark.parametrize("table", ["gone.csv", "../groups.csv", "/etc/passwd", "."])
def test_only_files_below_the_data_are_read(tmp_path: Path, table: str) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(PipelineError, match="is no file below"):
        grouped(tmp_path / "data", "image,group\na,p1\n", table)


def test_other_bytes_than_utf_8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_bytes("image,group\na,m\xfcller\n".encode("latin-1"))
    with pytest.raises(PipelineError, match="not UTF-8"):
        with_groups(ItemList(ITEMS, ()), tmp_path, "groups.csv")


def test_a_table_of_images_and_groups_in_the_folder_is_found(tmp_path: Path) -> None:
    assert table_in(tmp_path) == "none"
    for head, found in (
        ("image,group\n", "groups.csv"),
        ("\ufeffage; group; image\r\n", "groups.csv"),
        ("name,group\n", "none"),
        ("", "none"),
    ):
        (tmp_path / "groups.csv").write_text(head, encoding="utf-8")
        assert table_in(tmp_path) == found
    (tmp_path / "groups.csv").write_bytes(b"\xff\xfe" * 50000)
    assert table_in(tmp_path) == table_in(tmp_path / "groups.csv") == "none"


def test_names_that_a_spreadsheet_would_run_come_back_from_the_table(tmp_path: Path) -> None:
    names = ("=1", "'=1", "x;-y", "plain")
    items = tuple(Item(name, f"images/{name}.jpg", InMemory(b""), None) for name in names)
    rows = [(f"images/{name}.jpg", name) for name in names]
    (tmp_path / "groups.csv").write_text(csv_text(("image", "group"), rows))
    found = with_groups(ItemList(items, ()), tmp_path, "groups.csv")
    assert found.problems == ()
    assert [item.group for item in found.items] == [*names]

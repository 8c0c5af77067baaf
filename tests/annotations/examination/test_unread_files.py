"""Every image file is read, told of, or told folder by folder; links that lead to no file are told too."""

import tarfile
from pathlib import Path

import pytest

from segpipe.annotations.examination import unread_files
from segpipe.annotations.items import Item, ItemList
from segpipe.errors import DataError, PipelineError
from segpipe.storage.byte_source import FileRange, InMemory
from tests.annotations.examined_folders import examined
from tests.annotations.formats.masks.folders import blocks, folder
from tests.corpus.build import half, labelme, photo, photos, shape, voc, yolo

REMEDY = "They are left out; see whether something is missing that should lead to them."
LEFT = f"read neither as an image nor as an annotation. {REMEDY}"


def told(root: Path, source: str, **keys: object) -> list[str]:
    return [str(each) for each in examined(root, source, **keys).problems if LEFT in str(each)]


def test_a_folder_is_reported_with_its_number_and_some_names(tmp_path: Path) -> None:
    folder(tmp_path, a=blocks(0, 1))
    photos(tmp_path, *(f"previews/{name}.PNG" for name in "abcde"), "previews/deep/x.webp", "top.jpg", ".hidden/y.png")
    assert told(tmp_path, "masks") == [
        f"previews (5 image files: a.PNG, b.PNG, c.PNG, ...): {LEFT}",
        f"previews/deep (1 image file: x.webp): {LEFT}",
        f"the folder itself (1 image file: top.jpg): {LEFT}",
    ]


def test_the_doctors_own_pictures_are_no_images(tmp_path: Path) -> None:
    folder(tmp_path, a=blocks(0, 1))
    photos(tmp_path, "doctor/contact_sheet.png", "doctor/statistics.png", "doctor/other.png", "statistics.png")
    (tmp_path / "doctor/findings.json").write_text("[]")
    assert told(tmp_path, "masks") == [
        f"doctor (1 image file: other.png): {LEFT}",
        f"the folder itself (1 image file: statistics.png): {LEFT}",
    ]


def test_what_is_read_through_a_link_is_not_left(tmp_path: Path) -> None:
    folder(tmp_path, a=blocks(0, 1))
    (tmp_path / "images/a.png").rename(tmp_path / "store.png")
    (tmp_path / "images/a.png").symlink_to("../store.png")
    assert told(tmp_path, "masks") == []


def test_equal_files_in_dvcs_cache_are_two_files(tmp_path: Path) -> None:
    folder(tmp_path / "data", a=blocks(0, 1))
    cached = tmp_path / "cache/files/md5/01" / ("ab" * 15)
    cached.parent.mkdir(parents=True)
    (tmp_path / "data/images/a.png").rename(cached)
    (tmp_path / "data/more").mkdir()
    for name in ("images/a.png", "more/a.png"):
        (tmp_path / "data" / name).symlink_to(cached)
    assert told(tmp_path / "data", "masks") == [f"more (1 image file: a.png): {LEFT}"]


def test_files_that_a_problem_names_are_not_left() -> None:
    files = {name: FileRange(Path("/x") / name) for name in ("a.png", "b.png", "c.tif", "d.tif", "e.png", "f.png")}
    problems = [DataError(name, "", "") for name in ("a.png", "line 3 of b.png", "page 1 of c.tif", "mask of d.tif")]
    item = Item("e", "e.png", InMemory(b""), FileRange(Path("/x/e.png")))
    (left,) = unread_files.unread_images(files, ItemList((item,), (), frozenset(["f.png"])), problems[:3])
    assert left.file == "the folder itself (1 image file: d.tif)"
    assert unread_files.unread_images(files, ItemList((item,), (), frozenset(["f.png"])), problems) == []


def test_all_that_lies_beside_the_data_of_each_format_is_reported(tmp_path: Path) -> None:
    labelme(tmp_path / "labelme/a", shape("object"))
    yolo(tmp_path / "yolo", {"a": half(0)})
    voc(tmp_path / "voc", {"train": "a", "val": "b"}, {"a": blocks(0, 1), "b": blocks(1, 0)})
    for name in ("yolo/runs/a.png", "voc/SegmentationObject/a.png", "voc/JPEGImages/c.jpg"):
        photo(tmp_path / name, 8, 4)
    assert told(tmp_path / "labelme", "labelme") == []
    assert told(tmp_path / "yolo", "yolo", classes=["background", "cat", "dog"]) == [f"runs (1 image file: a.png): {LEFT}"]
    assert told(tmp_path / "voc", "voc") == [
        f"JPEGImages (1 image file: c.jpg): {LEFT}",
        f"SegmentationObject (1 image file: a.png): {LEFT}",
    ]


def test_the_members_of_a_tar_are_accounted_for_by_their_names(tmp_path: Path) -> None:
    voc(tmp_path / "tree", {"train": "a", "val": "b"}, {"a": blocks(0, 1), "b": blocks(1, 0)})
    photos(tmp_path / "tree", "SegmentationObject/a.png", ".hidden/a.png")
    photo(tmp_path / "data/beside.png", 8, 4)
    with tarfile.open(tmp_path / "data/voc.tar", "w") as tar:
        tar.add(tmp_path / "tree", "VOC2012")
    inside = f"VOC2012/SegmentationObject (1 image file: a.png): {LEFT}"
    assert told(tmp_path / "data/voc.tar", "voc") == [inside]
    assert told(tmp_path / "data", "voc") == [inside, f"the folder itself (1 image file: beside.png): {LEFT}"]


def test_links_that_lead_to_no_file_are_reported(tmp_path: Path) -> None:
    folder(tmp_path, a=blocks(0, 1))
    photos(tmp_path, ".store/x.png")
    for name, target in {"images/b.PNG": "gone", "latest.log": "gone", "again": "images", "more": ".store"}.items():
        (tmp_path / name).symlink_to(target)
    assert [(str(each), each.warning) for each in unread_files.link_problems(tmp_path)] == [
        (f"images/b.PNG: a link that leads to nothing. {BACK}", False),
        (f"latest.log: a link that leads to nothing. {BACK}", True),
        ("again: a link to a folder, which is not followed. Its files count where they lie.", True),
        (
            "more: a link to a folder, which is not followed, and whose files are hidden. "
            "Move the folder itself there, or remove the link.",
            False,
        ),
    ]
    assert {each.file for each in examined(tmp_path, "masks").problems} >= {"images/b.PNG", "latest.log", "again", "more"}


BACK = "Bring back what it leads to (`dvc checkout` where DVC made it), or remove it."


def test_a_link_that_leads_out_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    folder(tmp_path / "data", a=blocks(0, 1))
    photo(tmp_path / "secret.png", 8, 4)
    (tmp_path / "data/images/b.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(PipelineError, match=r"^images/b\.png: a link that leads out of "):
        examined(tmp_path / "data", "masks")

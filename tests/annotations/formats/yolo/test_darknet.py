"""obj.data of Darknet: names and lists as CVAT exports them."""

from pathlib import Path

import pytest

from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.formats.yolo import darknet
from segpipe.errors import PipelineError
from tests.annotations.data_params import data_params
from tests.corpus.build import half, photos

DATA = "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n"


def export(root: Path, data: str, **lists: str) -> Path:
    """Three images with their label files beside them, the names, and lists of images."""
    photos(root, *(f"images_of_all/{name}.png" for name in "abc"))
    for at, name in enumerate("abc"):
        (root / f"images_of_all/{name}.txt").write_text(half(at % 2))
    (root / "obj.names").write_text("cat\ndog\n")
    (root / "obj.data").write_text(data)
    for name, images in lists.items():
        (root / f"{name}.txt").write_text("".join(f"data/images_of_all/{image}.png\n" for image in images))
    return root


def given(root: Path) -> dict[str, int]:
    seen = inspect_folder(root, data_params(root, "yolo"))
    assert (seen.layout.kind, seen.problems) == ("yolo", ())
    assert (seen.classes.names, dict(seen.values)) == (("background", "cat", "dog"), {"cat": 2, "dog": 1})
    return dict(seen.given)


def test_an_export_of_cvat_is_read_with_its_names(tmp_path: Path) -> None:
    assert given(export(tmp_path, DATA, train="abc")) == {"train": 3}


def test_two_lists_are_a_split(tmp_path: Path) -> None:
    assert given(export(tmp_path, DATA + "valid = data/valid.txt\n", train="ab", valid="c")) == {"train": 2, "val": 1}


def test_paths_of_windows_are_read(tmp_path: Path) -> None:
    data = "train = C:\\x\\train.txt\ntest=C:\\x\\test.txt"
    assert given(export(tmp_path, data, train="a", test="bc")) == {"test": 2, "train": 1}


def test_without_the_file_there_is_nothing(tmp_path: Path) -> None:
    assert darknet.find(tmp_path) is None


def test_another_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "obj.data").write_bytes(b"train = \xe9.txt")
    with pytest.raises(PipelineError, match=r"obj\.data: not UTF-8 text\. Save it as UTF-8\."):
        darknet.find(tmp_path)

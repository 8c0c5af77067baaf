"""Folders of images and masks by their names."""

import pytest

from segpipe.annotations.formats.masks.folder_names import strip_folder


@pytest.mark.parametrize(
    ("path", "folder", "rest"),
    [
        ("images/a.png", "images", "a.png"),
        ("train/images/x/a.png", "images", "train/x/a.png"),
        ("images/images/a.png", "images", "images/a.png"),
        ("set/raw/a.png", "set/raw", "a.png"),
        ("a.png", ".", "a.png"),
        ("x/a.png", ".", "x/a.png"),
        ("train_masks/a.png", "*_masks", "train/a.png"),
        ("x/trainannot/y/a.png", "*annot", "x/train/y/a.png"),
        ("labels_val/a.png", "labels_*", "val/a.png"),
        ("images", "images", None),
        ("Images/a.png", "images", None),
        ("_masks/a.png", "*_masks", None),
        ("train/a.png", "*_masks", None),
    ],
)
def test_a_path_less_its_folder(path: str, folder: str, rest: str | None) -> None:
    found = strip_folder(path.split("/"), folder)
    assert (None if found is None else "/".join(found)) == rest

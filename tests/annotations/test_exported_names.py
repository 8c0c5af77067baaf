"""Names of classes as Roboflow, nnU-Net, CVAT and Supervisely export them, each in the file that its program writes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from segpipe.annotations import exported_names
from segpipe.annotations.class_names import NameList, read_list
from segpipe.errors import PipelineError

ROBOFLOW = "Pixel Value, Class\n0, background\n1, cat\n2, big dog\n"
NNUNET = {"channel_names": {"0": "R"}, "numTraining": 3, "file_ending": ".png"}
OBJ_DATA = "classes = 2\ntrain = data/train.txt\nnames = {}\nbackup = backup/\n"
META = {"classes": [{"title": "dog", "shape": "polygon"}, {"title": "cat", "color": "#00FF00"}], "tags": []}


def written(root: Path, files: Mapping[str, Any]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root


def nnunet(labels: Any, **keys: Any) -> dict[str, Any]:
    return {"dataset.json": {**NNUNET, "labels": labels, **keys}}


@pytest.mark.parametrize(
    ("files", "file", "names"),
    [
        ({"_classes.csv": ROBOFLOW}, "_classes.csv", ("background", "cat", "big dog")),
        ({"_classes.csv": "\ufeffpixel value,class\r\n1,cat\r\n0,rest\r\n"}, "_classes.csv", ("rest", "cat")),
        (
            {"train/_classes.csv": ROBOFLOW, "valid/_classes.csv": ROBOFLOW},
            "train/_classes.csv",
            ("background", "cat", "big dog"),
        ),
        (nnunet({"background": 0, "cat": 1, "ignore": 2}), "dataset.json", ("background", "cat", "ignore")),
        (nnunet({"cat": 1, "background": 0}), "dataset.json", ("background", "cat")),
        (nnunet({"0": "background", "1": "cat"}, modality={"0": "MRI"}), "dataset.json", ("background", "cat")),
        ({"obj.names": "cat\n\n big dog \n"}, "obj.names", ("cat", "big dog")),
        ({"obj.data": OBJ_DATA.format("data/obj.names"), "obj.names": "cat\ndog\n"}, "obj.names", ("cat", "dog")),
        ({"obj.data": OBJ_DATA.format("C:\\x\\coco.names"), "coco.names": "owl\n", "obj.names": "x"}, "coco.names", ("owl",)),
        ({"obj.data": OBJ_DATA.format("../../etc/passwd"), "obj.names": "cat\n"}, "obj.names", ("cat",)),
        ({"obj.data": OBJ_DATA.format("x" * 300), "obj.names": "cat\n"}, "obj.names", ("cat",)),
        ({"meta.json": META}, "meta.json", ("dog", "cat")),
    ],
)
def test_names_are_read_in_the_order_of_their_ids(
    files: Mapping[str, Any], file: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    assert exported_names.read(written(tmp_path, files)) == (file, names)
    assert read_list(tmp_path) == NameList(file, names)


def test_a_list_of_the_users_own_comes_first(tmp_path: Path) -> None:
    written(tmp_path, {"classes.txt": "a\nb\n", "_classes.csv": ROBOFLOW})
    assert read_list(tmp_path) == NameList("classes.txt", ("a", "b"))


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"_classes.csv": "filename,cat,dog\na.jpg,1,0\n"},
        {"_classes.csv": ""},
        {"dataset.json": {"labels": {"a": 1}}},
        {"dataset.json": {"labels": ["a"], "numTraining": 1}},
        {"dataset.json": "{"},
        {"dataset.json": [1]},
        {"meta.json": {"classes": []}},
        {"meta.json": {"classes": [{"title": "a"}]}},
        {"meta.json": "{"},
        {"obj.data": OBJ_DATA.format("gone.names")},
    ],
)
def test_other_files_of_these_names_are_none(files: Mapping[str, Any], tmp_path: Path) -> None:
    assert exported_names.read(written(tmp_path, files)) is None
    assert read_list(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"_classes.csv": "Pixel Value,Class\n0,a\nx,b\n"}, '"x,b" is no value of its own with a class. Write a line as 1,cat.'),
        ({"_classes.csv": "Pixel Value,Class\n0,a\n0,b\n"}, '"0,b" is no value of its own with a class. Write a line as 1,cat.'),
        ({"_classes.csv": "Pixel Value,Class\n0,a\n1\n"}, '"1" is no value of its own with a class. Write a line as 1,cat.'),
        ({"_classes.csv": "Pixel Value,Class\n0,a\n2,b\n"}, "no name for 1, but one for 2. Name every id from 0 on."),
        ({"_classes.csv": "Pixel Value,Class\n0,a\n1,a\n"}, "names a twice. Write each class once"),
        ({"_classes.csv": "Pixel Value,Class\n0,a\n1,\n"}, '"" is no name. Write each class once'),
        ({"_classes.csv": "Pixel Value,Class\n"}, "holds 0 names. Write each class once"),
        (
            nnunet({"background": 0, "whole": [1, 2]}),
            '"whole" is a region of several labels. Give each label an id of its own; data.class_map merges classes.',
        ),
        (nnunet({"background": 0, "cat": "one"}), '"cat" has no id of its own. Write labels as "cat": 1.'),
        (nnunet({"background": 0, "cat": 0}), '"cat" has no id of its own. Write labels as "cat": 1.'),
        (nnunet({"background": 0, "cat": float("nan")}), '"cat" has no id of its own. Write labels as "cat": 1.'),
        (nnunet({"background": 0, "cat": -1}), '"cat" has no id of its own. Write labels as "cat": 1.'),
        (nnunet({"background": 0, "cat": 2}), "no name for 1, but one for 2. Name every id from 0 on."),
        (nnunet({"0": 5, "1": "cat"}), '"5" has no id of its own. Write labels as "cat": 1.'),
        ({"obj.names": "a\nb\na\n"}, "names a twice. Write each class once"),
        ({"obj.names": "a\x1b[2J\n"}, '"a\\x1b[2J" is no name. Write each class once'),
    ],
)
def test_what_is_wrong_with_them_is_reported(files: Mapping[str, Any], sentence: str, tmp_path: Path) -> None:
    (name,) = files
    with pytest.raises(PipelineError) as caught:
        exported_names.read(written(tmp_path, files))
    assert str(caught.value).startswith(f"{tmp_path / name}: {sentence}")


def test_parts_whose_classes_differ_are_reported_with_both_files(tmp_path: Path) -> None:
    written(tmp_path, {"test/_classes.csv": ROBOFLOW, "train/_classes.csv": ROBOFLOW.replace("cat", "cow")})
    with pytest.raises(PipelineError) as caught:
        exported_names.read(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/test/_classes.csv and {tmp_path}/train/_classes.csv: different classes. "
        "Export the data again, so that all parts have the same."
    )


@pytest.mark.parametrize("name", ["_classes.csv", "obj.names", "obj.data"])
def test_text_of_another_encoding_is_reported(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes("Pixel Value,Class\nnames = é".encode("latin-1"))
    with pytest.raises(PipelineError, match=r"not UTF-8 text\. Save it as UTF-8\.$"):
        exported_names.read(tmp_path)

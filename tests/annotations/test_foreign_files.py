"""Files of programs that are not read: each is told with the export that is."""

import json
from pathlib import Path
from typing import Any

import pytest

from segpipe.annotations import foreign_files
from segpipe.annotations.detect.layout import recognise
from segpipe.errors import PipelineError
from tests.annotations import examined_folders
from tests.corpus.build import instance, photos, shape
from tests.corpus.build import labelme as labelled

RESULT = {"type": "polygonlabels", "original_width": 8, "original_height": 4, "value": {"polygonlabels": ["cat"]}}
TASKS = [{"id": 1, "data": {"image": "/data/a.jpg"}, "annotations": [{"result": [RESULT]}]}]
MIN = [{"image": "/data/a.jpg", "id": 1, "label": [{"points": [[1, 1]], "brushlabels": ["cat"], "original_width": 8}]}]
VIA = {"a.jpg1234": {"filename": "a.jpg", "size": 1234, "regions": [], "file_attributes": {}}}
JSON = [
    (TASKS, foreign_files.LABEL_STUDIO),
    ([{"data": {}, "completions": []}], foreign_files.LABEL_STUDIO),
    (TASKS[0], foreign_files.LABEL_STUDIO),
    (MIN, foreign_files.LABEL_STUDIO),
    (VIA, foreign_files.VIA),
    ({"_via_settings": {}, "_via_img_metadata": VIA}, foreign_files.VIA),
    ({"info": {}, "categories": {"label": {}}, "items": []}, foreign_files.DATUMARO),
    ({"version": "2.0", "item": {"name": "a.jpg"}, "annotations": []}, foreign_files.V7),
    ({"metadata": {"name": "a.jpg"}, "instances": []}, foreign_files.SUPERANNOTATE),
    ([{"data_row": {"id": "x"}}], foreign_files.LABELBOX),
    ({"info": {"description": "ISAT"}, "objects": []}, foreign_files.ISAT),
]


@pytest.mark.parametrize(("content", "program"), JSON)
def test_the_program_of_json_is_known(content: Any, program: foreign_files.Program, tmp_path: Path) -> None:
    assert foreign_files.program_of(content) == program
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert foreign_files.program_of_file(tmp_path / "x.json") == program


@pytest.mark.parametrize(
    "content",
    [
        5,
        [],
        {},
        [5],
        [[]],
        {"shapes": [], "imageData": None},
        {"images": [], "annotations": [instance(1, 1)], "categories": []},
        {"images": [{"id": 1}], "annotations": [], "categories": [], "info": {"description": "cats"}},
        {"labels": {"a": 1}, "channel_names": {}},
        {"size": {"width": 1, "height": 1}, "objects": []},
        [{"image": "a.jpg", "label": ["cat"]}],
    ],
)
def test_other_json_is_of_none(content: Any) -> None:
    assert foreign_files.program_of(content) is None


def test_broken_and_large_files_are_of_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.json").write_text("[")
    assert foreign_files.program_of_file(tmp_path / "x.json") is None
    (tmp_path / "x.json").write_text(json.dumps(TASKS))
    monkeypatch.setattr(foreign_files, "MAX_BYTES", 50)
    assert foreign_files.program_of_file(tmp_path / "x.json") is None


@pytest.mark.parametrize("kind", [None, "labelme", "coco", "masks"])
@pytest.mark.parametrize("content", [TASKS, MIN])
def test_label_studios_json_is_reported_with_the_export_that_is_read(content: Any, kind: Any, tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    (tmp_path / "aaa.json").write_text("{}")
    (tmp_path / "export.json").write_text(json.dumps(content))
    with pytest.raises(PipelineError) as caught:
        recognise(tmp_path, kind)
    told = str(caught.value).splitlines()[1]
    assert told == (
        "export.json: Label Studio's own JSON. "
        'Export from Label Studio as "COCO with Images"; where a brush was used as "Brush labels to COCO" (which fills holes), '
        "and put the images beside it."
    )


def test_it_is_reported_beside_files_of_labelme(tmp_path: Path) -> None:
    labelled(tmp_path / "a", shape("cat"))
    (tmp_path / "project.json").write_text(json.dumps(VIA))
    found = examined_folders.examined(tmp_path, "labelme", classes=["background", "cat"])
    assert [str(problem) for problem in found.problems] == [
        'project.json: a project of VIA. Export from VIA by "Export Annotations (COCO format)", which is read.'
    ]


def test_it_is_reported_where_coco_was_asked_for(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    (tmp_path / "darwin.json").write_text(json.dumps({"item": {}, "annotations": []}))
    with pytest.raises(PipelineError) as caught:
        examined_folders.examined(tmp_path, "coco")
    assert str(caught.value) == (
        f"{tmp_path}: no COCO file of instances in it (darwin.json is V7 Darwin's JSON). "
        "Export it from there as COCO, which is read."
    )


@pytest.mark.parametrize(
    ("xml", "sentence"),
    [
        (
            '<?xml version="1.0"?>\n<annotations>\n <version>1.1</version>',
            'There is CVAT\'s XML in it. Export from CVAT as "COCO 1.0", which is read.',
        ),
        (
            "<annotation><object><name>cat</name><bndbox>",
            "There is PASCAL VOC's XML of boxes in it. A box does not say which pixels are an object's: draw outlines.",
        ),
    ],
)
def test_xml_is_reported(xml: str, sentence: str, tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    (tmp_path / "a.xml").write_text(xml)
    (tmp_path / "b.xml").write_text("<other/>")
    with pytest.raises(PipelineError) as caught:
        recognise(tmp_path)
    assert sentence in str(caught.value).splitlines()

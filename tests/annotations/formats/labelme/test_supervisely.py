"""Supervisely's projects: polygons with holes, bitmaps, other figures, and which files of a project count."""

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.exported_names import class_titles
from segpipe.annotations.formats.labelme import supervisely
from segpipe.annotations.formats.labelme.supervisely import is_supervisely
from segpipe.images.decode import decode_mask
from tests.annotations import examined_folders
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import save
from tests.corpus.case import rows

META = {"classes": [{"title": "dog", "shape": "polygon"}, {"title": "cat", "shape": "any"}], "tags": [], "projectType": "images"}
CLASSES = ["background", "dog", "cat"]
L_SHAPE = np.array([[1, 0, 0], [1, 1, 1]], np.uint8)
"""Pixels of a bitmap."""
PUBLISHED = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMIMwIInOeqf8BUmwBPiGuQPr///9Lb86/C2QxlgT5BTM4PLuRBuTwebo4hlTMSa44sKHhISMDuxpTYrr03F6gDIOn"
    "q5/LOqeEJgDM5ht6"
)
"""The example of Supervisely's own documentation: 3 x 3 pixels, all but the middle one."""


def polygon(*exterior: Any, holes: Any = (), label: Any = "cat", kind: str = "polygon", **keys: Any) -> dict[str, Any]:
    points = {"exterior": list(exterior), "interior": list(holes)}
    return {"id": 7, "classId": 3, "classTitle": label, "geometryType": kind, "points": points, "tags": [], **keys}


def bitmap(data: Any, origin: Any = (2, 1), label: str = "cat") -> dict[str, Any]:
    return {"classTitle": label, "geometryType": "bitmap", "bitmap": {"data": data, "origin": origin}}


def packed(pixels: Any, mode: str = "P", compressed: bool = True) -> str:
    stream = io.BytesIO()
    picture = Image.fromarray(np.asarray(pixels, np.uint8))
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 255, 255])
        picture.save(stream, "PNG", transparency=0)
    else:
        picture.save(stream, "PNG")
    content = stream.getvalue()
    return base64.b64encode(zlib.compress(content) if compressed else content).decode()


def project(root: Path, *objects: Any, image: str = "a.jpg", size: Any = None, folder: str = "ds") -> Path:
    """One image of 8 x 4 pixels, with all that an export brings along."""
    save(root / folder / "img" / image, np.random.default_rng(len(objects)).integers(0, 256, (4, 8, 3)).astype(np.uint8))
    annotation = {"description": "", "tags": [], "size": size or {"height": 4, "width": 8}, "objects": objects}
    for name, content in {
        f"{folder}/ann/{image}.json": annotation,
        f"{folder}/img_info/{image}.json": {"id": 1, "name": image},
        "meta.json": META,
        "obj_class_to_machine_color.json": {"cat": [1, 1, 1]},
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return root


def examined(root: Path, **keys: Any) -> Any:
    return examined_folders.examined(root, "labelme", classes=CLASSES, **keys)


def row(root: Path, number: int = 0, **keys: Any) -> str:
    """A row of the one mask."""
    found = examined(root, **keys)
    assert [str(problem) for problem in found.problems] == []
    (record,) = found.records
    return "".join(map(str, decode_mask(record.mask_png.read(), "")[number]))


def errors(root: Path) -> list[str]:
    return [str(problem) for problem in examined(root).problems if not problem.warning]


BOX = ([0, 0], [7, 0], [7, 3], [0, 3])


def test_a_polygon_with_a_hole(tmp_path: Path) -> None:
    project(tmp_path, polygon(*BOX, holes=[[[2, 1], [4, 1], [4, 2], [2, 2]]], label="dog"))
    assert [row(tmp_path, number) for number in range(4)] == ["11111111", "11000111", "11000111", "11111111"]


def test_a_hole_shows_what_is_below_it(tmp_path: Path) -> None:
    whole = polygon([0, 0], [8, 0], [8, 4], [0, 4])
    ring = polygon([0, 0], [8, 0], [8, 4], [0, 4], holes=[[[2, 1], [5, 1], [5, 3], [2, 3]]], label="dog")
    project(tmp_path, whole, ring)
    assert [row(tmp_path, number, shapes={"fill": "exact"}) for number in range(2)] == ["11111111", "11222111"]


@pytest.mark.parametrize(
    "data",
    [
        packed(L_SHAPE),
        packed(L_SHAPE * 255, "L"),
        packed(L_SHAPE, compressed=False),
        packed(np.dstack([np.full((2, 3, 3), 255, np.uint8), L_SHAPE * 255]), "RGBA"),
        packed(np.dstack([np.zeros((2, 3), np.uint8), L_SHAPE * 99, np.zeros((2, 3), np.uint8)]), "RGB"),
    ],
    ids=["palette", "gray", "not packed", "alpha", "colours"],
)
def test_a_bitmap_lies_at_its_origin(data: str, tmp_path: Path) -> None:
    project(tmp_path, bitmap(data))
    assert [row(tmp_path, number) for number in range(4)] == ["00000000", "00200000", "00222000", "00000000"]


def test_the_bitmap_of_superviselys_own_example(tmp_path: Path) -> None:
    project(tmp_path, bitmap(PUBLISHED, [0, 0]))
    assert [row(tmp_path, number) for number in range(4)] == ["22200000", "20200000", "22200000", "00000000"]


def test_no_more_of_a_bitmap_is_unpacked_than_an_image_can_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, bitmap(packed(np.ones((3, 3)))))
    monkeypatch.setattr(supervisely, "MAX_BITMAP_BYTES", 50)
    assert errors(tmp_path)[0].startswith('shape 1 of ds/ann/a.jpg.json: bitmap "cat" with a bitmap that cannot be read: ')


def test_other_figures(tmp_path: Path) -> None:
    rectangle = polygon([0, 0], [1, 1], kind="rectangle")
    line = polygon([4, 0], [6, 0], kind="line", label="dog")
    project(tmp_path, rectangle, line)
    assert row(tmp_path, shapes={"line_width": 1}) == "22001110"


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        (bitmap("AAAA"), 'bitmap "cat" without pixels: its data is no PNG, packed by zlib, in base64'),
        (bitmap(None), 'bitmap "cat" without pixels: its data is no PNG, packed by zlib, in base64'),
        (bitmap(base64.b64encode(zlib.compress(b"hello")).decode()), 'bitmap "cat" with a bitmap that cannot be read: '),
        (bitmap(packed(L_SHAPE), None), 'bitmap "cat" with points that are no pairs of numbers'),
        (bitmap(packed(L_SHAPE), [float("nan"), 0]), 'bitmap "cat" with a point that is NaN or infinite'),
        (polygon([0, 0], [1, 1]), 'polygon "cat" needs 3 points or more'),
        (polygon(*BOX, holes=[[[1, 1], [2, 2]]]), 'polygon "cat" with a hole of fewer than 3 points'),
        (polygon(*BOX, label=None), "a shape without a label"),
        (polygon(*BOX, label=""), "a shape without a label"),
        (polygon(*BOX) | {"points": None}, 'polygon "cat" with points that are no pairs of numbers'),
        (polygon(*BOX, kind="graph"), 'a shape of the type "graph", which is not known'),
    ],
)
def test_a_bad_figure_is_reported_with_its_place(figure: Any, sentence: str, tmp_path: Path) -> None:
    project(tmp_path, polygon(*BOX, label="dog"), figure)
    (told,) = errors(tmp_path)
    assert told.startswith(f"shape 2 of ds/ann/a.jpg.json: {sentence}")


def test_another_size_is_reported(tmp_path: Path) -> None:
    project(tmp_path, polygon(*BOX), size={"height": 8, "width": 16})
    assert errors(tmp_path)[0].startswith("ds/ann/a.jpg.json: made for an image of 16 x 8 pixels, but the image has 8 x 4.")


def test_a_project_is_recognised_and_its_classes_keep_their_order(tmp_path: Path) -> None:
    project(tmp_path, polygon(*BOX))
    project(tmp_path, polygon(*BOX, label="dog"), image="b.png", folder="train")
    seen = inspect_folder(tmp_path, data_params(tmp_path, "labelme"))
    assert (seen.layout.kind, seen.n_images, seen.unannotated, seen.problems) == ("labelme", 2, (), ())
    assert (seen.classes.names, seen.classes.origin) == (("background", "dog", "cat"), "meta.json")
    assert dict(rows(examined(tmp_path))) == {"ds/img/a": "22222222", "train/img/b": "11111111"}


def test_pictures_of_masks_in_a_project_are_no_images(tmp_path: Path) -> None:
    project(tmp_path, polygon(*BOX))
    save(tmp_path / "ds/masks_human/a.png", np.zeros((4, 8), np.uint8))
    assert inspect_folder(tmp_path, data_params(tmp_path, "labelme"), "labelme").n_images == 1


def test_old_exports_name_the_image_without_its_suffix(tmp_path: Path) -> None:
    project(tmp_path, polygon(*BOX))
    (tmp_path / "ds/ann/a.jpg.json").rename(tmp_path / "ds/ann/a.json")
    assert row(tmp_path) == "22222222"
    save(tmp_path / "ds/img/a.png", np.zeros((4, 8, 3), np.uint8))
    assert errors(tmp_path)[0].startswith('ds/ann/a.json: its image "../img/a" is not in the folder.')


def test_a_bitmap_that_reaches_out_of_the_image_is_cut(tmp_path: Path) -> None:
    project(tmp_path, bitmap(packed(L_SHAPE), [-1, -1]), bitmap(packed(L_SHAPE), [6, 2]))
    assert [row(tmp_path, number) for number in range(4)] == ["22000000", "00000000", "00000020", "00000022"]


def test_without_meta_json_every_file_counts(tmp_path: Path) -> None:
    project(tmp_path, polygon(*BOX))
    (tmp_path / "meta.json").unlink()
    assert sorted(told.split(":")[0] for told in errors(tmp_path)) == [
        "ds/img_info/a.jpg.json",
        "obj_class_to_machine_color.json",
    ]


def test_a_meta_json_of_another_program_hides_no_file(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", np.zeros((4, 8, 3), np.uint8))
    (tmp_path / "meta.json").write_text(json.dumps(META))
    (tmp_path / "a.json").write_text(json.dumps({"shapes": [{"label": "cat", "points": BOX}]}))
    assert [told.split(":")[0] for told in errors(tmp_path)] == ["meta.json"]


def test_what_tells_the_files() -> None:
    assert is_supervisely({"size": {}, "objects": []})
    assert not any(map(is_supervisely, ([], {"objects": []}, {"size": {}, "objects": {}}, {"size": [1, 2], "objects": []})))


def test_titles_of_other_json_are_none(tmp_path: Path) -> None:
    for content in ("{", "[]", '{"classes": 5}', '{"classes": [5]}', '{"classes": [{"title": "a"}]}'):
        (tmp_path / "meta.json").write_text(content)
        assert class_titles(tmp_path / "meta.json") == ()
    assert class_titles(tmp_path / "gone.json") == ()

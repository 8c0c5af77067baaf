"""The same drawing in every format of shapes gives the same mask."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.images.decode import decode_mask
from tests.annotations.examined_folders import examined

VOC3 = Path(__file__).parents[3] / "shared" / "data" / "labelme_voc3"
CLASSES = ["background", "cat", "dog"]
SHAPES: list[tuple[str, list[list[float]]]] = [
    ("cat", [[4.25, 3], [50.5, 7.75], [41, 28], [9, 25.5]]),
    ("dog", [[30, 12], [63, 12], [63, 31], [45, 22], [30, 31]]),
    ("__ignore__", [[0, 0], [9, 0], [9, 5]]),
    ("cat", [[58, 1], [62, 1], [62, 6]]),
]
"""Labels and points in an image of 64 x 32 pixels: powers of two, so that YOLO's shares are exact."""


def masks(root: Path, source: str, classes: list[str]) -> dict[str, np.ndarray]:
    """The mask of each image by its name."""
    examination = examined(root, source, classes=classes)
    assert not [problem for problem in examination.problems if not problem.warning]
    return {Path(record.id).name: decode_mask(record.mask_png.read(), record.id) for record in examination.records}


def flat(points: list[list[float]]) -> list[float]:
    return [value for point in points for value in point]


def write_labelme(root: Path, name: str, size: tuple[int, int], shapes: list[tuple[str, list[list[float]]]]) -> None:
    content = [{"label": label, "points": points, "shape_type": "polygon"} for label, points in shapes]
    about = {"imagePath": f"{name}.jpg", "imageWidth": size[0], "imageHeight": size[1]}
    (root / f"{name}.json").write_text(json.dumps({"shapes": content, **about}))


def coco_of(drawings: dict[str, tuple[tuple[int, int], list[tuple[str, Any]]]], names: list[str]) -> dict[str, Any]:
    """A COCO file; what is drawn is a segmentation already."""
    images, annotations = [], []
    for image_id, (name, (size, shapes)) in enumerate(drawings.items()):
        images.append({"id": image_id, "file_name": f"{name}.jpg", "width": size[0], "height": size[1]})
        for label, segmentation in shapes:
            own = {"image_id": image_id, "category_id": 10 + names.index(label), "segmentation": segmentation}
            annotations.append({"id": len(annotations), "iscrowd": 0, **own})
    categories = [{"id": 10 + number, "name": name} for number, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories}


def yolo_of(size: tuple[int, int], shapes: list[tuple[str, list[list[float]]]], names: list[str]) -> str:
    lines = [
        [names.index(label), *(x for point in points for x in (point[0] / size[0], point[1] / size[1]))]
        for label, points in shapes
    ]
    return "\n".join(" ".join(map(repr, line)) for line in lines)


def runs_of(mask: np.ndarray) -> dict[str, Any]:
    """Run lengths down the columns, beginning with those of 0."""
    values = np.concatenate([[0], mask.T.reshape(-1), [2]])
    edges = np.flatnonzero(np.diff(values))
    counts = np.diff(edges, prepend=0).tolist()
    return {"counts": counts, "size": [*mask.shape]}


def test_one_drawing_in_four_ways(tmp_path: Path) -> None:
    names = ["cat", "dog", "__ignore__"]
    roots = {way: tmp_path / way for way in ("labelme", "polygons", "runs", "yolo")}
    for root in roots.values():
        root.mkdir()
        Image.new("RGB", (64, 32)).save(root / "a.jpg")
    write_labelme(roots["labelme"], "a", (64, 32), SHAPES)
    polygons = [(label, [flat(points)]) for label, points in SHAPES]
    (roots["polygons"] / "x.json").write_text(json.dumps(coco_of({"a": ((64, 32), polygons)}, names)))
    (roots["yolo"] / "a.txt").write_text(yolo_of((64, 32), SHAPES, names))
    (roots["yolo"] / "data.yaml").write_text(f"names: {names}")
    expected = masks(roots["labelme"], "labelme", CLASSES)["a"]
    runs = [(name, runs_of(expected == value)) for name, value in (("cat", 1), ("dog", 2), ("__ignore__", 255))]
    (roots["runs"] / "x.json").write_text(json.dumps(coco_of({"a": ((64, 32), runs)}, names)))
    assert sorted(np.unique(expected)) == [0, 1, 2, 255]
    for way, source in (("polygons", "coco"), ("runs", "coco"), ("yolo", "yolo")):
        assert (masks(roots[way], source, CLASSES)["a"] == expected).all(), way


@pytest.mark.skipif(not VOC3.is_dir(), reason="shared/data/labelme_voc3 is not here")
def test_three_photos_of_voc_in_three_formats(tmp_path: Path) -> None:
    listed = (VOC3 / "labels.txt").read_text().split("\n")
    names = ["__ignore__", *(name for name in listed if name and not name.startswith("_"))]
    drawings: dict[str, Any] = {}
    (tmp_path / "coco").mkdir()
    (tmp_path / "yolo").mkdir()
    for path in sorted(VOC3.glob("*.json")):
        content = json.loads(path.read_text())
        size = content["imageWidth"], content["imageHeight"]
        shapes = [(shape["label"], shape["points"]) for shape in content["shapes"]]
        drawings[path.stem] = (size, [(label, [flat(points)]) for label, points in shapes])
        (tmp_path / "yolo" / f"{path.stem}.txt").write_text(yolo_of(size, shapes, names))
        for way in ("coco", "yolo"):
            shutil.copy(path.with_suffix(".jpg"), tmp_path / way)
    (tmp_path / "coco/instances.json").write_text(json.dumps(coco_of(drawings, names)))
    (tmp_path / "yolo/data.yaml").write_text(json.dumps({"names": names}))
    classes = ["background", *names[1:]]
    expected = masks(VOC3, "labelme", classes)
    coco, yolo = masks(tmp_path / "coco", "coco", classes), masks(tmp_path / "yolo", "yolo", classes)
    assert sorted(expected) == sorted(coco) == sorted(yolo)
    for name, mask in expected.items():
        assert len(np.unique(mask)) > 2
        assert (coco[name] == mask).all()
        assert (yolo[name] == mask).all()

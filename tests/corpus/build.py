"""Small files of every format: images of 8 x 4 pixels, shapes on their left half, and what lists them."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.annotations.formats.masks.folders import save

LEFT = ((0, 0), (3, 0), (3, 3), (0, 3))
"""The corners of the left half of an image of 8 x 4 pixels, as labelme fills them."""
RIGHT = ((4, 0), (7, 0), (7, 3), (4, 3))


def photo(path: Path, width: int, height: int, orientation: int = 1) -> None:
    """A picture of noise that is another for each name, and the same in each run."""
    seed = zlib.crc32("/".join(path.parts[-2:]).encode())
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(path, noise, exif=exif)


def shape(label: Any, points: Any = LEFT, kind: str = "polygon", **keys: Any) -> dict[str, Any]:
    """A shape as labelme writes it."""
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **keys}


def labelme(path: Path, *shapes: Any, orientation: int = 1, image: str | None = "", **keys: Any) -> None:
    """PATH.json and its image PATH.jpg, one of another name, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{path.name}.jpg" if image == "" else image
    if name:
        photo(path.with_name(name), 8, 4, orientation)
    content = {"version": "5.5.0", "shapes": shapes, "imagePath": name, "imageData": None, **keys}
    path.with_name(f"{path.name}.json").write_text(json.dumps(content), encoding="utf-8")


def coco(
    path: Path, images: Sequence[Any], annotations: Sequence[Any], names: Sequence[str] = ("cat", "dog"), **keys: Any
) -> None:
    """A COCO file; `images` are names of files or whole entries, whose files are not made; categories count from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [
        each if isinstance(each, dict) else {"id": at, "file_name": each, "width": 8, "height": 4}
        for at, each in enumerate(images, 1)
    ]
    categories = [{"id": at, "name": name} for at, name in enumerate(names, 1)]
    content = {"images": entries, "annotations": annotations, "categories": categories, **keys}
    path.write_text(json.dumps(content), encoding="utf-8")


def instance(image: int, category: int, points: Any = LEFT, **keys: Any) -> dict[str, Any]:
    """An annotation of COCO: one polygon, or what `segmentation` says."""
    segmentation = [[value for point in points for value in point]]
    return {"id": 10 * image + category, "image_id": image, "category_id": category, "segmentation": segmentation, **keys}


def photos(root: Path, *names: str) -> None:
    """Images of 8 x 4 pixels."""
    for name in names:
        photo(root / name, 8, 4)


def yolo(root: Path, labels: Mapping[str, str], names: str | None = "names: [cat, dog]\n") -> None:
    """images/NAME.jpg with labels/NAME.txt for each, and data.yaml."""
    for name, text in labels.items():
        photo(root / f"images/{name}.jpg", 8, 4)
        written = root / f"labels/{name}.txt"
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text)
    if names is not None:
        (root / "data.yaml").write_text(names)


def half(class_id: int) -> str:
    """A line of YOLO: the left half."""
    return f"{class_id} 0 0 0.375 0 0.375 1 0 1\n"


def voc(root: Path, lists: Mapping[str, str], masks: Mapping[str, Any], palette: bool = True) -> None:
    """A tree of VOC: JPEGImages, SegmentationClass with palette, and the lists, whose ids are parted by blanks."""
    for name, values in masks.items():
        photo(root / f"JPEGImages/{name}.jpg", 8, 4)
        path = root / f"SegmentationClass/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(values.astype("uint8"))
        if palette and picture.mode == "L":
            picture.putpalette(bytes(range(256)) * 3)
        picture.save(path)
    for name, ids in lists.items():
        path = root / f"ImageSets/Segmentation/{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(ids.split()) + "\n")


Make = Callable[[Path], object]


def steps(*makes: Make) -> Make:
    """One after the other."""

    def make(root: Path) -> None:
        for each in makes:
            each(root)

    return make


def cut(name: str, size: int) -> Make:
    """Leaves the first bytes of a file."""
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:size])


def written(name: str, content: str | bytes) -> Make:
    """A file of this content."""

    def make(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return make

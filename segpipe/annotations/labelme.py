"""labelme: one JSON file of shapes beside each image; flat, or in subfolders that are then the given split."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segpipe.annotations import labels
from segpipe.annotations.class_map import ClassIds, class_ids
from segpipe.annotations.items import (
    Annotated,
    Found,
    Item,
    Source,
    files_below,
    given_by_folder,
    id_of,
    images_below,
    sorted_items,
    unannotated,
)
from segpipe.annotations.paint import paint
from segpipe.annotations.shapes import Shape
from segpipe.errors import DataError, plain
from segpipe.images import SUFFIXES
from segpipe.params import DataParams, ShapeParams
from segpipe.place import Place

FILLED = ("polygon", "rectangle", "circle")
POINTS_NEEDED = {"polygon": 3, "rectangle": 2, "circle": 2}
FAR = 1e6
"""Pixels: Pillow loses count of coordinates much larger than this, and paints something else or nothing."""


def source(root: Path, data: DataParams, names: Sequence[str]) -> Source:
    """The labelme files under `root`; `names` are the labels in the order of their ids, before data.class_map."""
    ids = class_ids(names, data.class_map)
    return Source(
        find(root, data.unannotated),
        ids.classes,
        partial(read, ids=ids, how=data.shapes),
        partial(labels.judge, ids=ids, key="data.labelme.classes"),
    )


def find(root: Path, rule: str) -> Found:
    """Every image under `root` with its JSON; `rule` (error, skip, background) is for images without one."""
    images = dict.fromkeys(images_below(root))
    items: list[Item] = []
    problems: list[DataError] = []
    annotated: set[Path] = set()
    for path in files_below(root, (".json",)):
        image = _image_of(path, root, images)
        if isinstance(image, DataError):
            problems.append(image)
        elif image in annotated:
            name = path.relative_to(root).as_posix()
            problems.append(DataError(name, f"a second JSON file for {image.name}", "Remove one of the two."))
        else:
            annotated.add(image)
            items.append(_item(image, root, path))
    for image in images:
        if image not in annotated:
            problem = unannotated(image.relative_to(root).as_posix(), rule, "a JSON file")
            if problem:
                problems.append(problem)
            elif rule == "background":
                items.append(_item(image, root, None))
    return sorted_items(items, problems)


def read(item: Item, width: int, height: int, ids: ClassIds, how: ShapeParams) -> Annotated:
    """The shapes of an item's file as a mask.

    No mask where a label is in no list. Raises DataError for a broken file, another image's size and shapes that cannot
    be filled.
    """
    if item.annotation is None:
        return Annotated(np.zeros((height, width), np.uint8))
    name = item.annotation_name
    content = read_json(item.annotation.read(), name)
    _check_size(content, width, height, name)
    shapes = [_shape(shape, number, name) for number, shape in enumerate(content["shapes"])]
    found = labels_of(content, name)
    mask = paint(shapes, ids.ids, height, width, how) if found <= ids.ids.keys() else None
    return Annotated(mask, tuple(sorted(found)))


def read_json(content: bytes, name: str) -> dict[str, Any]:
    """A labelme file's content. Raises DataError where it is no JSON, or JSON of another kind."""
    try:
        content = json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = str(error).split(": ")[0] if isinstance(error, json.JSONDecodeError) else "not text"
        raise DataError(name, f"a JSON file that is broken ({reason})", "Save it again in labelme, or remove it.") from None
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError(name, "a JSON file that is not labelme's (it has no list of shapes)", "Move it out of the folder.")
    return dict(content)


def labels_of(content: dict[str, Any], name: str) -> set[str]:
    """The labels of a file's shapes. Raises DataError for one with line ends or other control characters."""
    labels = {str(shape.get("label")) for shape in content["shapes"]}
    strange = sorted(label for label in labels if plain(label) != label)
    if strange:
        raise DataError(name, f'a label with control characters ("{strange[0]}")', "Write labels in one line of plain text.")
    return labels


def _item(image: Path, root: Path, annotation: Path | None) -> Item:
    relative = PurePosixPath(image.relative_to(root).as_posix())
    item_id = id_of(relative)
    place, name = (Place(annotation), annotation.relative_to(root).as_posix()) if annotation else (None, "")
    return Item(item_id, relative.as_posix(), Place(image), place, given_by_folder(item_id), annotation_name=name)


def _image_of(path: Path, root: Path, images: dict[Path, None]) -> Path | DataError:
    """The image beside a JSON file: of the same stem, or else the one its imagePath names."""
    for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):
        if path.with_suffix(suffix) in images:
            return path.with_suffix(suffix)
    name = path.relative_to(root).as_posix()
    try:
        named = str(read_json(path.read_bytes(), name).get("imagePath", "")).replace("\\", "/").replace("\0", "")
    except DataError as error:
        return error
    for candidate in (path.parent / named, path.parent / PurePosixPath(named).name):
        # Only images found under the folder count, so an imagePath can lead nowhere else.
        resolved = candidate.resolve()
        match = next((image for image in images if image.name == resolved.name and image.resolve() == resolved), None)
        if match:
            return match
    return DataError(name, f'its image "{named}" is not in the folder', "Put the image beside the JSON file, or remove the file.")


def _check_size(content: dict[str, Any], width: int, height: int, name: str) -> None:
    said = content.get("imageWidth") or width, content.get("imageHeight") or height
    if said != (width, height):
        raise DataError(
            name,
            f"made for an image of {said[0]} x {said[1]} pixels, but the image has {width} x {height}",
            "Bring back the image that was annotated, or annotate this one.",
        )


def _shape(shape: dict[str, Any], number: int, name: str) -> Shape:
    """The kind and the points of a shape. Raises DataError where it cannot be filled."""
    kind: Any = shape.get("shape_type") or "polygon"
    where = f'shape {number + 1} ("{shape.get("label")}")'
    if kind not in FILLED:
        raise DataError(name, f"{where} is a {kind}, which has no area or is not read yet", f"Draw it as {', '.join(FILLED)}.")
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        points = []
    needed = POINTS_NEEDED[kind]
    enough = len(points) >= needed if kind == "polygon" else len(points) == needed
    if not enough or not all(abs(value) < FAR for point in points for value in point):
        raise DataError(name, f"{where} has no {needed} points that are numbers near the image", "Draw it again in labelme.")
    return Shape(kind, str(shape.get("label")), (tuple(points),))

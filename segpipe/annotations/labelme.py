"""labelme: one JSON file of shapes beside each image; flat, or in subfolders that are then the given split."""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations import polygons
from segpipe.annotations.items import Found, Item, files_below, found, given_by_folder, id_of, images_below, unannotated
from segpipe.errors import DataError, plain
from segpipe.images import SUFFIXES
from segpipe.place import Place
from segpipe.record import IGNORE

IGNORE_LABELS = ("__ignore__", "ignore")
POINTS_NEEDED = {"polygon": 3, "rectangle": 2, "circle": 2}
FAR = 1e6
"""Pixels: Pillow loses count of coordinates much larger than this, and paints something else or nothing."""


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
            items.append(_item(image, root, Place(path)))
    for image in images:
        if image not in annotated:
            problem = unannotated(image.relative_to(root).as_posix(), rule, "a JSON file", "data.labelme.unannotated")
            if problem:
                problems.append(problem)
            elif rule == "background":
                items.append(_item(image, root, None))
    return found(items, problems)


def mask_of(item: Item, width: int, height: int, classes: Sequence[str]) -> NDArray[np.uint8]:
    """The shapes painted in the order of the file, (H, W) class ids, 255 under `__ignore__`.

    Raises DataError for a broken file, another image's size, unknown labels and shapes that cannot be filled.
    """
    canvas = polygons.blank(width, height)
    if item.annotation is None:
        return polygons.as_array(canvas)
    name = item.annotation.file.name
    name = (PurePosixPath(item.id).parent / name).as_posix()
    content = read_json(item.annotation.file, name)
    _check_size(content, width, height, name)
    ids = {label: index for index, label in enumerate(classes)} | dict.fromkeys(IGNORE_LABELS, IGNORE)
    ids |= {"_background_": 0, "background": 0} if classes[0] in ("background", "_background_") else {}
    unknown = sorted(labels_of(content, name) - ids.keys())
    if unknown:
        raise DataError(
            name,
            f"labels that data.labelme.classes does not list: {', '.join(unknown)}",
            "Add them to data.labelme.classes, or correct them in labelme.",
        )
    for number, shape in enumerate(content["shapes"]):
        kind, points = _shape(shape, number, name)
        polygons.paint(canvas, kind, points, ids[str(shape.get("label"))])
    return polygons.as_array(canvas)


def read_json(path: Path, name: str) -> dict[str, Any]:
    """A labelme file's content. Raises DataError where it is no JSON, or JSON of another kind."""
    try:
        content = json.loads(path.read_bytes())
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


def _item(image: Path, root: Path, annotation: Place | None) -> Item:
    relative = PurePosixPath(image.relative_to(root).as_posix())
    item_id = id_of(relative)
    return Item(item_id, relative.as_posix(), Place(image), annotation, given_by_folder(item_id))


def _image_of(path: Path, root: Path, images: dict[Path, None]) -> Path | DataError:
    """The image beside a JSON file: of the same stem, or else the one its imagePath names."""
    for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):
        if path.with_suffix(suffix) in images:
            return path.with_suffix(suffix)
    name = path.relative_to(root).as_posix()
    try:
        named = str(read_json(path, name).get("imagePath", "")).replace("\\", "/").replace("\0", "")
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


def _shape(shape: dict[str, Any], number: int, name: str) -> tuple[str, list[polygons.Point]]:
    """The kind and the points of a shape. Raises DataError where it cannot be filled."""
    kind = shape.get("shape_type") or "polygon"
    where = f'shape {number + 1} ("{shape.get("label")}")'
    if kind not in polygons.FILLED:
        raise DataError(
            name, f"{where} is a {kind}, which has no area or is not read yet", f"Draw it as {', '.join(polygons.FILLED)}."
        )
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        points = []
    needed = POINTS_NEEDED[kind]
    enough = len(points) >= needed if kind == "polygon" else len(points) == needed
    if not enough or not all(abs(value) < FAR for point in points for value in point):
        raise DataError(name, f"{where} has no {needed} points that are numbers near the image", "Draw it again in labelme.")
    return kind, points

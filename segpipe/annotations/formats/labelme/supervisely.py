"""Supervisely's JSON (`ds/ann/a.jpg.json` with `ds/img/a.jpg`) as a file of labelme, and which files of a project count."""

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segpipe.annotations.exported_names import SUPERVISELY, class_titles
from segpipe.errors import DataError
from segpipe.images.decode import mask_strips
from segpipe.record import Mask

TYPES = {"line": "linestrip"}
"""What its geometryType is called by labelme, where the names differ."""
FOLDERS = {True: "ann", False: "img"}
"""Where a project keeps its JSON of annotations, and where its images."""
PNG = b"\x89PNG"
MAX_BITMAP_BYTES = 2**28
"""Bytes of a bitmap's PNG: more cannot be an image that is read."""


def is_supervisely(content: Any) -> bool:
    """Whether JSON is that of an annotated image: a size and a list of objects."""
    return isinstance(content, dict) and isinstance(content.get("objects"), list) and isinstance(content.get("size"), dict)


def as_labelme(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The same as labelme would have it, a shape for each object in their order; `name` is the file's.

    A polygon's `holes` and a bitmap, which labelme does not have, are kept for `segpipe.annotations.formats.labelme.shapes`.
    """
    image = PurePosixPath(name).stem
    size = content["size"]
    return {
        "imagePath": f"../{FOLDERS[False]}/{image}",
        "imageWidth": size.get("width"),
        "imageHeight": size.get("height"),
        "shapes": [_shape(each) if isinstance(each, dict) else each for each in content["objects"]],
    }


def _shape(given: Mapping[str, Any]) -> dict[str, Any]:
    kind = given.get("geometryType")
    shape = {"label": given.get("classTitle"), "shape_type": TYPES.get(kind, kind) if isinstance(kind, str) else kind}
    if kind == "bitmap":
        bitmap = given.get("bitmap")
        bitmap = bitmap if isinstance(bitmap, dict) else {}
        return shape | {"points": [bitmap.get("origin")], "bitmap": bitmap.get("data")}
    points = given.get("points")
    points = points if isinstance(points, dict) else {}
    return shape | {"points": points.get("exterior"), "holes": points.get("interior") if kind == "polygon" else None}


def pixels(data: object, who: str, name: str, remedy: str) -> Mask:
    """The (H, W) pixels of a bitmap, 0 or 1: a PNG, packed by zlib, in base64. Raises DataError where it is none.

    Its alpha says what belongs to the object, where it has one, else its values or its palette's indices.
    """
    try:
        content = base64.b64decode(data) if isinstance(data, str) else b""
        if not content.startswith(PNG):
            content = zlib.decompressobj().decompress(content, MAX_BITMAP_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        content = b""
    if not content:
        raise DataError(name, f"{who} without pixels: its data is no PNG, packed by zlib, in base64", remedy)
    try:
        values = np.concatenate(list(mask_strips(content, name)))
    except DataError as problem:
        raise DataError(name, f"{who} with a bitmap that cannot be read: {problem.problem}", remedy) from None
    if values.ndim == 3:
        values = values[..., -1] if values.shape[2] in (2, 4) else values.max(axis=2)
    return (values != 0).astype(np.uint8)


def without_project_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Of the images and JSON files of a folder those that hold data: in a project of Supervisely, what lies in `img` or `ann`.

    A project is a folder with its meta.json, which names the classes, and with folders of annotations.
    """
    annotated = [path for path in paths if path.parent.name == FOLDERS[True]]
    folders = {path.parent for path in paths if path.name == SUPERVISELY and class_titles(path)}
    projects = {folder for folder in folders if any(path.is_relative_to(folder) for path in annotated)}
    return tuple(path for path in paths if not _is_project_file(path, projects))


def _is_project_file(path: Path, projects: set[Path]) -> bool:
    """Whether it lies in a project, and neither in its folder of images nor in that of annotations."""
    is_json = path.suffix.lower() == ".json"
    return path.parent.name != FOLDERS[is_json] and any(path.is_relative_to(project) for project in projects)

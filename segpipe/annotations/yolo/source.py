"""YOLO: a text file of polygons for each image, `images/a.jpg` with `labels/a.txt` or side by side, and data.yaml."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from segpipe.annotations import labels
from segpipe.annotations.class_map import ClassIds, class_ids
from segpipe.annotations.first_look.class_names import LISTS, PLAUSIBLE, read_list
from segpipe.annotations.items import (
    Annotated,
    Found,
    Item,
    Source,
    files_below,
    images_below,
    part_in_names,
    sorted_items,
    unannotated,
    without_folder,
)
from segpipe.annotations.shapes.odd import oddities
from segpipe.annotations.shapes.paint import paint
from segpipe.annotations.shapes.shape import Shape
from segpipe.annotations.yolo import darknet, lines
from segpipe.annotations.yolo.lines import EXPORT, Polygon, read_lines
from segpipe.annotations.yolo.names import DataYaml, find_yaml, parts_of
from segpipe.errors import DataError, Fix
from segpipe.params import DataParams, ShapeParams
from segpipe.place import Place
from segpipe.record import BACKGROUND_NAMES

IMAGES, LABELS = "images", "labels"
BLOCK = "data.yolo.classes"
TRIED = 20
"""So many label files tell whether a folder is YOLO's."""


def source(root: Path, data: DataParams) -> Source:
    """The images under `root`. Class ids mean the names of data.yaml, else of classes.txt, else those of data.yolo.classes."""
    ids = class_ids(data.yolo.classes, data.class_map)
    found = find_yaml(root) or darknet.find(root)
    listed = None if found and found.names else read_list(root) or read_list(root / LABELS)
    names = found.names if found and found.names else dict(enumerate(listed.names)) if listed else {}
    where = found.name if found and found.names else listed.file if listed else BLOCK
    known = names or dict(enumerate(name for name in data.yolo.classes if name not in BACKGROUND_NAMES))
    return Source(
        find(root, found, data.unannotated),
        ids.classes,
        partial(read, names=known, where=where, ids=ids, how=data.shapes),
        partial(labels.judge, ids=ids, key=BLOCK),
        listed=tuple(dict.fromkeys(names.values())),
    )


def find(root: Path, yaml: DataYaml | None, rule: str) -> Found:
    """Every image with its label file; where folders are called `images`, only what lies in them counts."""
    files = _label_files(root)
    images = {path.relative_to(root).as_posix(): path for path in images_below(root)}
    if any(_is_below(name, IMAGES) for name in images):
        images = {name: path for name, path in images.items() if _is_below(name, IMAGES)}
    parts, problems = parts_of(yaml, root, images) if yaml else ({}, [])
    problems += yaml.problems if yaml else ()
    items: list[Item] = []
    used: set[str] = set()
    for name, path in images.items():
        own = files.get(without_folder(name, IMAGES), [])
        given = parts.get(name) or part_in_names(PurePosixPath(name).parts[-2::-1])
        problem = None if own else unannotated(name, rule, "a label file")
        used.update(own)
        if len(own) > 1:
            what = f"{'two' if len(own) == 2 else len(own)} label files for one image, {name}"
            problems.append(DataError(" and ".join(own), what, "Keep one of them."))
        elif problem:
            problems.append(problem)
        elif own or rule == "background":
            place, label = (Place(root / own[0]), own[0]) if own else (None, "")
            items.append(Item(without_folder(name, IMAGES), name, Place(path), place, given, annotation_name=label))
    problems += [
        DataError(file, "a label file without an image", "Add its image, or remove it.")
        for own in files.values()
        for file in own
        if file not in used and _is_below(file, LABELS)
    ]
    return sorted_items(items, problems)


def read(item: Item, width: int, height: int, names: Mapping[int, str], where: str, ids: ClassIds, how: ShapeParams) -> Annotated:
    """The polygons of an item's label file as a mask; an empty file draws nothing. `values` are the classes' names.

    No mask where something is wrong with the file. `names` are those of the class ids, from the file `where`.
    """
    if item.annotation is None:
        return Annotated(np.zeros((height, width), np.uint8))
    polygons, problems = read_lines(item.annotation.read(), item.annotation_name)
    problems += _unnamed(polygons, names, where, item.annotation_name)
    known = [polygon for polygon in polygons if polygon.class_id in names]
    values = tuple(sorted({names[polygon.class_id] for polygon in known}))
    if not set(values) <= ids.ids.keys() or not all(problem.warning for problem in problems):
        return Annotated(None, values, tuple(problems))
    shapes = [_shape(polygon, names[polygon.class_id], width, height) for polygon in known]
    problems += _odd(known, shapes, item.annotation_name)
    return Annotated(paint(shapes, ids.ids, height, width, how), values, tuple(problems))


def _unnamed(polygons: Sequence[Polygon], names: Mapping[int, str], where: str, file: str) -> list[DataError]:
    """The class ids that have no name, with the first line that has one."""
    unnamed = sorted({polygon.class_id for polygon in polygons} - names.keys())
    if not unnamed:
        return []
    what = f"class ids that {where} does not name: {', '.join(map(str, unnamed[:8]))}{' ...' if len(unnamed) > 8 else ''}"
    first = next(polygon.line for polygon in polygons if polygon.class_id in unnamed)
    fix = _named(unnamed, names) if where == BLOCK else None
    return [DataError(lines.where(first, file), what, "Name every class id, or correct the label file.", fix)]


def _odd(polygons: Sequence[Polygon], shapes: Sequence[Shape], file: str) -> list[DataError]:
    """A warning for each way in which polygons are strange, with the first line that is."""
    first: dict[str, int] = {}
    for polygon, shape in zip(polygons, shapes, strict=True):
        for what in oddities(shape, None):
            first.setdefault(what, polygon.line)
    return [DataError(lines.where(at, file), f"a polygon {what}", EXPORT, warning=True) for what, at in first.items()]


def _named(class_ids: Sequence[int], names: Mapping[int, str]) -> tuple[Fix, ...] | None:
    """The lines that name the classes up to the last of these ids; none where so many are hardly classes."""
    missing = range(len(names), max(class_ids) + 1)
    return tuple(Fix(BLOCK, f"class_{number}", adds=True) for number in missing) if missing.stop <= PLAUSIBLE else None


def _shape(polygon: Polygon, label: str, width: int, height: int) -> Shape:
    """A line's polygon in pixels."""
    return Shape("polygon", label, (tuple((x * width, y * height) for x, y in polygon.points),))


def is_yolo(root: Path) -> bool:
    """Whether images have text files of their names, and there is a data.yaml or most hold a class id and numbers."""
    files = _label_files(root)
    images = {without_folder(path.relative_to(root).as_posix(), IMAGES) for path in images_below(root)}
    own = [file for key in sorted(images & files.keys()) for file in files[key]]
    lines = [line for file in own[:TRIED] if (line := _first_line(root / file))]
    # Some may be broken: that is told when they are read.
    return bool(own) and (find_yaml(root) is not None or 2 * sum(map(_is_line, lines)) > len(lines))


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return stream.readline(2**16).strip()


def _is_line(line: str) -> bool:
    words = line.split()
    try:
        return len(words) >= 5 and all(abs(float(word)) < 1e9 for word in words)
    except ValueError:
        return False


def _label_files(root: Path) -> dict[str, list[str]]:
    """The text files that may be labels, by their path less that folder and the suffix."""
    files: dict[str, list[str]] = {}
    for path in files_below(root, (".txt",)):
        name = path.relative_to(root).as_posix()
        if path.name not in LISTS:
            # Side by side with their images, they lie in the folder of images.
            files.setdefault(without_folder(name, LABELS if _is_below(name, LABELS) else IMAGES), []).append(name)
    return files


def _is_below(name: str, folder: str) -> bool:
    return folder in (part.lower() for part in PurePosixPath(name).parts[:-1])

"""YOLO: a text file of polygons for each image, `images/a.jpg` with `labels/a.txt` or side by side, and data.yaml."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from segpipe.annotations import labels
from segpipe.annotations.class_map import ClassIds, class_ids
from segpipe.annotations.class_names import LISTS, PLAUSIBLE, read_list
from segpipe.annotations.formats.yolo import darknet, lines
from segpipe.annotations.formats.yolo.lines import EXPORT_AGAIN, Polygon, read_lines
from segpipe.annotations.formats.yolo.names import DataYaml, find_yaml, parts_of
from segpipe.annotations.formats.yolo.pairing import IMAGES, LABELS, Pairs, holds_labels, is_below, pair
from segpipe.annotations.items import (
    Item,
    ItemList,
    ParsedAnnotation,
    Source,
    files_below,
    images_below,
    part_in_names,
    sorted_items,
    unannotated,
    without_folder,
)
from segpipe.annotations.raster.degenerate import shape_warnings
from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.shape import Shape
from segpipe.errors import DataError, Fix
from segpipe.params.schema import DataParams, ShapeParams
from segpipe.record import is_background
from segpipe.storage.byte_source import FileRange

CLASSES_KEY = "data.yolo.classes"
MAX_TRIED = 20
"""Label files that are opened to find out whether a folder is YOLO's."""


def source(root: Path, data: DataParams) -> Source:
    """The images under `root`. Class ids mean the names of data.yaml, else of classes.txt, else those of data.yolo.classes."""
    ids = class_ids(data.yolo.classes, data.class_map)
    found = find_yaml(root) or darknet.find(root)
    listed = None if found and found.names else read_list(root) or read_list(root / LABELS)
    names = found.names if found and found.names else dict(enumerate(listed.names)) if listed else {}
    where = found.name if found and found.names else listed.file if listed else CLASSES_KEY
    known = names or dict(enumerate(name for name in data.yolo.classes if not is_background(name)))
    files = find(root, found, data.unannotated)
    return Source(
        replace(files, problems=(*(listed.gaps() if listed else ()), *files.problems)),
        ids.classes,
        partial(read, names=known, where=where, ids=ids, how=data.shapes),
        partial(labels.unknown_labels, ids=ids, key=CLASSES_KEY),
        listed=tuple(dict.fromkeys(names.values())),
    )


def find(root: Path, yaml: DataYaml | None, rule: str) -> ItemList:
    """Every image that counts (see `pairing`), with its label file; `rule` is data.unannotated."""
    texts = _texts(root)
    paths = {path.relative_to(root).as_posix(): path for path in images_below(root)}
    parts, problems = parts_of(yaml, root, paths) if yaml else ({}, [])
    pairs = pair(paths, texts, parts)
    problems += [*(yaml.problems if yaml else ()), *_other_folders(pairs.near), *_without_image(root, texts, pairs)]
    items: list[Item] = []
    mentioned: list[str] = []
    for name, own in pairs.labels.items():
        given = parts.get(name) or part_in_names(PurePosixPath(name).parts[-2::-1])
        problem = None if own else unannotated(name, rule, "a label file")
        if len(own) > 1:
            what = f"{'two' if len(own) == 2 else len(own)} label files for one image, {name}"
            problems.append(DataError(" and ".join(own), what, "Keep one of them."))
            mentioned.append(name)
        elif problem:
            problems.append(problem)
        elif own or rule == "background":
            place, label = (FileRange(root / own[0]), own[0]) if own else (None, "")
            items.append(Item(without_folder(name, IMAGES), name, FileRange(paths[name]), place, given, annotation_name=label))
    return sorted_items(items, problems, mentioned)


def _other_folders(names: Sequence[str]) -> list[DataError]:
    """A warning for each folder of another name than `images` that is read as one."""
    counts = Counter(PurePosixPath(name).parent.as_posix() for name in names)
    what = "read like a folder called images, since there are label files for it, or data.yaml names it"
    remedy = "Take it out of data.path if it is not meant."
    return [
        DataError(f"{name} ({count} image file{'s' if count > 1 else ''})", what, remedy, warning=True)
        for name, count in counts.items()
    ]


def _without_image(root: Path, texts: Sequence[str], pairs: Pairs) -> list[DataError]:
    """A problem for each label file that no image has."""
    used = {file for own in pairs.labels.values() for file in own}
    left = [file for file in texts if file not in used]
    labels = [file for file in left if is_below(file, LABELS) or (holds_labels(file) and _is_line(_first_line(root / file)))]
    return [DataError(file, "a label file without an image", "Add its image, or remove it.") for file in labels]


def read(
    item: Item, width: int, height: int, names: Mapping[int, str], where: str, ids: ClassIds, how: ShapeParams
) -> ParsedAnnotation:
    """The polygons of an item's label file as a mask; an empty file draws nothing. `values` are the classes' names.

    No mask where something is wrong with the file. `names` are those of the class ids, from the file `where`.
    """
    if item.annotation is None:
        return ParsedAnnotation(np.zeros((height, width), np.uint8))
    polygons, problems = read_lines(item.annotation.read(), item.annotation_name)
    problems += _unnamed(polygons, names, where, item.annotation_name)
    known = [polygon for polygon in polygons if polygon.class_id in names]
    values = tuple(sorted({names[polygon.class_id] for polygon in known}))
    if not set(values) <= ids.ids.keys() or not all(problem.warning for problem in problems):
        return ParsedAnnotation(None, values, tuple(problems))
    shapes = [_shape(polygon, names[polygon.class_id], width, height) for polygon in known]
    problems += _shape_warnings(known, shapes, item.annotation_name)
    return ParsedAnnotation(paint(shapes, ids.ids, height, width, how), values, tuple(problems))


def _unnamed(polygons: Sequence[Polygon], names: Mapping[int, str], where: str, file: str) -> list[DataError]:
    """The class ids that have no name, with the first line that has one."""
    unnamed = sorted({polygon.class_id for polygon in polygons} - names.keys())
    if not unnamed:
        return []
    what = f"class ids that {where} does not name: {', '.join(map(str, unnamed[:8]))}{' ...' if len(unnamed) > 8 else ''}"
    first = next(polygon.line for polygon in polygons if polygon.class_id in unnamed)
    fix = _named(unnamed, names) if where == CLASSES_KEY else None
    return [DataError(lines.line_location(first, file), what, "Name every class id, or correct the label file.", fix)]


def _shape_warnings(polygons: Sequence[Polygon], shapes: Sequence[Shape], file: str) -> list[DataError]:
    """A warning for each way in which polygons are strange, with the first line that is."""
    first: dict[str, int] = {}
    for polygon, shape in zip(polygons, shapes, strict=True):
        for what in shape_warnings(shape, None):
            first.setdefault(what, polygon.line)
    return [
        DataError(lines.line_location(at, file), f"a polygon {what}", EXPORT_AGAIN, warning=True) for what, at in first.items()
    ]


def _named(class_ids: Sequence[int], names: Mapping[int, str]) -> tuple[Fix, ...] | None:
    """The lines that name the classes up to the last of these ids; none where so many are hardly classes."""
    missing = range(len(names), max(class_ids) + 1)
    return tuple(Fix(CLASSES_KEY, f"class_{number}", adds=True) for number in missing) if missing.stop <= PLAUSIBLE else None


def _shape(polygon: Polygon, label: str, width: int, height: int) -> Shape:
    """A line's polygon in pixels."""
    return Shape("polygon", label, (tuple((x * width, y * height) for x, y in polygon.points),))


def is_yolo(root: Path) -> bool:
    """Whether images have text files of their names, and there is a data.yaml or most hold a class id and numbers."""
    pairs = pair((path.relative_to(root).as_posix() for path in images_below(root)), _texts(root))
    own = [file for name in sorted(pairs.labels) for file in pairs.labels[name]]
    lines = [line for file in own[:MAX_TRIED] if (line := _first_line(root / file))]
    # Some may be broken: reading them reports that.
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


def _texts(root: Path) -> list[str]:
    """The text files that may be labels."""
    return [path.relative_to(root).as_posix() for path in files_below(root, (".txt",)) if path.name not in LISTS]

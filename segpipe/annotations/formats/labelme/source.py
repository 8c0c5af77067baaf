"""labelme: a JSON file of shapes for each image, beside it or elsewhere; folders train, val and test are the given split."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segpipe.annotations import labels
from segpipe.annotations.class_map import ClassIds, class_ids
from segpipe.annotations.formats.labelme import supervisely
from segpipe.annotations.formats.labelme.embedded import Embedded
from segpipe.annotations.formats.labelme.images import Images, Match
from segpipe.annotations.formats.labelme.json_file import read_json, short
from segpipe.annotations.formats.labelme.shapes import parse_shapes
from segpipe.annotations.items import (
    Item,
    ItemList,
    ParsedAnnotation,
    Source,
    files_below,
    given_by_folder,
    id_of,
    sorted_items,
    unannotated,
)
from segpipe.annotations.raster.paint import paint
from segpipe.errors import DataError
from segpipe.images.decode import SUFFIXES
from segpipe.params.schema import DataParams, ShapeParams
from segpipe.storage.byte_source import FileRange


def source(root: Path, data: DataParams, names: Sequence[str]) -> Source:
    """The labelme files under `root`; `names` are the labels in the order of their ids, before data.class_map."""
    ids = class_ids(names, data.class_map)
    return Source(
        find(root, data.unannotated),
        ids.classes,
        partial(read, ids=ids, how=data.shapes),
        partial(labels.unknown_labels, ids=ids, key="data.labelme.classes"),
    )


def find(root: Path, rule: str) -> ItemList:
    """Every image under `root` with its JSON, and every image inside a JSON; `rule` is for images without one."""
    paths = supervisely.without_project_files(tuple(files_below(root, (*SUFFIXES, ".json"))))
    images = [path for path in paths if path.suffix.lower() != ".json"]
    index = Images(root, images)
    results = [index.match(path) for path in paths if path.suffix.lower() == ".json"]
    pointing = {result.image for result in results if isinstance(result, Match) and result.image}
    results = [index.find_by_name(each, pointing) if isinstance(each, Match) and not each.image else each for each in results]
    matches, problems = _one_each([result for result in results if isinstance(result, Match)], index)
    problems += [result for result in results if isinstance(result, DataError)]
    items = [_item(match, root) for match in matches]
    annotated = {match.image for match in matches}
    for image in images:
        if image not in annotated:
            problem = unannotated(image.relative_to(root).as_posix(), rule, "a JSON file")
            if problem:
                problems.append(problem)
            elif rule == "background":
                items.append(_bare(image, root))
    return sorted_items(items, problems)


def read(item: Item, width: int, height: int, ids: ClassIds, how: ShapeParams) -> ParsedAnnotation:
    """The shapes of an item's file as a mask, its labels, and all that is wrong with it.

    No mask where a label is in no list, and where something is wrong. Raises DataError for a file that is no labelme JSON.
    """
    if item.annotation is None:
        return ParsedAnnotation(np.zeros((height, width), np.uint8))
    name = item.annotation_name
    content = read_json(item.annotation.read(), name)
    wrong_size = _size_problem(content, width, height, name)
    found = parse_shapes(content["shapes"], name, None if wrong_size else (width, height))
    problems = (*([wrong_size] if wrong_size else []), *found.problems)
    sound = all(problem.warning for problem in problems) and ids.ids.keys() >= set(found.labels)
    mask = paint(found.shapes, ids.ids, height, width, how) if sound else None
    return ParsedAnnotation(mask, found.labels, problems)


def _one_each(matches: Iterable[Match], index: Images) -> tuple[list[Match], list[DataError]]:
    """One JSON file an image: further ones are errors. A guess is worth a warning."""
    kept: list[Match] = []
    problems: list[DataError] = []
    taken: dict[Path, str] = {}
    for match in matches:
        name = index.display_name(match.path)
        if match.image in taken:
            what = f"two JSON files for one image, {index.display_name(match.image)}"
            problems.append(DataError(f"{taken[match.image]} and {name}", what, "Remove one of the two."))
            continue
        kept.append(match)
        if match.image:
            taken[match.image] = name
        if match.guessed:
            what = "its image is not where imagePath says; the only one of that name was taken"
            problems.append(DataError(name, what, "Make sure that they belong together.", warning=True))
    return kept, problems


def _item(match: Match, root: Path) -> Item:
    place, name = FileRange(match.path), match.path.relative_to(root).as_posix()
    if match.image:
        bare = _bare(match.image, root)
        return Item(bare.id, bare.source, bare.image, place, bare.given, annotation_name=name)
    item_id = id_of(PurePosixPath(name))
    image = Embedded(place, name)
    return Item(item_id, name, image, place, given_by_folder(item_id), annotation_name=name, suffix=match.suffix or "")


def _bare(image: Path, root: Path) -> Item:
    """An image without annotation."""
    relative = PurePosixPath(image.relative_to(root).as_posix())
    item_id = id_of(relative)
    return Item(item_id, relative.as_posix(), FileRange(image), None, given_by_folder(item_id))


def _size_problem(content: dict[str, Any], width: int, height: int, name: str) -> DataError | None:
    """What is wrong with the size that a file says its image has. Old files say none."""
    said = content.get("imageWidth") or width, content.get("imageHeight") or height
    if said == (width, height):
        return None
    if not all(isinstance(side, int | float) for side in said):
        return DataError(name, "an imageWidth or imageHeight that is no number", "Save it again in labelme.")
    what = f"made for an image of {short(said[0])} x {short(said[1])} pixels, but the image has {width} x {height}"
    if said == (height, width):
        remedy = "It was annotated lying on its side, without regard to EXIF's orientation: annotate it again in labelme."
    else:
        remedy = "Bring back the image that was annotated, or annotate this one."
    return DataError(name, what, remedy)

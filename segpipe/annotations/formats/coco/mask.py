"""The annotations of one COCO image as its mask: objects, crowds, and photos annotated without their EXIF orientation."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from segpipe.annotations.class_map import DROPPED, IGNORED, ClassIds
from segpipe.annotations.formats.coco.crowds import IF_OBJECT, IGNORED_CROWD, NEITHER, is_crowd
from segpipe.annotations.formats.coco.file import key_of, short
from segpipe.annotations.formats.coco.segments import shapes_of
from segpipe.annotations.items import Item, ParsedAnnotation
from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.shape import Shape
from segpipe.errors import DataError
from segpipe.images.decode import turn_of
from segpipe.images.limits import MAX_PIXELS
from segpipe.params.schema import ShapeParams
from segpipe.record import IGNORE, Mask

Size = tuple[int, int]
"""Width and height, in pixels."""
MAX_RLE_PIXELS = MAX_PIXELS
"""Pixels of all masks of one image: a few bytes of run lengths can stand for each of them."""
TOO_MANY_PIXELS = f"run lengths of more than {MAX_RLE_PIXELS} pixels in one image", "Cut the image into parts, or draw polygons."
OTHER_IMAGE = "Bring back the image that was annotated, or export the file again."


def read(item: Item, width: int, height: int, ids: ClassIds, how: ShapeParams, crowds_are: str) -> ParsedAnnotation:
    """An item's annotations as a mask. `values` are its categories' names. By `crowds_are`, which is data.coco.crowds, crowds
    are ignored where no object is drawn, or objects like others.

    No mask where something is wrong with one of them. Raises DataError for another image's size.
    """
    if item.annotation is None:
        return ParsedAnnotation(np.zeros((height, width), np.uint8))
    try:
        entry = json.loads(item.annotation.read())
    except (ValueError, RecursionError):
        raise DataError(item.annotation_name, "a JSON file that is not text in UTF-8", "Export it again.") from None
    size, turned = _checked_size(item, entry["size"], (width, height))
    objects, crowds, labels, wrong = _parse_shapes(item, entry, size, ids, crowds_are)
    values, problems = tuple(sorted(labels)), (*turned, *wrong)
    if not labels <= ids.ids.keys() or not all(problem.warning for problem in problems):
        return ParsedAnnotation(None, values, problems)
    mask = _mask(objects, crowds, size, ids, how)
    return ParsedAnnotation(mask if size == (width, height) else _reoriented(mask, item), values, problems)


def _parse_shapes(
    item: Item, entry: dict[str, Any], size: Size, ids: ClassIds, crowds_are: str
) -> tuple[list[Shape], list[Shape], set[str], list[DataError]]:
    """The shapes of objects, those of crowds, the names of the categories of all, and what is wrong with them."""
    objects: list[Shape] = []
    problems: list[DataError] = []
    crowds: list[Shape] = []
    labels: set[str] = set()
    n_pixels = 0
    for number, annotation in enumerate(entry["annotations"], start=1):
        own = short(annotation["id"]) if annotation.get("id") is not None else f"number {number}"
        name = f"annotation {own} of {item.source}"
        label = entry["names"].get(key_of(annotation.get("category_id")), "")
        labels |= {label} if label else set()
        crowd = is_crowd(annotation) if crowds_are == "ignore" else False
        for found in _shapes_of_one(annotation, label, name, size, crowd):
            if isinstance(found, DataError):
                problems.append(found)
            elif ids.ids.get(label) != DROPPED:
                (crowds if crowd else objects).append(found)
                n_pixels += 0 if found.pixels is None else found.pixels.size
        if n_pixels > MAX_RLE_PIXELS:
            raise DataError(item.annotation_name, *TOO_MANY_PIXELS)
    return objects, crowds, labels, problems


def _shapes_of_one(
    annotation: dict[str, Any], label: str, name: str, size: Size, crowd: bool | None
) -> Iterator[Shape | DataError]:
    """The shapes of one annotation, and what is wrong with it; without a label it has no category."""
    if not label:
        what = "a category_id that the file's categories do not list"
        yield DataError(name, what, "Add the category to the file, or remove the annotation.")
        return
    if crowd is None:
        yield DataError(name, *NEITHER)
    if crowd:
        yield DataError(name, IGNORED_CROWD, IF_OBJECT, warning=True)
    yield from shapes_of(annotation, IGNORED if crowd else label, name, size)


def _checked_size(item: Item, stated: Any, size: Size) -> tuple[Size, list[DataError]]:
    """The (width, height) that the annotations are in. Raises DataError where it is not that of the image, upright or not."""
    stated = tuple(stated) if stated else size
    if stated == size:
        return size, []
    turn = turn_of(item.image.read(), item.source)
    # Whether EXIF turns it on its side, tried on two pixels.
    if stated == size[::-1] and turn and turn(np.zeros((1, 2), np.uint8)).shape == (2, 1):
        what = "a photo whose COCO size is that before its turn by EXIF; its annotations were turned with it"
        remedy = "See on the contact sheet whether they fit; if not, save the photo upright, without EXIF."
        return stated, [DataError(item.source, what, remedy, warning=True)]
    what = f"made for an image of {stated[0]} x {stated[1]} pixels, but the image has {size[0]} x {size[1]}"
    raise DataError(item.annotation_name, what, OTHER_IMAGE)


def _mask(objects: Sequence[Shape], crowds: Sequence[Shape], size: Size, ids: ClassIds, how: ShapeParams) -> Mask:
    """The objects, and 255 where a crowd and no object is."""
    width, height = size
    mask = paint(objects, ids.ids, height, width, how)
    if crowds:
        crowd = paint(crowds, {IGNORED: IGNORE}, height, width, how)
        mask = np.where((mask == 0) & (crowd == IGNORE), np.uint8(IGNORE), mask)
    return mask


def _reoriented(mask: Mask, item: Item) -> Mask:
    """The mask in the orientation in which the photo is read, after EXIF."""
    turn = turn_of(item.image.read(), item.source)
    return np.ascontiguousarray(turn(mask)) if turn else mask

"""COCO: JSON files that list images, categories and instances; each image takes its own annotations from them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segpipe.annotations import labels
from segpipe.annotations.class_map import DROPPED, IGNORED, ClassIds, class_ids
from segpipe.annotations.coco_file import CocoFile, Listed, key_of, read_file
from segpipe.annotations.coco_segments import shapes_of
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
from segpipe.annotations.paint import paint
from segpipe.annotations.shapes import Shape
from segpipe.bounds import MAX_PIXELS
from segpipe.errors import DataError, PipelineError, plain
from segpipe.images import turn_of
from segpipe.params import DataParams, ShapeParams
from segpipe.place import Place
from segpipe.record import IGNORE, Mask

IMAGES = "images"
CROWD = ("a crowd (iscrowd is 1), which is ignored where no object is drawn", "If it is one object, set its iscrowd to 0.")
MOST_HELD = MAX_PIXELS
"""Pixels of all masks of one image: a few bytes of run lengths can stand for each of them."""
TOO_MUCH = (f"run lengths of more than {MOST_HELD} pixels in one image", "Cut the image into parts, or draw polygons.")
SIZE = "Bring back the image that was annotated, or export the file again."


def source(root: Path, data: DataParams) -> Source:
    """The images that the COCO files under `root` list. Raises PipelineError where there is no such file."""
    ids = class_ids(data.coco.classes, data.class_map)
    files, problems = _files(root)
    return Source(
        find(root, files, problems, data.unannotated),
        ids.classes,
        partial(read, ids=ids, how=data.shapes),
        partial(labels.judge, ids=ids, key="data.coco.classes"),
        listed=tuple(dict.fromkeys(name for file in files for name in file.names)),
    )


def find(root: Path, files: Sequence[CocoFile], problems: Iterable[DataError], rule: str) -> Found:
    """Every image that the files list and, by `rule` (error, skip, background), those that none lists."""
    images = {path.relative_to(root).as_posix(): path for path in images_below(root)}
    places = _Places(images)
    items: list[Item] = []
    found = [*problems, *(problem for file in files for problem in file.problems)]
    taken: set[str] = set()
    for file in files:
        for image in file.images:
            match = places.of(file, image)
            if isinstance(match, DataError):
                found.append(match)
            elif match in taken:
                what = "listed twice in the COCO files, so that its annotations are in two places"
                found.append(DataError(match, what, "Take one of the two out, with its annotations."))
            else:
                taken.add(match)
                items.append(_item(match, images[match], file, image))
    for name in images.keys() - taken:
        problem = unannotated(name, rule, "an entry in a COCO file")
        if problem:
            found.append(problem)
        elif rule == "background":
            items.append(Item(without_folder(name, IMAGES), name, Place(images[name]), None, part_in_names([name])))
    return sorted_items(items, sorted(found, key=str))


def read(item: Item, width: int, height: int, ids: ClassIds, how: ShapeParams) -> Annotated:
    """An item's annotations as a mask: crowds are ignored where no object is drawn. `values` are its categories' names.

    No mask where something is wrong with one of them. Raises DataError for another image's size.
    """
    if item.annotation is None:
        return Annotated(np.zeros((height, width), np.uint8))
    try:
        entry = json.loads(item.annotation.read())
    except (ValueError, RecursionError):
        raise DataError(item.annotation_name, "a JSON file that is not text in UTF-8", "Export it again.") from None
    size, problems = _checked_size(item, entry["size"], (width, height))
    objects: list[Shape] = []
    crowds: list[Shape] = []
    values: set[str] = set()
    held = 0
    for number, annotation in enumerate(entry["annotations"]):
        name = f"annotation {_short(annotation.get('id', number + 1))} of {item.source}"
        label = entry["names"].get(key_of(annotation.get("category_id")))
        if label is None:
            what = "a category_id that the file's categories do not list"
            problems.append(DataError(name, what, "Add the category to the file, or remove the annotation."))
            continue
        values.add(label)
        crowd = annotation.get("iscrowd") in (1, True)
        read = list(shapes_of(annotation, IGNORED if crowd else label, str(number), name, size))
        problems += [each for each in read if isinstance(each, DataError)]
        problems += [DataError(name, *CROWD, warning=True)] if crowd else []
        shapes = [each for each in read if isinstance(each, Shape) and ids.ids.get(label) != DROPPED]
        (crowds if crowd else objects).extend(shapes)
        held += sum(shape.pixels.size for shape in shapes if shape.pixels is not None)
        if held > MOST_HELD:
            raise DataError(item.annotation_name, *TOO_MUCH)
    if not values <= ids.ids.keys() or not all(problem.warning for problem in problems):
        return Annotated(None, tuple(sorted(values)), tuple(problems))
    mask = _mask(objects, crowds, size, ids, how)
    return Annotated(mask if size == (width, height) else _turned(mask, item), tuple(sorted(values)), tuple(problems))


def _files(root: Path) -> tuple[list[CocoFile], list[DataError]]:
    """The files of instances under `root`, and a sentence for each other JSON file. Raises PipelineError for none."""
    files: list[CocoFile] = []
    problems: list[DataError] = []
    others: list[str] = []
    for path in files_below(root, (".json",)):
        name = path.relative_to(root).as_posix()
        try:
            file = read_file(path, name)
        except DataError as problem:
            problems.append(problem)
            continue
        except OSError as error:
            problems.append(DataError(name, f"could not be read ({error.strerror})", "Mend its rights, or copy it again."))
            continue
        what = "that is not COCO's (it has no lists of images and annotations)" if file is None else f"of COCO's {file.other}"
        if file and not file.other:
            files.append(file)
        else:
            others.append(f"{name} is a file {what}")
            remedy = "It was left out; only files of instances are read."
            problems.append(DataError(name, f"a JSON file {what}", remedy, warning=True))
    if not files and not any(not problem.warning for problem in problems):
        told = f" ({'; '.join(others[:3])}{' ...' if len(others) > 3 else ''})" if others else ""
        raise PipelineError(f"{root}: no COCO file of instances in it{told}. Export instance segmentation as COCO JSON.")
    # COCO's own download repeats the persons of its instances in a file of keypoints.
    if not all(file.keypoints for file in files):
        problems += [_left_out(file) for file in files if file.keypoints]
        files = [file for file in files if not file.keypoints]
    return files, problems


def _left_out(file: CocoFile) -> DataError:
    what = "a JSON file of COCO's keypoints beside one of instances"
    return DataError(file.name, what, "It was left out; only files of instances are read.", warning=True)


class _Places:
    """Finds the image that a file_name means: only files below the data's folder count, so none can lead elsewhere."""

    def __init__(self, images: Iterable[str]) -> None:
        self.images = set(images)
        self.of_name: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.images):
            self.of_name[PurePosixPath(name).name].append(name)

    def of(self, file: CocoFile, image: Listed) -> str | DataError:
        """The relative path of a listed image: beside its file, below the root, by the end of its path, or by its name."""
        path = PurePosixPath(image.file_name.replace("\\", "/"))
        if ".." not in path.parts and not path.is_absolute():
            for folder in (PurePosixPath(file.name).parent, PurePosixPath()):
                if (folder / path).as_posix() in self.images:
                    return (folder / path).as_posix()
        called = self.of_name.get(path.name, [])
        ending = [name for name in called if f"/{name}".endswith(f"/{path.as_posix()}")] or called
        part = _part(file, "")
        fitting = [name for name in ending if part and part_in_names(PurePosixPath(name).parts[-2::-1]) == part] or ending
        if len(fitting) == 1:
            return fitting[0]
        where = f"{image.file_name} in {file.name}"
        if fitting:
            return DataError(where, "an image whose name several files have", "Write its path below data.path as file_name.")
        return DataError(where, "listed, but not in the folder", "Add the image, or take it out of the file.")


def _part(file: CocoFile, image: str) -> str:
    """What the file's own name says, then its folders, the nearest first, then the folders of the image."""
    path = PurePosixPath(file.name)
    return part_in_names([path.name, *path.parts[-2::-1], *PurePosixPath(image).parts[-2::-1]])


def _item(name: str, path: Path, file: CocoFile, image: Listed) -> Item:
    own = f"{name} in {file.name}"
    return Item(without_folder(name, IMAGES), name, Place(path), file.pieces(image), _part(file, name), annotation_name=own)


def _short(value: object) -> str:
    """An id in a sentence: hostile ones are long."""
    text = plain(str(value))
    return text if len(text) <= 40 else f"{text[:40]}..."


def _checked_size(item: Item, said: Any, size: tuple[int, int]) -> tuple[tuple[int, int], list[DataError]]:
    """The (width, height) that the annotations are in. Raises DataError where it is not that of the image, upright or not."""
    said = tuple(said) if said else size
    if said == size:
        return size, []
    turn = turn_of(item.image.read(), item.source)
    if said == size[::-1] and turn and turn(np.zeros((1, 2), np.uint8)).shape == (2, 1):
        what = "a photo whose COCO size is that before its turn by EXIF; its annotations were turned with it"
        remedy = "See on the contact sheet whether they fit; if not, save the photo upright, without EXIF."
        return said, [DataError(item.source, what, remedy, warning=True)]
    what = f"made for an image of {said[0]} x {said[1]} pixels, but the image has {size[0]} x {size[1]}"
    raise DataError(item.annotation_name, what, SIZE)


def _mask(objects: Sequence[Shape], crowds: Sequence[Shape], size: tuple[int, int], ids: ClassIds, how: ShapeParams) -> Mask:
    """The objects, and 255 where a crowd and no object is."""
    width, height = size
    mask = paint(objects, ids.ids, height, width, how)
    if crowds:
        crowd = paint(crowds, {IGNORED: IGNORE}, height, width, how)
        mask = np.where((mask == 0) & (crowd == IGNORE), np.uint8(IGNORE), mask)
    return mask


def _turned(mask: Mask, item: Item) -> Mask:
    """The mask of a photo that was annotated before its turn by EXIF, as the photo is read."""
    turn = turn_of(item.image.read(), item.source)
    return np.ascontiguousarray(turn(mask)) if turn else mask

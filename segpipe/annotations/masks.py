"""Image and mask folders: `images/a.jpg` with `masks/a.png`, and the split that lists or subfolders give."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.items import (
    PARTS,
    Annotated,
    Found,
    Item,
    Seen,
    Source,
    given_by_folder,
    id_of,
    images_below,
    sorted_items,
    unannotated,
)
from segpipe.errors import DataError
from segpipe.images import SUFFIXES, decode_mask
from segpipe.params import DataParams
from segpipe.place import Place
from segpipe.record import IGNORE

LIST_FOLDERS = ("", "splits")


def source(root: Path, data: DataParams) -> Source:
    """The images and masks under `root`."""
    own = data.masks
    ids = class_ids(own.classes, data.class_map)
    found = find(root, own.image_dir, own.mask_dir, data.unannotated)
    n_ids, ignored = len(own.classes), own.ignore_index
    reader = partial(read, n_ids=n_ids, ignore_index=ignored)
    return Source(found, ids.classes, reader, partial(judge, n_ids=n_ids, ignore_index=ignored))


def find(root: Path, image_dir: str, mask_dir: str, rule: str) -> Found:
    """Every image below a folder `image_dir`, with the mask of the same relative name below `mask_dir`.

    Lists `train.txt`, `val.txt`, `test.txt` in `root` or `root/splits` give the split, else folders of these names do.
    """
    masks, problems = _masks_below(root, mask_dir)
    images = list(_below(root, image_dir))
    if not images:
        what = f'no folder "{image_dir}" with images in it' if any(images_below(root)) else "no images in it"
        remedy = f'Put images into "{image_dir}" and masks into "{mask_dir}", or name your folders in data.masks.'
        return Found((), (DataError(root.name, what, remedy),))
    lists, twice = _read_lists(root)
    items: list[Item] = []
    problems += [*twice, *_list_problems(lists, {item_id for item_id, _ in images})]
    for item_id, path in images:
        source = path.relative_to(root).as_posix()
        given = lists.get(item_id, "") if lists else given_by_folder(item_id)
        mask = masks.pop(item_id, None)
        problem = None if mask else unannotated(source, rule, "a mask")
        if problem:
            problems.append(problem)
        elif mask or rule == "background":
            place, name = (Place(mask), mask.relative_to(root).as_posix()) if mask else (None, "")
            items.append(Item(item_id, source, Place(path), place, given, annotation_name=name))
    problems += [
        DataError(path.relative_to(root).as_posix(), "a mask without an image", "Add its image, or remove it.")
        for path in masks.values()
    ]
    return sorted_items(items, problems)


def read(item: Item, width: int, height: int, n_ids: int, ignore_index: int) -> Annotated:
    """The mask with the final class ids, 255 for what is ignored.

    No mask where a value is no class. Raises DataError for another size than the image's.
    """
    if item.annotation is None:
        return Annotated(np.zeros((height, width), np.uint8))
    name = f"mask of {item.source}"
    values = decode_mask(item.annotation.read(), name)
    if values.shape != (height, width):
        raise DataError(
            name,
            f"{values.shape[1]} x {values.shape[0]} pixels, but the image has {width} x {height}",
            "Make the mask again from the image it belongs to.",
        )
    mask = np.where(values == ignore_index, IGNORE, np.minimum(values, 254)).astype(np.uint8)
    found = tuple(map(str, np.unique(values)))
    return Annotated(None if _strange(found, n_ids, ignore_index) else mask, found)


def judge(seen: Sequence[Seen], n_ids: int, ignore_index: int) -> list[DataError]:
    """A problem for each mask that holds values which are no class."""
    problems = []
    for each in seen:
        strange = _strange(each.values, n_ids, ignore_index)
        more = f" and {len(strange) - 8} more" if len(strange) > 8 else ""
        if strange:
            what = f"values that are no class: {', '.join(map(str, strange[:8]))}{more}"
            remedy = f"The classes are 0 to {n_ids - 1}. Name all classes in params.yaml, or correct the mask."
            problems.append(DataError(f"mask of {each.item.source}", what, remedy))
    return problems


def _strange(values: Sequence[str], n_ids: int, ignore_index: int) -> list[int]:
    return [int(value) for value in values if int(value) != ignore_index and int(value) >= n_ids]


def _masks_below(root: Path, folder: str) -> tuple[dict[str, Path], list[DataError]]:
    """The masks by id, and those of which there are two. JPEG counts: it must be refused rather than overlooked."""
    masks: dict[str, Path] = {}
    problems = []
    for item_id, path in _below(root, folder):
        if item_id in masks:
            name = path.relative_to(root).as_posix()
            problems.append(DataError(name, "another mask has the same name up to its suffix", "Remove one of the two."))
        masks[item_id] = path
    return masks, problems


def _below(root: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """Image files below any folder of this name, with their path less that folder and the suffix."""
    for path in images_below(root):
        parts = path.relative_to(root).parts
        if folder in parts[:-1]:
            at = parts.index(folder)
            yield id_of(PurePosixPath(*parts[:at], *parts[at + 1 :])), path


def _read_lists(root: Path) -> tuple[dict[str, str], list[DataError]]:
    """Which part each listed id belongs to, nothing where there are no lists; and the ids in the lists of two parts."""
    given: dict[str, str] = {}
    problems = []
    for folder in LIST_FOLDERS:
        for path in sorted((root / folder).glob("*.txt")):
            part = PARTS.get(path.stem.lower())
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if part else []
            for item_id in map(_listed_id, filter(str.strip, lines)):
                if given.setdefault(item_id, str(part)) != part:
                    what = f"in the lists of {given[item_id]} and {part}"
                    problems.append(DataError(item_id, what, "Take it off one of them: no image may be in two parts."))
    return given, problems


def _listed_id(line: str) -> str:
    """A list's line names an image with or without its suffix."""
    path = PurePosixPath(line.strip().replace("\\", "/"))
    return id_of(path) if path.suffix.lower() in SUFFIXES else path.as_posix()


def _list_problems(lists: dict[str, str], ids: set[str]) -> list[DataError]:
    """Listed images that are not there and, where there are lists, images that none of them names."""
    absent = sorted(lists.keys() - ids)
    unlisted = sorted(ids - lists.keys()) if lists else []
    return [
        *(DataError(item_id, "named in a list but not in the folder", "Add it, or take it off the list.") for item_id in absent),
        *(
            DataError(item_id, "in the folder but in none of its lists", "Add it to train.txt, val.txt or test.txt.")
            for item_id in unlisted
        ),
    ]

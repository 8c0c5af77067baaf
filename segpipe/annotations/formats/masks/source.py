"""Image and mask folders: `images/a.jpg` with `masks/a.png`, the split they bring, and how their values are read."""

from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePosixPath

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.formats.masks import ids as mask_ids
from segpipe.annotations.formats.masks import mask_files, pair_folders, pair_table, part_lists, template, value_checks
from segpipe.annotations.formats.masks.ids import Coding
from segpipe.annotations.formats.masks.mask_files import MaskFile, MaskFiles
from segpipe.annotations.formats.masks.pairing_problems import Naming, Pair
from segpipe.annotations.items import (
    DatasetCheck,
    Item,
    ItemList,
    Source,
    given_by_folder,
    images_below,
    join_names,
    sorted_items,
)
from segpipe.errors import DataError, Fix
from segpipe.params.schema import DataParams, MasksParams
from segpipe.storage.byte_source import ByteSource, FileRange


def source(root: Path, data: DataParams) -> Source:
    """The images and masks under `root`. Raises PipelineError where the keys of data.masks contradict one another."""
    own = data.masks
    ids = class_ids(own.classes, data.class_map)
    if _by_class(root, own):
        numbers = mask_files.final_ids(own, ids)
        coding = Coding("binary", {0: 0, 1: 1}, own.ignore_index)
        check_all: DatasetCheck = partial(mask_files.check_object_values, coding=coding)
    else:
        numbers, coding = {}, mask_ids.coding_of(own, ids)
        check_all = partial(value_checks.check_values, coding=coding, names=own.classes, max_ignored=data.max_ignored)
    found = find(root, own, data.unannotated, tuple(numbers))
    return Source(
        found, ids.classes, partial(mask_files.read, coding=coding, numbers=numbers, overlap=data.shapes.overlap), check_all
    )


def _by_class(root: Path, own: MasksParams) -> bool:
    """Whether each mask is of one class."""
    if own.pairs == "none":
        return template.parse(own.template).by_class
    return pair_table.class_names(root, own.pairs) is not None


def find(root: Path, own: MasksParams, rule: str, classes: Collection[str] = ()) -> ItemList:
    """Every image that the list of pairs names, or every one below a folder `image_dir`, with its masks below `mask_dir`.

    These are called as `template` says. Lists `train.txt`, `val.txt`, `test.txt` in `root` or `root/splits` give the split,
    else folders of these names do. `rule` is data.unannotated; `classes` are the names that masks of one class may have.
    Raises PipelineError for a template or a list that is none.
    """
    if own.pairs != "none":
        return pair_table.find(root, own.pairs, rule, classes or None)
    naming = template.parse(own.template)
    if own.image_dir == own.mask_dir and not naming.renames:
        what = f'data.masks.image_dir and mask_dir are both "{own.image_dir}", so each image would be its own mask'
        remedy = 'Name the folder of the masks, or say in data.masks.template how they are called, such as "{stem}_mask".'
        return ItemList((), (DataError(root.name, what, remedy),))
    found = pair_folders.files(root, own.image_dir, own.mask_dir, naming, classes)
    if not found.images or not found.masks:
        return ItemList((), (_empty(root, own, bool(found.images)),))
    pairs, problems = pair_folders.pair(root, found, Naming(naming, classes, rule))
    ids = {item_id for item_id, _ in found.images}
    lists, twice = part_lists.read(root, own.image_dir, ids)
    problems += [*twice, *part_lists.unmatched(lists, ids, {each.id for each in pairs})]
    items = [_item(root, each, lists.get(each.id, "") if lists else given_by_folder(each.id)) for each in pairs]
    return sorted_items(items, problems)


def _item(root: Path, pair: Pair, given: str) -> Item:
    source = pair.image.relative_to(root).as_posix()
    names = [each.path.relative_to(root).as_posix() for each in pair.masks]
    annotation: ByteSource | None = FileRange(pair.masks[0].path) if pair.masks else None
    if len(names) > 1 or any(each.class_name for each in pair.masks):
        own = zip(names, pair.masks, strict=True)
        annotation = MaskFiles(tuple(MaskFile(name, FileRange(each.path), each.class_name) for name, each in own))
    return Item(pair.id, source, FileRange(pair.image), annotation, given, annotation_name=join_names(names))


def _empty(root: Path, own: MasksParams, has_images: bool) -> DataError:
    """The problem of a folder without images or masks: perhaps its name differs in case."""
    key, name, what = ("mask_dir", own.mask_dir, "masks") if has_images else ("image_dir", own.image_dir, "images")
    near = _near(name, {path.parent.relative_to(root).as_posix() for path in images_below(root)})
    if near:
        problem = f'no folder "{name}" with {what} in it, but "{near}", which differs in upper and lower case only'
        return DataError(root.name, problem, "Name the folder as it is.", Fix(f"data.masks.{key}", near))
    folder = PurePosixPath(name).parts
    inside = [
        path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parent.parts[-len(folder) :] == folder
    ]
    suffixes = sorted({path.suffix.lower() for path in inside} - {""})
    if suffixes and folder:
        problem = f'no {what} in "{name}" but {", ".join(suffixes[:4])} files, which are not read'
        return DataError(root.name, problem, f"Save {what} as PNG.")
    problem = f'no folder "{name}" with {what} in it' if any(images_below(root)) else "no images in it"
    remedy = f'Put images into "{own.image_dir}" and masks into "{own.mask_dir}", or name your folders in data.masks.'
    return DataError(root.name, problem, remedy)


def _near(name: str, folders: Collection[str]) -> str:
    parts = {part for folder in folders for part in folder.split("/")} | set(folders)
    return next((part for part in sorted(parts) if part != name and part.casefold() == name.casefold()), "")

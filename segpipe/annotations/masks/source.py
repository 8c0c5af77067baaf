"""Image and mask folders: `images/a.jpg` with `masks/a.png`, the split they bring, and how their values are read."""

from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePosixPath

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.items import Found, Item, Source, given_by_folder, images_below, sorted_items
from segpipe.annotations.masks import ids as mask_ids
from segpipe.annotations.masks import judge as mask_judge
from segpipe.annotations.masks import pair_folders, pair_table, part_lists, template
from segpipe.errors import DataError, Fix
from segpipe.params import DataParams, MasksParams
from segpipe.place import Place


def source(root: Path, data: DataParams) -> Source:
    """The images and masks under `root`. Raises PipelineError where the keys of data.masks contradict one another."""
    own = data.masks
    ids = class_ids(own.classes, data.class_map)
    coding = mask_ids.coding_of(own, ids)
    found = pair_table.find(root, own.pairs, data.unannotated) if own.pairs != "none" else find(root, own, data.unannotated)
    judge = partial(mask_judge.judge, coding=coding, names=own.classes, max_ignored=data.max_ignored)
    return Source(found, ids.classes, partial(mask_ids.read, coding=coding), judge)


def find(root: Path, own: MasksParams, rule: str) -> Found:
    """Every image below a folder `image_dir`, with the mask below `mask_dir` that is called as `template` says.

    Lists `train.txt`, `val.txt`, `test.txt` in `root` or `root/splits` give the split, else folders of these names do.
    `rule` is data.unannotated. Raises PipelineError for a template that is none.
    """
    naming = template.parse(own.template)
    if own.image_dir == own.mask_dir and not naming.renames:
        what = f'data.masks.image_dir and mask_dir are both "{own.image_dir}", so each image would be its own mask'
        remedy = 'Name the folder of the masks, or say in data.masks.template how they are called, such as "{stem}_mask".'
        return Found((), (DataError(root.name, what, remedy),))
    found = pair_folders.files(root, own.image_dir, own.mask_dir, naming)
    if not found.images or not found.masks:
        return Found((), (_empty(root, own, bool(found.images)),))
    pairs, problems = pair_folders.pair(root, found, naming, rule)
    lists, twice = part_lists.read(root, own.image_dir)
    problems += [*twice, *part_lists.compare(lists, {item_id for item_id, _ in found.images}, {each.id for each in pairs})]
    items = [_item(root, each, lists.get(each.id, "") if lists else given_by_folder(each.id)) for each in pairs]
    return sorted_items(items, problems)


def _item(root: Path, pair: pair_folders.Pair, given: str) -> Item:
    source = pair.image.relative_to(root).as_posix()
    if pair.mask is None:
        return Item(pair.id, source, Place(pair.image), None, given)
    name = pair.mask.relative_to(root).as_posix()
    return Item(pair.id, source, Place(pair.image), Place(pair.mask), given, annotation_name=name)


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

"""PASCAL VOC: JPEGImages, SegmentationClass and ImageSets, in a folder or straight from the tar as it came."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.formats.masks import codes as mask_codes
from segpipe.annotations.formats.masks import ids as mask_ids
from segpipe.annotations.formats.masks import value_checks
from segpipe.annotations.formats.masks.codes import CodedMask, colour_code
from segpipe.annotations.formats.masks.ids import Coding
from segpipe.annotations.formats.voc.lists import ListedImage, Selection, select_images
from segpipe.annotations.formats.voc.tree import IMAGES, LISTS, MASKS, FilesById, Tree, mask_of, open_tree
from segpipe.annotations.items import Item, ItemList, ParsedAnnotation, Source, join_names, sorted_items
from segpipe.errors import DataError
from segpipe.images.decode import SUFFIXES
from segpipe.images.palette import colours
from segpipe.params.schema import DataParams
from segpipe.record import IGNORE

COLOURS = {colour_code(*colour): number for number, colour in enumerate(colours(IGNORE + 1))}


def source(root: Path, data: DataParams) -> Source:
    """The tree's images; 255, VOC's void, is ignored."""
    names = data.voc.classes
    ids = class_ids(names, data.class_map)
    coding = Coding("ids", dict(enumerate(mask_ids.final_ids(names, ids))), IGNORE)
    check_all = partial(value_checks.check_values, coding=coding, names=names, max_ignored=data.max_ignored, section="data.voc")
    tree = open_tree(root)
    members = {path.as_posix(): place for path, place in tree.files.items()} if tree.archive else {}
    return Source(found_in(tree, root), ids.classes, partial(read, coding=coding), check_all, members=members)


def read(item: Item, width: int, height: int, coding: Coding) -> ParsedAnnotation:
    """The mask with the final class ids. One in VOC's colours without its palette, or with them in another order, is read by
    these, with a warning."""
    if item.annotation is None:
        return mask_ids.read(item, width, height, coding)
    coded = mask_codes.read(item.annotation.read(), item.annotation_name)
    if not _is_in_colours(coded):
        return mask_ids.parsed_from_codes(item, coded, width, height, coding)
    shown = coded.as_shown()
    by_colour = replace(shown, codes=tuple(COLOURS[code] for code in shown.codes), coloured=False)
    parsed = mask_ids.parsed_from_codes(item, by_colour, width, height, coding)
    kind = "in colours and not class ids" if coded.coloured else "whose palette has the colours of PASCAL VOC in another order"
    what = f"a mask {kind}: read by the colours of PASCAL VOC"
    warning = DataError(item.annotation_name, what, "Save masks with VOC's palette to be sure of them.", warning=True)
    return replace(parsed, problems=(*parsed.problems, warning))


def _is_in_colours(coded: CodedMask) -> bool:
    """Whether the ids follow from VOC's colours: in RGB, or by a palette that has them at other indices."""
    if not coded.coloured:
        pairs = zip(coded.codes, coded.shown, strict=False)  # nothing is shown without a palette
        moved = any(COLOURS.get(colour) != code for code, colour in pairs)
        return moved and all(colour in COLOURS for colour in coded.shown)
    return all(code in COLOURS for code in coded.codes)


def find(root: Path) -> ItemList:
    """Every image that ImageSets/Segmentation lists, with its mask. `root` is a tree, or holds or is a tar of one.

    Raises PipelineError where there is no such tree, or no list to train on.
    """
    return found_in(open_tree(root), root)


def found_in(tree: Tree, root: Path) -> ItemList:
    """What `find` returns, of an opened tree."""
    images, masks = FilesById(tree, IMAGES), FilesById(tree, MASKS)
    written = _lists(tree)
    lists = {file: [_image_id(line, images, masks) for line in lines] for file, lines in written.items()}
    selection = select_images(lists, lambda item_id: mask_of(images, masks, item_id) is not None, str(root))
    problems = [*_duplicates(tree, images, masks), *selection.problems, *_tars_beside(tree)]
    items: list[Item] = []
    listed: set[str] = set()
    for each in selection.given:
        problem = _problem(each, images, masks, selection.files, listed)
        if problem:
            problems.append(problem)
        else:
            items.append(_item(tree, each, images, masks))
        listed.add(each.image)
    unlisted = sorted(images.of_id.keys() - listed - _similar_names(listed, images)) if listed else []
    lost = [item_id for item_id in unlisted if mask_of(images, masks, item_id)]
    problems += [_unlisted(tree.display_name(images.of_id[item_id]), selection.files) for item_id in lost]
    problems += _left_out(tree, selection, images)
    named = {*listed, *selection.without_masks, *lost, *_similar_names(listed, images)}
    mentioned = [of.of_id[item_id].as_posix() for of in (images, masks) for item_id in named if item_id in of.of_id]
    mentioned += [path.as_posix() for of in (images, masks) for pair in of.doubles for path in pair]
    mentioned += [path.as_posix() for item_id in named if item_id in images.of_id and (path := mask_of(images, masks, item_id))]
    mentioned += [masks.of_id[near].as_posix() for item_id in listed - masks.of_id.keys() for near in masks.near(item_id)]
    return sorted_items(items, problems, mentioned)


def _lists(tree: Tree) -> dict[str, list[str]]:
    """The lines of each list, less empty ones."""
    folder = tree.path.joinpath(*LISTS)
    paths = [path for path in sorted(tree.files) if path.parent == folder and path.suffix.lower() == ".txt"]
    texts = {path.name: tree.files[path].read().decode("utf-8-sig", errors="replace") for path in paths}
    return {name: [line.strip() for line in text.splitlines() if line.strip()] for name, text in texts.items()}


def _image_id(line: str, images: FilesById, masks: FilesById) -> str:
    """The image that a line means: all of it, or its first word; an image's path, id or name. As it stands for none."""
    ways = [_bare(line), _bare(line.split(maxsplit=1)[0])]
    for named in (images, masks):
        for way in ways:
            ids = named.ids_of(way)
            if len(ids) == 1:
                return ids[0]
    return PurePosixPath(ways[1]).name


def _bare(written: str) -> str:
    path = PurePosixPath(written.replace("\\", "/"))
    return path.with_suffix("").as_posix() if path.suffix.lower() in SUFFIXES else path.as_posix()


def _problem(
    each: ListedImage, images: FilesById, masks: FilesById, files: Sequence[str], listed: Collection[str]
) -> DataError | None:
    """What keeps a listed image from being taken."""
    item_id = each.image
    if item_id in listed:
        return DataError(item_id, f"listed twice in {' and '.join(files)}", "Take it off one of them.")
    same = images.of_name.get(item_id, ()) if item_id not in images.of_id else ()
    if len(same) > 1:
        what = f"listed in {each.listed_in}, but {len(same)} images are called so ({', '.join(same[:3])})"
        return DataError(item_id, what, f"Write its path below {IMAGES} into the list.")
    missing = images if item_id not in images.of_id else masks if mask_of(images, masks, item_id) is None else None
    if missing is None:
        return None
    what = f"listed in {each.listed_in} but not in {missing.folder}"
    cause = ", where a name differs in upper and lower case only" if missing.near(item_id) else ""
    return DataError(item_id, what + cause, "Add the file, or take it off the list.")


def _item(tree: Tree, each: ListedImage, images: FilesById, masks: FilesById) -> Item:
    image, mask = images.of_id[each.image], mask_of(images, masks, each.image)
    assert mask
    name = tree.display_name(mask)
    return Item(each.image, tree.display_name(image), tree.files[image], tree.files[mask], each.part, annotation_name=name)


def _duplicates(tree: Tree, images: FilesById, masks: FilesById) -> list[DataError]:
    what = "files of the same name up to its suffix"
    pairs = [sorted(map(tree.display_name, pair)) for named in (images, masks) for pair in named.doubles]
    return [DataError(join_names(pair), what, "Remove all but one of them.") for pair in pairs]


def _tars_beside(tree: Tree) -> list[DataError]:
    """The tars beside a tree on the disk."""
    what = "a tar beside a VOC tree, which is read in its place"
    return [DataError(name, what, "Let data.path name the tar if that is meant.", warning=True) for name in tree.unread]


def _similar_names(listed: Collection[str], images: FilesById) -> set[str]:
    """The images that a list calls by another case, or by a name that several have: the problem of the line is theirs."""
    absent = [item_id for item_id in listed if item_id not in images.of_id]
    return {own for item_id in absent for own in (*images.near(item_id), *images.of_name.get(item_id, ()))}


def _unlisted(source: str, files: Sequence[str]) -> DataError:
    """An image that somebody annotated, and that no list names."""
    what = f"an image with a mask in none of the lists that are read ({', '.join(files)})"
    return DataError(source, what, f"Add it to one of them, or move its mask out of {MASKS}.")


def _left_out(tree: Tree, selection: Selection, images: FilesById) -> list[DataError]:
    """The images of a test list without masks."""
    what = "listed for the test, for which the tree has no masks"
    paths = (tree.display_name(images.of_id[item_id]) for item_id in selection.without_masks if item_id in images.of_id)
    return [DataError(path, what, "They are left out.", warning=True) for path in paths]

"""PASCAL VOC: JPEGImages, SegmentationClass and ImageSets, in a folder or straight from the tar as it came."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.items import Annotated, Found, Item, Source, sorted_items
from segpipe.annotations.masks import codes as mask_codes
from segpipe.annotations.masks import ids as mask_ids
from segpipe.annotations.masks import judge as mask_judge
from segpipe.annotations.masks.codes import Coded, colour_code
from segpipe.annotations.masks.ids import Coding
from segpipe.archives import tar_members
from segpipe.errors import DataError, PipelineError
from segpipe.images import SUFFIXES
from segpipe.palette import colours
from segpipe.params import DataParams
from segpipe.place import Place
from segpipe.record import IGNORE

SETS = ({"train": "", "val": "test"}, {"trainval": ""}, {"train": ""})
"""The lists that are read, the first of these that are all there, and the part each means.

VOC's val list is the test part, since its own test has no public masks; validation comes out of train.
"""
WITH_TEST = {"train": "train", "val": "val", "test": "test"}
"""The lists of a tree that has masks for its test list too."""
COLOURS = {colour_code(*colour): number for number, colour in enumerate(colours(IGNORE + 1))}


def source(root: Path, data: DataParams) -> Source:
    """The tree's images; 255, VOC's void, is ignored."""
    names = data.voc.classes
    ids = class_ids(names, data.class_map)
    coding = Coding("ids", dict(enumerate(mask_ids.final_ids(names, ids))), IGNORE)
    judge = partial(mask_judge.judge, coding=coding, names=names, max_ignored=data.max_ignored, block="data.voc")
    return Source(find(root), ids.classes, partial(read, coding=coding), judge)


def read(item: Item, width: int, height: int, coding: Coding) -> Annotated:
    """The mask with the final class ids. One in VOC's colours without its palette, or with them in another order, is read by
    these, with a warning."""
    if item.annotation is None:
        return mask_ids.read(item, width, height, coding)
    coded = mask_codes.read(item.annotation.read(), item.annotation_name)
    if not _is_in_colours(coded):
        return mask_ids.annotated(item, coded, width, height, coding)
    shown = coded.as_shown()
    by_colour = replace(shown, codes=tuple(COLOURS[code] for code in shown.codes), coloured=False)
    annotated = mask_ids.annotated(item, by_colour, width, height, coding)
    kind = "in colours and not class ids" if coded.coloured else "whose palette has the colours of PASCAL VOC in another order"
    what = f"a mask {kind}: read by the colours of PASCAL VOC"
    warning = DataError(item.annotation_name, what, "Save masks with VOC's palette to be sure of them.", warning=True)
    return replace(annotated, problems=(*annotated.problems, warning))


def _is_in_colours(coded: Coded) -> bool:
    """Whether VOC's colours tell the ids: in RGB, or by a palette that has them at other indices."""
    if not coded.coloured:
        pairs = zip(coded.codes, coded.shown, strict=False)  # nothing is shown without a palette
        moved = any(COLOURS.get(colour) != code for code, colour in pairs)
        return moved and all(colour in COLOURS for colour in coded.shown)
    return all(code in COLOURS for code in coded.codes)


def find(root: Path) -> Found:
    """Every image that ImageSets/Segmentation lists, with its mask. `root` is a tree, or holds or is a tar of one.

    Raises PipelineError where there is no such tree, or no list.
    """
    files = _places(root)
    tree = _tree_of(files, root)
    problems: list[DataError] = []
    images, masks = (_by_stem(files, tree, folder, problems) for folder in ("JPEGImages", "SegmentationClass"))
    lists = _lists(files, tree, root, masks)
    items: list[Item] = []
    listed: set[str] = set()
    for name, given in lists.items():
        for item_id in _ids(files[_list_file(tree, name)]):
            missing = "JPEGImages" if item_id not in images else "SegmentationClass" if item_id not in masks else ""
            if item_id in listed:
                what = f"listed twice in {' and '.join(f'{each}.txt' for each in lists)}"
                problems.append(DataError(item_id, what, "Take it off one of them."))
            elif missing:
                near = _near(item_id, images if missing == "JPEGImages" else masks)
                what = f"listed in {name}.txt but not in {missing}"
                cause = ", where a name differs in upper and lower case only" if near else ""
                problems.append(DataError(item_id, what + cause, "Add the file, or take it off the list."))
            else:
                source, mask = (path.relative_to(tree).as_posix() for path in (images[item_id], masks[item_id]))
                items.append(Item(item_id, source, files[images[item_id]], files[masks[item_id]], given, annotation_name=mask))
            listed.add(item_id)
    if not listed:
        name = _list_file(tree, next(iter(lists))).relative_to(tree).as_posix()
        problems.append(DataError(name, "a list without any image in it", "List the images, an id a line."))
    return sorted_items(items, problems)


def _by_stem(
    files: Mapping[PurePosixPath, Place], tree: PurePosixPath, folder: str, problems: list[DataError]
) -> dict[str, PurePosixPath]:
    """The image files of a folder by their names without suffix; adds a problem for each of two of one name."""
    found: dict[str, PurePosixPath] = {}
    for path in sorted(files):
        if path.parent == tree / folder and path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            if path.stem in found:
                what = "another file has the same name up to its suffix"
                problems.append(DataError(path.relative_to(tree).as_posix(), what, "Remove one of the two."))
            found[path.stem] = path
    return found


def _lists(
    files: Mapping[PurePosixPath, Place], tree: PurePosixPath, root: Path, masks: Mapping[str, PurePosixPath]
) -> dict[str, str]:
    """The lists to read and the part each means."""
    here = {name for name in ("train", "val", "trainval", "test") if _list_file(tree, name) in files}
    if here >= WITH_TEST.keys() and not masks.keys().isdisjoint(_ids(files[_list_file(tree, "test")])):
        return WITH_TEST
    fitting = next((lists for lists in SETS if lists.keys() <= here), None)
    if fitting is None:
        folder = tree / "ImageSets" / "Segmentation"
        raise PipelineError(f"{root}: {folder} has no train.txt. A VOC tree needs train.txt and val.txt, or trainval.txt.")
    return fitting


def _list_file(tree: PurePosixPath, name: str) -> PurePosixPath:
    return tree / "ImageSets" / "Segmentation" / f"{name}.txt"


def _ids(listing: Place) -> list[str]:
    """The first word of each line, without suffix."""
    lines = listing.read().decode("utf-8-sig", errors="replace").splitlines()
    words = [PurePosixPath(line.split()[0]) for line in lines if line.strip()]
    return [path.stem if path.suffix.lower() in SUFFIXES else path.name for path in words]


def _near(item_id: str, names: Collection[str]) -> bool:
    return any(name.casefold() == item_id.casefold() for name in names)


def _places(root: Path) -> dict[PurePosixPath, Place]:
    """Every file of the tree, by its path inside the folder or the tar."""
    tars = [root] if root.is_file() else sorted(root.glob("*.tar"))
    if tars:
        return _members(tars[0])
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return {PurePosixPath(path.relative_to(root).as_posix()): Place(path) for path in paths}


def _members(archive: Path) -> dict[PurePosixPath, Place]:
    """The files of an uncompressed tar, by where their bytes begin: nothing is unpacked."""
    members = (member for member in tar_members(archive) if member.isreg())
    return {PurePosixPath(member.name): Place(archive, member.offset_data, member.size) for member in members}


def _tree_of(files: dict[PurePosixPath, Place], root: Path) -> PurePosixPath:
    """The one folder that holds JPEGImages and ImageSets."""
    trees = sorted({path.parents[2] for path in files if path.parts[-3:-1] == ("ImageSets", "Segmentation")})
    if len(trees) == 1:
        return trees[0]
    if trees:
        names = ", ".join(map(str, trees))
        raise PipelineError(f"{root}: holds several VOC trees ({names}). Let data.path name one of them.")
    raise PipelineError(f"{root}: no VOC tree in it. Expected JPEGImages, SegmentationClass and ImageSets/Segmentation.")

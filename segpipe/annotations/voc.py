"""PASCAL VOC: JPEGImages, SegmentationClass and ImageSets, in a folder or straight from the tar as it came."""

from functools import partial
from pathlib import Path, PurePosixPath

from segpipe.annotations import masks
from segpipe.annotations.class_map import class_ids
from segpipe.annotations.items import Found, Item, Source, sorted_items
from segpipe.archives import tar_members
from segpipe.errors import DataError, PipelineError
from segpipe.images import SUFFIXES
from segpipe.params import DataParams
from segpipe.place import Place
from segpipe.record import IGNORE

LISTS = {"train": "", "val": "test"}
"""VOC's val list is the test part, since its own test has no public masks; validation comes out of train."""


def source(root: Path, data: DataParams) -> Source:
    """The tree's images; 255, VOC's void, is ignored."""
    ids = class_ids(data.voc.classes, data.class_map)
    n_ids = len(data.voc.classes)
    reader = partial(masks.read, n_ids=n_ids, ignore_index=IGNORE)
    return Source(find(root), ids.classes, reader, partial(masks.judge, n_ids=n_ids, ignore_index=IGNORE))


def find(root: Path) -> Found:
    """Every image that ImageSets/Segmentation lists, with its mask. `root` is a tree, or holds or is a tar of one.

    Raises PipelineError where there is no such tree.
    """
    files = _places(root)
    tree = _tree_of(files, root)
    images = {path.stem: path for path in files if path.parent == tree / "JPEGImages" and path.suffix.lower() in SUFFIXES}
    items: list[Item] = []
    problems: list[DataError] = []
    listed: set[str] = set()
    for name, given in LISTS.items():
        listing = tree / "ImageSets" / "Segmentation" / f"{name}.txt"
        if listing not in files:
            raise PipelineError(f"{root}: {listing} is not there. A VOC tree needs the lists train.txt and val.txt.")
        for item_id in files[listing].read().decode("utf-8", errors="replace").split():
            mask = tree / "SegmentationClass" / f"{item_id}.png"
            missing = "JPEGImages" if item_id not in images else "SegmentationClass" if mask not in files else ""
            if item_id in listed:
                problems.append(DataError(item_id, "listed twice in train.txt and val.txt", "Take it off one of them."))
            elif missing:
                problem = f"listed in {name}.txt but not in {missing}"
                problems.append(DataError(item_id, problem, "Add the file, or take it off the list."))
            else:
                source = images[item_id].relative_to(tree).as_posix()
                items.append(Item(item_id, source, files[images[item_id]], files[mask], given))
            listed.add(item_id)
    return sorted_items(items, problems)


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

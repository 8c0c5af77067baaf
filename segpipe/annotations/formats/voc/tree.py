"""The files of a PASCAL VOC tree, in a folder or in a tar as it came, and the images and masks in it by their names."""

import shlex
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segpipe.errors import PipelineError
from segpipe.images.decode import SUFFIXES
from segpipe.storage import listing
from segpipe.storage.archives import tar_members
from segpipe.storage.byte_source import FileRange

IMAGES, MASKS = "JPEGImages", "SegmentationClass"
LISTS = ("ImageSets", "Segmentation")
LABELMAP = "labelmap.txt"
"""What CVAT writes beside its masks in colours."""


@dataclass(frozen=True)
class Tree:
    """Every visible file by its path inside the root, and the path of the tree. `archive` is the tar that holds them."""

    files: Mapping[PurePosixPath, FileRange]
    path: PurePosixPath
    archive: Path | None
    unread: tuple[str, ...]

    def display_name(self, path: PurePosixPath) -> str:
        """A file as messages name it: by its path inside the tree."""
        return path.relative_to(self.path).as_posix()


class FilesById:
    """The image files below a folder of the tree by their id: their path in it, without suffix."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self.of_id: dict[str, PurePosixPath] = {}
        self.doubles: list[tuple[PurePosixPath, PurePosixPath]] = []
        self.of_name: dict[str, list[str]] = defaultdict(list)
        self.folder = folder
        top = tree.path / folder
        for path in sorted(tree.files):
            if path.is_relative_to(top) and path.suffix.lower() in SUFFIXES:
                own = path.relative_to(top).with_suffix("").as_posix()
                if own in self.of_id:
                    self.doubles.append((self.of_id[own], path))
                else:
                    self.of_name[path.stem].append(own)
                self.of_id[own] = path

    def ids_of(self, written: str) -> list[str]:
        """The ids that a line of a list may mean: the whole path, an end of it, or the bare name; none, one or several."""
        parts = PurePosixPath(written).parts
        tails = ["/".join(parts[at:]) for at in range(len(parts))]
        exact = next((tail for tail in tails if tail in self.of_id), None)
        return [exact] if exact is not None else list(self.of_name.get(parts[-1] if parts else "", ()))

    def near(self, written: str) -> list[str]:
        """The ids that differ from a line in upper and lower case only."""
        name = PurePosixPath(written).name.casefold()
        return [own for each, ids in self.of_name.items() if each.casefold() == name for own in ids]


def mask_of(images: FilesById, masks: FilesById, item_id: str) -> PurePosixPath | None:
    """The mask in the same place as the image, or the one of its bare name where one image and one mask have that."""
    name = PurePosixPath(item_id).name
    alone = len(images.of_name.get(name, ())) == 1 and len(masks.of_name.get(name, ())) == 1
    return masks.of_id.get(item_id) or (masks.of_id[masks.of_name[name][0]] if alone else None)


def open_tree(root: Path) -> Tree:
    """The one tree below a folder, or in a tar or the one tar of a folder. Raises PipelineError for none or several."""
    on_disk = {} if root.is_file() else {PurePosixPath(path.relative_to(root).as_posix()): path for path in listing.files(root)}
    tars = [] if root.is_file() else [path for name, path in on_disk.items() if name.suffix == ".tar" and len(name.parts) == 1]
    if root.is_file() or (tars and not _trees(on_disk)):
        if len(tars) > 1:
            names = ", ".join(path.name for path in tars)
            raise PipelineError(f"{root}: holds several tars ({names}). Let data.path name one of them.")
        archive = root if root.is_file() else tars[0]
        files = _members(archive)
        tree = Tree(files, _the_one_tree(files, root), archive, ())
        if tree.path / LABELMAP in files:
            folder = archive.with_suffix("")
            command = f"mkdir {shlex.quote(str(folder))} && tar -xf {shlex.quote(str(archive))} -C {shlex.quote(str(folder))}"
            what = f"its masks are in the colours of {LABELMAP}, which are read from a folder only"
            raise PipelineError(f"{archive}: {what}. Unpack it, and use the folder: {command}")
        return tree
    files = {name: FileRange(path) for name, path in on_disk.items()}
    return Tree(files, _the_one_tree(files, root), None, tuple(path.name for path in tars))


def _members(archive: Path) -> dict[PurePosixPath, FileRange]:
    """The files of an uncompressed tar, by where their bytes begin: nothing is unpacked. Hidden ones are left out."""
    members = ((PurePosixPath(member.name), member) for member in tar_members(archive) if member.isreg())
    return {
        path: FileRange(archive, member.offset_data, member.size)
        for path, member in members
        if not any(part.startswith(".") for part in path.parts)
    }


def _trees(files: Collection[PurePosixPath]) -> list[PurePosixPath]:
    return sorted({path.parents[2] for path in files if path.parts[-3:-1] == LISTS})


def _the_one_tree(files: Collection[PurePosixPath], root: Path) -> PurePosixPath:
    """The one folder that holds JPEGImages and ImageSets."""
    trees = _trees(files)
    if len(trees) == 1:
        return trees[0]
    if trees:
        names = ", ".join(map(str, trees))
        raise PipelineError(f"{root}: holds several VOC trees ({names}). Let data.path name one of them.")
    raise PipelineError(f"{root}: no VOC tree in it. Expected {IMAGES}, {MASKS} and {'/'.join(LISTS)}.")

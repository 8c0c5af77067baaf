"""What every format finds in a folder: images with the place of their annotation, and the split they came with."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from segpipe.annotations.code_counts import CodeCounts
from segpipe.errors import DataError, Fix, plain
from segpipe.images.decode import SUFFIXES
from segpipe.record import Mask
from segpipe.storage import listing
from segpipe.storage.byte_source import ByteSource, FileRange

PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Folder and list names that give a split, and the part each means."""

SHOWN = 3


@dataclass(frozen=True)
class Item:
    """An image not yet read. `id` is its relative POSIX path without suffix, `given` the part it came in, or empty.

    `source` and `annotation_name` name the files for people. Images of one `group` belong to one part. Without an
    `annotation` every pixel is background. `suffix` is the image's where `source` has another, being no image file.
    """

    id: str
    source: str
    image: ByteSource
    annotation: ByteSource | None
    given: str = ""
    group: str = ""
    annotation_name: str = ""
    suffix: str = ""


@dataclass(frozen=True)
class ItemList:
    """What a format finds in a folder: the items sorted by id, and what is wrong with the files themselves.

    `mentioned` are paths of image files that some problem is about although it is filed under another name, so that
    `segpipe.annotations.examination.unread_files` does not report them once more.
    """

    items: tuple[Item, ...]
    problems: tuple[DataError, ...]
    mentioned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ParsedAnnotation:
    """One annotation, read: `mask` holds class ids, 255 ignored, or is None where the annotation gives none.

    `values` are the labels, ids or colours that the file holds, as text; `problems` what is wrong with this file alone.
    `code_counts` is the histogram of a mask file.
    """

    mask: Mask | None
    values: tuple[str, ...] = ()
    problems: tuple[DataError, ...] = ()
    code_counts: CodeCounts | None = None


@dataclass(frozen=True)
class AnnotationSummary:
    """What an item's annotation holds, without its mask: all that checks across files need."""

    item: Item
    values: tuple[str, ...]
    code_counts: CodeCounts | None = None


Reader = Callable[[Item, int, int], ParsedAnnotation]
"""Reads an item's annotation for an image of this width and height. Can be pickled; raises DataError as well."""

DatasetCheck = Callable[[Sequence[AnnotationSummary]], list[DataError]]
"""Finds what only all files together show: 0 and 255 in all masks, labels that no list names."""


@dataclass(frozen=True)
class Source:
    """A data set as its format sees it, nothing but names read yet. `classes` are the final ones, in the order of ids.

    `listed` are the names of objects that the files themselves list, in their order; empty where they list none.
    `members` are the files of an archive that is read unpacked, by their names in it; `suggested_keys` the keys of params.yaml
    that this data asks for, beside the classes.
    """

    found: ItemList
    classes: tuple[str, ...]
    read: Reader
    check_all: DatasetCheck
    listed: tuple[str, ...] = ()
    members: Mapping[str, FileRange] = field(default_factory=dict)
    suggested_keys: Mapping[str, str] = field(default_factory=dict)


def sorted_items(items: Iterable[Item], problems: Iterable[DataError], mentioned: Iterable[str] = ()) -> ItemList:
    """Sorts the items by id, with a problem for each id that occurs twice or is no plain text; `mentioned` as in `ItemList`."""
    ordered = tuple(sorted(items, key=lambda item: (item.id, item.source)))
    named: dict[str, list[str]] = defaultdict(list)
    for item in ordered:
        named[item.id].append(item.source)
    twice = [
        DataError(join_names(names), "images of the same name up to its suffix", "Rename or remove all but one of them.")
        for names in named.values()
        if len(names) > 1
    ]
    strange = [
        DataError(item.source, "a name with control characters, or not in UTF-8", "Rename the file.")
        for item in ordered
        if plain(item.source) != item.source
    ]
    return ItemList(ordered, (*problems, *twice, *strange), frozenset(mentioned))


def join_names(names: Sequence[str]) -> str:
    """The names of files that have one problem with one another: `a and b`, `a, b and c`, `a, b and 7 more`."""
    shown = list(names) if len(names) <= SHOWN else [*names[: SHOWN - 1], f"{len(names) - SHOWN + 1} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def files_below(root: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """All files under `root` with one of the suffixes in any case, sorted, hidden ones left out."""
    return (path for path in listing.files(root) if path.suffix.lower() in suffixes)


def images_below(root: Path) -> Iterator[Path]:
    """All image files under `root`; see `files_below`."""
    return files_below(root, SUFFIXES)


def id_of(relative: PurePosixPath) -> str:
    """The relative path without its suffix."""
    return relative.with_suffix("").as_posix()


def without_folder(name: str, folder: str) -> str:
    """A relative path less the last folder of this name, in any case, and the suffix: `train/images/a.jpg` is `train/a`."""
    parts = PurePosixPath(name).parts
    at = max((at for at, part in enumerate(parts[:-1]) if part.lower() == folder), default=len(parts))
    return id_of(PurePosixPath(*parts[:at], *parts[at + 1 :]))


def given_by_folder(item_id: str) -> str:
    """The part that the first folder of an id names, or nothing."""
    folders = item_id.split("/")[:-1]
    return PARTS.get(folders[0].lower(), "") if folders else ""


def part_in_names(names: Iterable[str]) -> str:
    """The part in the first of the names of files and folders that holds a word of `PARTS`, such as instances_train2017."""
    for name in names:
        parts = {PARTS[word] for word in re.findall("[a-z]+", name.lower()) if word in PARTS}
        if len(parts) == 1:
            return parts.pop()
    return ""


def unannotated(source: str, rule: str, what: str) -> DataError | None:
    """The problem of an image without annotation under `data.unannotated`: an error, a warning that it was left out, or none."""
    if rule == "skip":
        return DataError(source, f"an image without {what}", "It was left out, as data.unannotated says.", warning=True)
    if rule != "error":
        return None
    remedy = "Annotate it, or set data.unannotated to skip or background."
    return DataError(source, f"an image without {what}", remedy, Fix("data.unannotated", "skip"))

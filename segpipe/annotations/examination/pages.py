"""Splits files of several pages into an image a page, where `data.pages` says so, and their masks likewise."""

import contextlib
import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from segpipe.annotations.formats.masks.mask_files import MaskFiles
from segpipe.annotations.items import Item, ItemList, sorted_items
from segpipe.errors import DataError
from segpipe.images import tiff_directory
from segpipe.storage.byte_source import ByteSource, FileRange

TIFF_SUFFIXES = (".tif", ".tiff")
BROKEN = (OSError, ValueError, struct.error, OverflowError)
"""What reading a damaged TIFF's directories raises. Such a file stays one item, whose own reading names the damage."""


@dataclass(frozen=True)
class Page:
    """The page of a TIFF whose directory begins at `directory`, as a TIFF of its own. Can be pickled."""

    byte_source: ByteSource
    directory: int

    def read(self) -> bytes:
        """The bytes, the same each time; of a file on the disk only this page is read."""
        try:
            with _buffer(self.byte_source) as content:
                return tiff_directory.single_page(content, tiff_directory.directory(content, self.directory))
        except (ValueError, struct.error, OverflowError):
            raise OSError(5, "its pages are damaged or have changed") from None  # EIO: told as a problem of the file

    def file_ranges(self) -> tuple[FileRange, ...]:
        """The file that the page is in."""
        return self.byte_source.file_ranges()


def split_pages(found: ItemList) -> ItemList:
    """Each item of several pages as items `ID/0000`, `ID/0001` ..., one group where it has none; all others as they are.

    A problem for an annotation that has not as many pages as its image. Only TIFFs are opened, and of them the directories.
    """
    items: list[Item] = []
    problems = []
    for item in found.items:
        try:
            items += _split(item)
        except DataError as problem:
            problems.append(problem)
    if len(items) == len(found.items) and not problems:
        return found
    again = sorted_items(items, [])
    old = {(problem.file, problem.problem) for problem in found.problems}
    new = (problem for problem in again.problems if (problem.file, problem.problem) not in old)
    return ItemList(again.items, (*found.problems, *problems, *new))


def _split(item: Item) -> Sequence[Item]:
    pages = _pages(item.image, item.source)
    own = _mask_pages(item)
    if len(pages) < 2 and len(own) < 2:
        return [item]
    if item.annotation and item.annotation_name.lower().endswith((".json", ".txt")):
        remedy = "Save each page as an image of its own, and annotate those."
        raise DataError(item.source, "several pages, and one file of shapes that cannot say which page it means", remedy)
    if item.annotation and len(own) != len(pages):
        remedy = "Save a TIFF of masks with a page for each page of the image, or each page as an image of its own."
        raise DataError(f"mask of {item.source}", f"{_counted(own)}, but its image has {_counted(pages)}", remedy)
    masks: Sequence[ByteSource | None] = own or [None] * len(pages)
    return [_item(item, number, page, mask) for number, (page, mask) in enumerate(zip(pages, masks, strict=True))]


def _mask_pages(item: Item) -> Sequence[ByteSource]:
    """The pages of an item's mask, or of its several masks together; nothing where they are no TIFFs."""
    if not isinstance(item.annotation, MaskFiles):
        return _pages(item.annotation, item.annotation_name or item.source) if item.annotation else []
    files = [(each, _pages(each.byte_source, each.name)) for each in item.annotation.files]
    if len({len(pages) for _, pages in files}) > 1:
        remedy = "Save each with a page for each page of the image."
        raise DataError(item.annotation_name, "masks of one image that differ in their number of pages", remedy)
    return [
        MaskFiles(
            tuple(replace(each, name=f"page {number + 1} of {each.name}", byte_source=pages[number]) for each, pages in files)
        )
        for number in range(len(files[0][1]))
    ]


def _counted(pages: Sequence[ByteSource]) -> str:
    return f"{len(pages)} pages" if len(pages) > 1 else "1 page"


def _item(item: Item, number: int, page: ByteSource, mask: ByteSource | None) -> Item:
    """A page under a name of its own. A person finds it in the file that is named last."""
    return replace(
        item,
        id=f"{item.id}/{number:04d}",
        source=f"page {number + 1} of {item.source}",
        image=page,
        annotation=mask,
        annotation_name=f"page {number + 1} of {item.annotation_name}" if mask and item.annotation_name else "",
        group=item.group or item.id,
    )


def _pages(byte_source: ByteSource, name: str) -> list[Page]:
    """The pages of a TIFF; nothing for any other file, or for a damaged one."""
    if isinstance(byte_source, FileRange) and PurePosixPath(byte_source.file.name).suffix.lower() not in (*TIFF_SUFFIXES, ".tar"):
        return []
    try:
        with _buffer(byte_source) as content:
            return (
                [Page(byte_source, page.at) for page in tiff_directory.pages(content)] if tiff_directory.is_tiff(content) else []
            )
    except BROKEN:
        return []


@contextlib.contextmanager
def _buffer(byte_source: ByteSource) -> Iterator[tiff_directory.Buffer]:
    """The file's bytes, mapped rather than read where they are a whole file: a page is a small part of some."""
    if isinstance(byte_source, FileRange) and byte_source.size is None and byte_source.file.stat().st_size:
        with byte_source.file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
    else:
        yield byte_source.read()

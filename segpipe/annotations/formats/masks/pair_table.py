"""A given list of pairs: a CSV with the columns image and mask, and where the data has them class, part and group."""

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segpipe.annotations.formats.masks.mask_files import MaskFile, MaskFiles
from segpipe.annotations.items import PARTS, Item, ItemList, id_of, join_names, sorted_items, unannotated
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import SUFFIXES
from segpipe.storage.byte_source import ByteSource, FileRange
from segpipe.storage.text_file import read_text

COLUMNS = ("image", "mask", "part", "group", "class")
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A line of the list, as it stands there; `location` names it for people."""

    location: str
    image: str
    mask: str
    part: str
    group: str
    class_name: str


def class_names(root: Path, table: str) -> tuple[str, ...] | None:
    """The classes in the list's column class, sorted; None where it has no such column. Raises PipelineError as `find` does."""
    has_column, listed = _read(root, table)
    return tuple(sorted({row.class_name for row in listed if row.class_name})) if has_column else None


def find(root: Path, table: str, rule: str, classes: Collection[str] | None = None) -> ItemList:
    """The images that the list names, with their masks, parts and groups; `rule` is data.unannotated, for an empty mask.

    With a column class each line names a mask of one class, of `classes`, and an image may have many. Paths are relative to
    `root` and stay in it. Raises PipelineError where the file is no such list.
    """
    problems: list[DataError] = []
    owners: dict[Path, Row] = {}
    firsts: dict[str, Row] = {}
    by_image: dict[str, list[Row]] = defaultdict(list)
    for row in rows(root, table):
        first = firsts.setdefault(row.image, row)
        own = [*_problems(root, row, owners, rule, classes), *(_conflicts_with_first(row, first, classes is not None))]
        problems += own
        if not own:
            by_image[row.image].append(row)
    kept = [own for own in by_image.values() if own[0].mask or rule == "background"]
    return sorted_items((_item(root, own, classes is not None) for own in kept), problems)


def _item(root: Path, own: Sequence[Row], by_class: bool) -> Item:
    """An image with its mask, or with those of its classes."""
    first = own[0]
    annotation: ByteSource | None = FileRange(root / first.mask) if first.mask else None
    if first.mask and by_class:
        annotation = MaskFiles(tuple(MaskFile(row.mask, FileRange(root / row.mask), row.class_name) for row in own))
    name = join_names([row.mask for row in own])
    part, item_id = PARTS.get(first.part.lower(), ""), id_of(PurePosixPath(first.image))
    return Item(item_id, first.image, FileRange(root / first.image), annotation, part, first.group, name)


def _conflicts_with_first(row: Row, first: Row, by_class: bool) -> list[DataError]:
    """What is wrong with a line beside the first one of the same image; nothing with that one itself."""
    if row == first:
        return []
    if not by_class:
        what = f"names the image {row.image} a second time, after {first.location.rpartition(', ')[2]}"
        remedy = "Remove one of the two lines, or add a column class where each mask is of one class."
        return [DataError(row.location, what, remedy)]
    different = [key for key in ("part", "group") if getattr(row, key) != getattr(first, key)]
    if not row.mask or not first.mask:
        what = f"names the image {row.image} with and without mask, as {first.location.rpartition(', ')[2]} shows"
        return [DataError(row.location, what, "Remove the line without mask.")]
    what = f"names another {' and '.join(different)} for {row.image} than {first.location.rpartition(', ')[2]}"
    return [DataError(row.location, what, "Write the same in both.")] if different else []


def rows(root: Path, table: str) -> Sequence[Row]:
    """The lines of the list: commas, semicolons or tabs, with or without BOM, columns in any order and case."""
    return _read(root, table)[1]


def _read(root: Path, table: str) -> tuple[bool, list[Row]]:
    """Whether the list has a column class, and its lines."""
    path = root / table
    if not _is_inside(root, table) or not _is_file(path):
        raise PipelineError(f"data.masks.pairs: no file {table} in {root}. Write its path below data.path, or none.")
    lines = read_text(path).splitlines()
    head = lines[0] if lines else ""
    delimiter = max(DELIMITERS, key=head.count)  # the one that the first line has most of
    try:
        cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter, strict=True)]
    except csv.Error as error:
        raise PipelineError(f"{path}: no CSV ({error}). Write a line a pair, with a first line image,mask.") from None
    names = [name.lower() for name in cells[0]] if cells else []
    if not {"image", "mask"} <= set(names) or len(set(names)) < len(names):
        found = ", ".join(names) or "nothing"
        raise PipelineError(
            f"{path}: its first line names {found}. Write image,mask and, if you have them, class, part and group."
        )
    if not any(any(row) for row in cells[1:]):
        raise PipelineError(f"{path}: no pair in it. Write a line a pair below the first.")
    listed = [(number, dict(zip(names, row, strict=False))) for number, row in enumerate(cells[1:], 2) if any(row)]
    return "class" in names, [_row(f"{table}, line {number}", by_name) for number, by_name in listed]


def _row(location: str, by_name: Mapping[str, str]) -> Row:
    image, mask, part, group, class_name = (by_name.get(name, "") for name in COLUMNS)
    return Row(location, _posix(image), _posix(mask), part, group, class_name)


def _problems(root: Path, row: Row, owners: dict[Path, Row], rule: str, classes: Collection[str] | None) -> Iterator[DataError]:
    """What is wrong with a line. Notes whose each mask is."""
    for path, what in ((row.image, "image"), (row.mask, "mask")):
        if not path and what == "image":
            yield DataError(row.location, "names no image", "Name one, or remove the line.")
        elif path and not _is_inside(root, path):
            yield DataError(
                row.location, f"names an {what} outside data.path".replace("an mask", "a mask"), "Write a path below data.path."
            )
        elif path and not _is_file(root / path):
            near = _other_case(root, path)
            cause = f"; {near} differs in upper and lower case only" if near else ""
            yield DataError(row.location, f"names {path}, which is not there{cause}", "Correct the path, or remove the line.")
        elif path and PurePosixPath(path).suffix.lower() not in SUFFIXES:
            yield DataError(row.location, f"names {path}, which is no image by its suffix", f"Images are {', '.join(SUFFIXES)}.")
    if row.part and row.part.lower() not in PARTS:
        yield DataError(row.location, f'names the part "{row.part}"', "Write train, val or test, or nothing.")
    if row.mask and row.mask == row.image:
        yield DataError(row.location, "names one file as image and as mask", "Name the mask of the image.")
    elif row.mask:
        yield from _mask_named_before(row, owners.setdefault(root / row.mask, row))
    if row.mask and classes is not None and row.class_name not in classes:
        what = f'names "{row.class_name}", no class of data.masks.classes' if row.class_name else "names a mask without its class"
        yield DataError(
            row.location, what, "Name the class there, or correct the line." if row.class_name else "Write the class."
        )
    problem = None if row.mask else unannotated(row.image, rule, "a mask")
    if problem and row.image:
        yield problem


def _mask_named_before(row: Row, owner: Row) -> Iterator[DataError]:
    """The problem of a line whose mask another line names already."""
    line = owner.location.rpartition(", ")[2]
    if owner.image != row.image:
        what = f"names the mask of {owner.image} ({line}) for another image"
        yield DataError(row.location, what, "Name the image's own mask.")
    elif owner.class_name != row.class_name:
        yield DataError(row.location, f"names the mask of {line} for another class", "Name the class's own mask.")


def _posix(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).as_posix() if path else ""


def _is_inside(root: Path, path: str) -> bool:
    """Whether a path stays below `root`, links followed."""
    pure = PurePosixPath(path)
    leaves = pure.is_absolute() or ".." in pure.parts or path[1:2] == ":" or "\0" in path
    try:
        return not leaves and (root / path).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a link to itself
        return False


def _other_case(root: Path, path: str) -> str:
    """A file whose name differs in case only, empty where there is none."""
    try:
        names = sorted(each.name for each in (root / path).parent.iterdir())
    except OSError:
        return ""
    wanted = PurePosixPath(path).name
    return next((name for name in names if name != wanted and name.casefold() == wanted.casefold()), "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False

"""A given list of pairs: a CSV with the columns image and mask, and where the data has them part and group."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segpipe.annotations.items import PARTS, Found, Item, id_of, sorted_items, unannotated
from segpipe.errors import DataError, PipelineError
from segpipe.images import SUFFIXES
from segpipe.place import Place

COLUMNS = ("image", "mask", "part", "group")
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A line of the list, as it stands there; `place` names it for people."""

    place: str
    image: str
    mask: str
    part: str
    group: str


def find(root: Path, table: str, rule: str) -> Found:
    """The images that the list names, with their masks, parts and groups; `rule` is data.unannotated, for an empty mask.

    Paths are relative to `root` and stay in it. Raises PipelineError where the file is no such list.
    """
    items: list[Item] = []
    problems: list[DataError] = []
    owners: dict[Path, str] = {}
    images: set[str] = set()
    for row in rows(root, table):
        own = list(_problems(root, row, owners, rule))
        if row.image in images:
            own.append(DataError(row.place, f"names the image {row.image} a second time", "Remove one of the two lines."))
        images.add(row.image)
        problems += own
        if own or (not row.mask and rule != "background"):
            continue
        image, mask = root / row.image, root / row.mask if row.mask else None
        part, place = PARTS.get(row.part.lower(), ""), Place(mask) if mask else None
        items.append(Item(id_of(PurePosixPath(row.image)), row.image, Place(image), place, part, row.group, row.mask))
    return sorted_items(items, problems)


def rows(root: Path, table: str) -> Iterator[Row]:
    """The lines of the list: commas, semicolons or tabs, with or without BOM, columns in any order and case."""
    path = root / table
    if not _is_inside(root, table) or not _is_file(path):
        raise PipelineError(f"data.masks.pairs: no file {table} in {root}. Write its path below data.path, or none.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise PipelineError(f"{path}: not UTF-8 text. Save it as UTF-8.") from None
    head = lines[0] if lines else ""
    delimiter = max(DELIMITERS, key=head.count)
    try:
        cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter, strict=True)]
    except csv.Error as error:
        raise PipelineError(f"{path}: no CSV ({error}). Write a line a pair, with a first line image,mask.") from None
    names = [name.lower() for name in cells[0]] if cells else []
    if not {"image", "mask"} <= set(names) or len(set(names)) < len(names):
        found = ", ".join(names) or "nothing"
        raise PipelineError(f"{path}: its first line names {found}. Write image,mask and, if you have them, part and group.")
    if not any(any(row) for row in cells[1:]):
        raise PipelineError(f"{path}: no pair in it. Write a line a pair below the first.")
    for number, row in enumerate(cells[1:], 2):
        if any(row):
            by_name = dict(zip(names, row, strict=False))
            image, mask, part, group = (by_name.get(name, "") for name in COLUMNS)
            yield Row(f"{table}, line {number}", _posix(image), _posix(mask), part, group)


def _problems(root: Path, row: Row, owners: dict[Path, str], rule: str) -> Iterator[DataError]:
    """What is wrong with a line. Notes whose each mask is."""
    for path, what in ((row.image, "image"), (row.mask, "mask")):
        if not path and what == "image":
            yield DataError(row.place, "names no image", "Name one, or remove the line.")
        elif path and not _is_inside(root, path):
            yield DataError(
                row.place, f"names an {what} outside data.path".replace("an mask", "a mask"), "Write a path below data.path."
            )
        elif path and not _is_file(root / path):
            near = _other_case(root, path)
            cause = f"; {near} differs in upper and lower case only" if near else ""
            yield DataError(row.place, f"names {path}, which is not there{cause}", "Correct the path, or remove the line.")
        elif path and PurePosixPath(path).suffix.lower() not in SUFFIXES:
            yield DataError(row.place, f"names {path}, which is no image by its suffix", f"Images are {', '.join(SUFFIXES)}.")
    if row.part and row.part.lower() not in PARTS:
        yield DataError(row.place, f'names the part "{row.part}"', "Write train, val or test, or nothing.")
    if row.mask and row.mask == row.image:
        yield DataError(row.place, "names one file as image and as mask", "Name the mask of the image.")
    elif row.mask and owners.setdefault(root / row.mask, row.image) != row.image:
        yield DataError(row.place, f"names the mask of {owners[root / row.mask]} for another image", "Name the image's own mask.")
    problem = None if row.mask else unannotated(row.image, rule, "a mask")
    if problem and row.image:
        yield problem


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

"""A table that says which images belong together: patients, slides, places. Images of one group never part in a split."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from segpipe.annotations.items import Item, ItemList, id_of
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import SUFFIXES
from segpipe.storage.csv_table import unguarded
from segpipe.storage.text_file import read_text

COLUMNS = ("image", "group")
FILE = "groups.csv"
"""What `convert --unpack` writes, and what is taken for the table where data.groups names none."""


def table_in(root: Path) -> str:
    """What data.groups is for a folder: groups.csv where it lies there with the two columns, else none."""
    path = root / FILE
    if not path.is_file():
        return "none"
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        head = {word.strip() for word in re.split("[,;\t]", stream.readline(2**16))}
    return FILE if head >= set(COLUMNS) else "none"


def with_groups(found: ItemList, root: Path, table: str) -> ItemList:
    """The items with the group that `table`, a CSV below `root`, gives them; `none` leaves them as they are.

    An image is named by its path below `root`, by its id, or by its bare name where only one image has it, each as it is or
    as `csv_table` guards it. Raises PipelineError where there is no such table.
    """
    if table == "none":
        return found
    rows = _rows(_inside(root, table), table)
    names = _names(found.items)
    groups: dict[str, str] = {}
    problems = []
    for number, (image, group) in enumerate(rows, start=2):
        ids = sorted(names.get(_bare(image), ()) or names.get(_bare(unguarded(image)), ()))
        if len(ids) != 1:
            what = f'names "{image}", which {"no image" if not ids else "more than one image"} is called'
            problems.append(DataError(f"{table}, line {number}", what, "Write the image's path below data.path."))
        elif groups.setdefault(ids[0], unguarded(group)) != unguarded(group):
            what = f'puts "{image}" into two groups'
            problems.append(DataError(f"{table}, line {number}", what, "An image belongs to one group: take off one line."))
    problems += [
        DataError(item.source, f"an image that {table} does not name", "Add a line for it, or set data.groups to none.")
        for item in found.items
        if item.id not in groups
    ]
    items = tuple(replace(item, group=groups.get(item.id, "")) for item in found.items)
    return replace(found, items=items, problems=(*found.problems, *problems))


def _inside(root: Path, table: str) -> Path:
    path = root / table
    try:
        is_inside = path.is_file() and path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # a link to itself, a name too long or with a zero byte
        is_inside = False
    if not is_inside:
        raise PipelineError(f"data.groups: {table} is no file below {root}. Write a path below data.path, or none.")
    return path


def _rows(path: Path, table: str) -> list[tuple[str, str]]:
    """The table's two columns, wherever they stand in it. Semicolons and tabs part cells as commas do."""
    text = read_text(path, "Save it as UTF-8, with the columns image and group.", table)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise PipelineError(f"{table}: not a CSV ({error}). Write the columns image and group.") from None
    missing = [name for name in COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise PipelineError(f"{table}: no column {' and '.join(missing)}, or no rows. Write the columns image and group.")
    bare = [number for number, row in enumerate(rows, start=2) if not row["image"] or not (row["group"] or "").strip()]
    if bare:
        raise PipelineError(f"{table}, line {bare[0]}: an empty cell. Every line names an image and its group.")
    return [(row["image"].strip(), row["group"].strip()) for row in rows]


def _names(items: Sequence[Item]) -> dict[str, set[str]]:
    """The ids that each way of naming an image may mean."""
    names: dict[str, set[str]] = {}
    for item in items:
        exact = {item.id, _bare(item.source)}
        for name in exact:
            names[name] = {item.id}
    for item in items:
        short = PurePosixPath(item.id).name
        if names.get(short, set()) != {short}:
            names.setdefault(short, set()).add(item.id)
    return names


def _bare(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/").removeprefix("./"))
    return id_of(path) if path.suffix.lower() in SUFFIXES else path.as_posix()

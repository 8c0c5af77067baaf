"""Class names in the files that annotation programs export beside the data."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segpipe.annotations.items import PARTS
from segpipe.errors import PipelineError, plain
from segpipe.storage.text_file import read_text

NamesOfFile = tuple[str, tuple[str, ...]]
"""A file's name, and its classes in the order of their ids."""
ROBOFLOW, NNUNET, SUPERVISELY = "_classes.csv", "dataset.json", "meta.json"
NNUNET_KEYS = {"channel_names", "modality", "numTraining", "file_ending", "tensorImageSize"}
"""One of these beside `labels` marks nnU-Net's dataset.json."""
MAX_NAMES, MAX_FILE_NAME_BYTES = 256, 255
"""Names in a list, and bytes of a file's name: a system refuses to look for longer ones."""


def read(folder: Path) -> NamesOfFile | None:
    """The names in the folder: Roboflow's, nnU-Net's, Darknet's (as CVAT exports YOLO), Supervisely's; or nothing.

    Raises PipelineError where such a file is broken, or two of Roboflow's contradict one another.
    """
    return next((found for reader in READERS if (found := reader(folder))), None)


def _roboflow(folder: Path) -> NamesOfFile | None:
    """`_classes.csv`, with the columns Pixel Value and Class, in the folder or in those of its parts."""
    places = [folder / ROBOFLOW, *(path / ROBOFLOW for path in sorted(folder.glob("*")) if path.name.lower() in PARTS)]
    found = [(path, names) for path in places if path.is_file() and (names := _roboflow_names(path))]
    if not found:
        return None
    first, names = found[0]
    other = next((path for path, own in found if own != names), None)
    if other:
        raise PipelineError(f"{first} and {other}: different classes. Export the data again, so that all parts have the same.")
    return first.relative_to(folder).as_posix(), names


def _roboflow_names(path: Path) -> tuple[str, ...]:
    """None of them where it is another file of that name: Roboflow has one for classes of whole images."""
    rows = [row for row in csv.reader(io.StringIO(read_text(path))) if any(cell.strip() for cell in row)]
    if not rows or [cell.strip().lower() for cell in rows[0]] != ["pixel value", "class"]:
        return ()
    ids: dict[int, str] = {}
    for row in rows[1:]:
        number = row[0].strip()
        if len(row) != 2 or not (number.isascii() and number.isdecimal() and len(number) < 4) or int(number) in ids:
            raise PipelineError(f'{path}: "{plain(",".join(row))}" is no value of its own with a class. Write a line as 1,cat.')
        ids[int(number)] = row[1]
    return _in_order(path, ids)


def _nnunet(folder: Path) -> NamesOfFile | None:
    """The `labels` of nnU-Net's `dataset.json`: names with their ids, or, in its first version, ids with their names."""
    path = folder / NNUNET
    content = _json(path) if path.is_file() else None
    labels = content.get("labels") if isinstance(content, dict) and content.keys() & NNUNET_KEYS else None
    if not isinstance(labels, dict) or not labels:
        return None
    # In the first version `1: tumour`, in the second `tumour: 1`.
    pairs = labels.items() if all(str(key).isdecimal() for key in labels) else [(value, key) for key, value in labels.items()]
    ids: dict[int, str] = {}
    for number, name in pairs:
        if isinstance(number, list):
            what = f'"{plain(str(name))}" is a region of several labels'
            raise PipelineError(f"{path}: {what}. Give each label an id of its own; data.class_map merges classes.")
        if not str(number).isdecimal() or len(str(number)) > 3 or not isinstance(name, str) or int(number) in ids:
            raise PipelineError(f'{path}: "{plain(str(name))}" has no id of its own. Write labels as "cat": 1.')
        ids[int(number)] = name
    return path.name, _in_order(path, ids)


def _darknet(folder: Path) -> NamesOfFile | None:
    """The file that `obj.data` calls its names, else `obj.names`: a name a line."""
    path = next((path for path in _darknet_places(folder) if path.is_file()), None)
    if path is None:
        return None
    names = [line.strip() for line in read_text(path).splitlines()]
    return path.relative_to(folder).as_posix(), _checked(path, [name for name in names if name])


def _darknet_places(folder: Path) -> list[Path]:
    listing = folder / "obj.data"
    lines = [line.split("=", 1) for line in read_text(listing).splitlines() if "=" in line] if listing.is_file() else []
    named = [value.strip().replace("\\", "/") for key, value in lines if key.strip() == "names"]
    # Of a path of another machine its end counts, so that nothing outside the folder is read.
    ends = [name.rpartition("/")[2] for name in named]
    return [
        folder / end for end in (*ends, "obj.names") if end not in ("", ".", "..") and len(end.encode()) <= MAX_FILE_NAME_BYTES
    ]


def _supervisely(folder: Path) -> NamesOfFile | None:
    """The titles of the classes in a project's meta.json."""
    path = folder / SUPERVISELY
    titles = class_titles(path) if path.is_file() else ()
    return (path.name, _checked(path, titles)) if titles else None


def class_titles(path: Path) -> tuple[str, ...]:
    """The classes that a project's meta.json names, in its order; none where it is another file."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ()
    rows = content.get("classes") if isinstance(content, dict) else None
    rows = rows if isinstance(rows, list) else []
    titles = [row.get("title") for row in rows if isinstance(row, dict) and ("shape" in row or "color" in row)]
    return tuple(title for title in titles if isinstance(title, str)) if len(titles) == len(rows) else ()


READERS: tuple[Callable[[Path], NamesOfFile | None], ...] = (_roboflow, _nnunet, _darknet, _supervisely)


def _in_order(path: Path, ids: Mapping[int, str]) -> tuple[str, ...]:
    """The names of ids that count from 0 without a gap."""
    missing = next((number for number in range(len(ids)) if number not in ids), None)
    if missing is not None:
        raise PipelineError(f"{path}: no name for {missing}, but one for {max(ids)}. Name every id from 0 on.")
    return _checked(path, [ids[number].strip() for number in range(len(ids))])


def _checked(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The names, if each is one line of plain text and stands there once."""
    strange = [plain(name) for name in names if not name or plain(name) != name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if strange or twice or not 1 <= len(names) <= MAX_NAMES:
        count = f"names {', '.join(twice[:5])} twice" if twice else f"holds {len(names)} names"
        what = f'"{strange[0]}" is no name' if strange else count
        raise PipelineError(f"{path}: {what}. Write each class once, in plain text, or rename the file if it is something else.")
    return tuple(names)


def _json(path: Path) -> Any:
    """The file's content, None where it is broken: it may be another program's."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None

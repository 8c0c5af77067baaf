"""YOLO's data.yaml: the names of the classes, and which images are for training, validation and test."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from segpipe.annotations.class_names import MAX_CLASSES
from segpipe.annotations.items import files_below
from segpipe.errors import DataError, plain
from segpipe.storage.yaml_mapping import UNREADABLE

NOTHING = ("", "~", "null", "none")
KEYS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
MAX_BYTES = 2**20
"""Bytes: a data.yaml has a few lines."""
HOW_TO_NAME = "Write the names as a list, or as lines id: name."


@dataclass(frozen=True)
class PathEntry:
    """A folder or a list of images as the file has it: under `train`, `val` or `test`, seen from its `path`."""

    key: str
    folder: str
    entry: str


@dataclass(frozen=True)
class DataYaml:
    """`names` by class id, where the parts lie, and what is wrong with the file."""

    name: str
    names: dict[int, str]
    paths: tuple[PathEntry, ...]
    problems: tuple[DataError, ...] = ()


def find_yaml(root: Path) -> DataYaml | None:
    """The file of the data set, found by its key `names`; data.yaml is taken first, then the one nearest to the root."""
    paths = sorted(files_below(root, (".yaml", ".yml")), key=lambda path: (path.stem != "data", len(path.parts), path))
    read = [found for path in paths if (found := _read(path, path.relative_to(root).as_posix()))]
    if not read:
        return None
    first = read[0]
    others = [other.name for other in read[1:] if other.names != first.names and not other.problems]
    what = f"other class names than {', '.join(others[:5])}"
    problem = DataError(first.name, what, "Keep the file that belongs to the labels.")
    return DataYaml(first.name, first.names, first.paths, (*first.problems, problem)) if others else first


def parts_of(found: DataYaml, root: Path, images: Iterable[str]) -> tuple[dict[str, str], list[DataError]]:
    """The part of each image that the file's folders and lists name. Nothing outside the root is ever looked at."""
    parts: dict[str, set[str]] = {name: set() for name in images}
    problems: list[DataError] = []
    base = PurePosixPath(found.name).parent
    for path_entry in found.paths:
        target = _inside(path_entry, base, root)
        if target is None:
            what = f'its {path_entry.key}, "{path_entry.entry}", is not in the folder'
            remedy = "Add it if its images are missing; those elsewhere get the part that their folders' names say."
            problems.append(DataError(found.name, what, remedy, warning=True))
        elif (root / target).is_dir():
            prefix = "" if target == PurePosixPath() else f"{target.as_posix()}/"
            for name, own in parts.items():
                if name.startswith(prefix):
                    own.add(KEYS[path_entry.key])
        elif target.as_posix() in parts:
            parts[target.as_posix()].add(KEYS[path_entry.key])
        else:
            problems += _take_list(target, root, KEYS[path_entry.key], parts)
    several = [name for name, own in parts.items() if len(own) > 1]
    problems += [
        DataError(name, f"named as several parts by {found.name}, and so taken as none", "Name each image once.", warning=True)
        for name in several
    ]
    return {name: own.pop() for name, own in parts.items() if len(own) == 1}, problems


def _read(path: Path, name: str) -> DataYaml | None:
    """The file, or None where it is another YAML file. Only text, lists and maps are made: `no` is a name, no tag is run."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (*UNREADABLE, OSError) as error:
        if path.stem != "data":
            return None
        reason = "not in UTF-8" if isinstance(error, UnicodeDecodeError) else "no YAML"
        return DataYaml(name, {}, (), (DataError(name, f"a broken file ({reason})", HOW_TO_NAME),))
    if not isinstance(content, dict) or "names" not in content:
        return None
    names, problems = _names(content["names"], name)
    n_classes = content.get("nc", "")
    if names and isinstance(n_classes, str) and n_classes.isdecimal() and n_classes != str(len(names)):
        what = f"nc is {n_classes}, but there are {len(names)} names"
        problems.append(DataError(name, what, "Correct nc, or the names."))
    return DataYaml(name, names, tuple(_paths(content)), tuple(problems))


def _names(value: Any, name: str) -> tuple[dict[int, str], list[DataError]]:
    """Names by id of a list, or of a map from ids."""
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    is_sound = 0 < len(pairs) < MAX_CLASSES and all(
        (isinstance(key, int) or (isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) < 6))
        and isinstance(each, str)
        and each.strip()
        and plain(each) == each
        for key, each in pairs
    )
    if not is_sound:
        return {}, [DataError(name, f"names that are no list of 1 to {MAX_CLASSES - 1} class names", HOW_TO_NAME)]
    names = {int(key): each for key, each in pairs}
    twice = sorted({each for each in names.values() if list(names.values()).count(each) > 1})
    what = f"the same name for several classes ({', '.join(twice[:5])}), which count as one"
    warning = DataError(name, what, "Rename one of them if they are two classes.", warning=True)
    return dict(sorted(names.items())), [warning] if twice else []


def _paths(content: dict[Any, Any]) -> Iterable[PathEntry]:
    folder = content.get("path")
    for key in KEYS:
        value = content.get(key)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each.strip().lower() not in NOTHING:
                yield PathEntry(key, folder if isinstance(folder, str) else "", each.strip())


def _inside(path_entry: PathEntry, base: PurePosixPath, root: Path) -> PurePosixPath | None:
    """The folder or list that is meant. What lies before the data on another machine is left off till something is there."""
    own = _parts(path_entry.entry)
    before = _parts(path_entry.folder)
    if not own and path_entry.entry not in (".", "./"):
        return None
    if path_entry.entry.startswith(("/", "\\")) or path_entry.entry[1:2] == ":":
        # Of a path from another machine at least `train/images` is kept: an end like `images` would mean any part.
        kept = 2 if own[-1:] == ["images"] else 1
        before, own = own[:-kept], own[-kept:]
    for at in range(len(before) + 1):
        for folder in (base, PurePosixPath()):
            target = folder.joinpath(*before[at:], *own)
            if _is_there(root / target, root):
                return target
    return None


def _parts(path: str) -> list[str]:
    """The names in a path, of Windows too, without those that lead upwards."""
    names = path[:4096].replace("\\", "/").split("/")
    return [name for name in names if name not in ("", ".", "..")]


def _is_there(path: Path, root: Path) -> bool:
    try:
        return (path.is_dir() or path.is_file()) and path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _take_list(listing: PurePosixPath, root: Path, part: str, parts: dict[str, set[str]]) -> list[DataError]:
    """Adds the part to each image that a list names; a problem for each one that is not there."""
    if listing.suffix.lower() != ".txt":
        return [DataError(listing.as_posix(), "named as a list of images, but no .txt file", "Name a folder or a list.")]
    absent = []
    for line in (root / listing).read_text(encoding="utf-8-sig", errors="replace").splitlines():
        names = _parts(line.strip())
        ends = [
            folder.joinpath(*names[at:]).as_posix() for at in range(len(names)) for folder in (listing.parent, PurePosixPath())
        ]
        match = next((end for end in ends if end in parts), None)
        if match:
            parts[match].add(part)
        elif names:
            absent.append(line.strip())
    return [
        DataError(f"{name} in {listing}", "named in a list but not in the folder", "Add it, or take it off the list.")
        for name in absent
    ]

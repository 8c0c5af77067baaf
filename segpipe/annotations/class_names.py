"""The names of a data set's classes, and the text files beside the data that list them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segpipe.annotations import exported_names
from segpipe.annotations.class_map import IGNORED
from segpipe.errors import DataError, PipelineError, plain
from segpipe.storage.text_file import read_text

LISTS = ("classes.txt", "labels.txt", "class_names.txt")
OBJECT = "object"
VOID = ("unlabelled", "unlabeled", "void", "ignore", "__ignore__")
MAX_CLASSES = 255
PLAUSIBLE = 64
"""More classes than this, or ids with so many gaps, are believed only where a list names them."""


@dataclass(frozen=True)
class Classes:
    """Names in the order of their ids, the mask value that is ignored, where the names come from, what is wrong.

    `values` is how masks are to be read, as data.masks.values says it, and `codes`, under `codes`, each name's value;
    `palette` is data.masks.palette.
    """

    names: tuple[str, ...]
    ignore_index: int
    origin: str
    problems: tuple[DataError, ...] = ()
    values: Literal["ids", "binary", "codes"] = "ids"
    codes: tuple[str, ...] | tuple[int, ...] = ()
    palette: Literal["indices", "colours"] = "indices"

    def files_with(self, number: int, files: Mapping[str, int]) -> int:
        """How many masks hold the class, by the number of masks that hold each value."""
        if self.values == "binary":
            others = [count for value, count in files.items() if value != "0"]
            return files.get("0", 0) if number == 0 else max(others, default=0)
        code = str(self.codes[number]) if self.codes else str(number)
        # A gray among colours is listed as three numbers and counted as one.
        return files.get(code, 0) or files.get(code.split(" ")[0] if len(set(code.split(" "))) == 1 else code, 0)


@dataclass(frozen=True)
class NameList:
    """A file's names, a line each, without labelme's `__ignore__` that may stand first.

    `blank` are the numbers of the blank lines before the last name: where a line's place is an id, they are a question.
    """

    file: str
    names: tuple[str, ...]
    blank: tuple[int, ...] = ()

    def gaps(self) -> list[DataError]:
        """The problem of a list with blank lines, whose names are those of ids."""
        if not self.blank:
            return []
        what = f"a blank line above other names (line {', '.join(map(str, self.blank[:5]))}), and a name's place is its id"
        return [DataError(self.file, what, "Name the class that the line stands for, or take the line out.")]


def read_list(folder: Path) -> NameList | None:
    """The first of `LISTS` in the folder, else what a program exported, or nothing. Raises PipelineError for what is no list."""
    path = next((folder / name for name in LISTS if (folder / name).is_file()), None)
    exported = None if path else exported_names.read(folder)
    return read_file(path) if path else NameList(*exported) if exported else None


def read_file(path: Path) -> NameList:
    """The names in a file. Raises PipelineError where it is not there, or no list of classes."""
    if not path.is_file():
        raise PipelineError(f"{path}: no such file. Name a text file with a class name a line.")
    text = read_text(path, "Save it as UTF-8, a class name a line.")
    lines = [line.strip() for line in text.rstrip().splitlines()]
    names = [line for line in lines if line]
    names = names[1:] if names and names[0] == IGNORED else names
    strange = next((name for name in names if plain(name) != name), None)
    if strange is not None:
        raise PipelineError(f'{path}: "{plain(strange)}" holds control characters. Write a class name a line, in plain text.')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not 1 <= len(names) <= MAX_CLASSES + 1:
        what = f"names {', '.join(twice[:5])} twice" if twice else f"holds {len(names)} names"
        raise PipelineError(
            f"{path}: {what}. Write 2 to {MAX_CLASSES} class names, a line each, or rename the file if it is another list."
        )
    return NameList(path.name, tuple(names), tuple(at for at, line in enumerate(lines, 1) if not line))


def is_void(name: str) -> bool:
    """Whether a name means unlabelled pixels rather than a class."""
    return name.casefold() in VOID

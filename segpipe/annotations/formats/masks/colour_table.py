"""A table beside the data that names the colours of its masks: label_colors.txt, class_dict.csv or labelmap.txt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segpipe.annotations.formats.masks.codes import colour_code
from segpipe.errors import PipelineError, plain
from segpipe.storage.text_file import read_text

FILES = ("label_colors.txt", "class_dict.csv", "labelmap.txt")
COLOUR_FIRST = re.compile(r"(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\S.*)")
NAME_FIRST = re.compile(r"([^,:]+)[,:]\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})(?:[\s,:].*)?")


@dataclass(frozen=True)
class ColourTable:
    """The file's name, and the name of each code in the order of the file."""

    file: str
    names: dict[int, str]


def read(folder: Path) -> ColourTable | None:
    """The first of `FILES` in the folder, or nothing. A line is `64 128 64 animal`, `animal,64,128,64` or `animal:64,128,64`.

    A first line without numbers and lines that begin with # are passed over. Raises PipelineError for other lines.
    """
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        return None
    text = read_text(path, "Save it as UTF-8, a colour and a name a line.")
    lines = [line for each in text.splitlines() if (line := each.strip()) and not line.startswith("#")]
    lines = lines[1:] if lines and not re.search(r"\d", lines[0]) else lines
    names: dict[int, str] = {}
    for line in lines:
        code, name = _parsed(path, line)
        if code in names or name in names.values():
            raise PipelineError(f'{path}: "{plain(line)}" repeats a colour or a name. Write each once, or rename the file.')
        names[code] = name
    if len(names) < 2:
        raise PipelineError(
            f"{path}: names {len(names)} colours. Write one a line, such as 64 128 64 animal, or rename the file."
        )
    return ColourTable(path.name, names)


def of_lines(file: str, lines: Sequence[str]) -> ColourTable | None:
    """The table that the lines of a list of classes make, or nothing where some line names no colour."""
    if not all(COLOUR_FIRST.fullmatch(line) or NAME_FIRST.fullmatch(line) for line in lines):
        return None
    return ColourTable(file, dict(_parsed(Path(file), line) for line in lines))


def _parsed(path: Path, line: str) -> tuple[int, str]:
    first, second = COLOUR_FIRST.fullmatch(line), NAME_FIRST.fullmatch(line)
    name = first[4] if first else second[1] if second else ""
    numbers = [int(number) for number in (first.groups()[:3] if first else second.groups()[1:4] if second else ())]
    if not numbers or max(numbers) > 255 or plain(name) != name:
        raise PipelineError(f'{path}: "{plain(line)}" is no colour with a name. Write 64 128 64 animal, or rename the file.')
    return colour_code(*numbers), name.strip()

"""Tables as CSV: the same bytes each time, whatever goes in comes back, and no text of them is a formula in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

FORMULA = re.compile(r"(^|[;\t\r\n])(?=['=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])")
"""Where a spreadsheet would begin a formula: at a cell's start, and after what other countries' spreadsheets split at."""
GUARDED = re.compile(r"(^|[;\t\r\n])'")
"""An apostrophe stands before such text. Text that has one there already gets a second, so that taking one off is exact."""


def csv_text(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV with Unix line ends; floats come as `repr` gives them, so no digit is lost.

    Text that a spreadsheet would take for a formula is guarded; `csv_rows` gives it back as it was.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(_guarded, head))
    writer.writerows(map(_guarded, row) for row in rows)
    return stream.getvalue()


def csv_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a file of `csv_text`, by column. Raises OSError, or ValueError for what is no such file."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            head, *rows = [[unguarded(cell) for cell in row] for row in csv.reader(stream, strict=True)]
    except csv.Error as error:
        raise ValueError(f"{path.name}: {error}") from None
    return [dict(zip(head, row, strict=True)) for row in rows]


def unguarded(cell: str) -> str:
    """A cell as it was before `csv_text` guarded it."""
    return GUARDED.sub(r"\1", cell)


def _guarded(cell: object) -> object:
    return FORMULA.sub(r"\1'", cell) if isinstance(cell, str) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

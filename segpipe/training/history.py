"""history.csv: a row an epoch, no times in it, so that a rerun writes the same bytes."""

from collections.abc import Sequence
from pathlib import Path

from segpipe.storage.csv_table import csv_text
from segpipe.storage.files import write_text


def write(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Writes all epochs; a number that an epoch lacks stays empty."""
    names = list(dict.fromkeys(name for record in history for name in record))
    write_text(path, csv_text(names, ([record.get(name, "") for name in names] for record in history)))

"""history.csv: a row an epoch, no times in it, so that a rerun writes the same bytes."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from segpipe.files import write_text


def write(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Writes all epochs; a number that an epoch lacks stays empty."""
    names = list(dict.fromkeys(name for record in history for name in record))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, stream.getvalue())

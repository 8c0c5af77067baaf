"""What the examination of a data set found."""

from dataclasses import dataclass

from segpipe.errors import DataError
from segpipe.record import Record


@dataclass(frozen=True)
class Examination:
    """All that was found in a data set: the sound records sorted by id, the final classes, and all problems."""

    records: tuple[Record, ...]
    classes: tuple[str, ...]
    problems: tuple[DataError, ...]

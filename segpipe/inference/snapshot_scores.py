"""snapshots.csv: what the weights of other epochs score, those that the training kept; written by evaluate, read by reports."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from segpipe.errors import PipelineError
from segpipe.storage.csv_table import csv_rows, csv_text
from segpipe.storage.files import write_text


@dataclass(frozen=True)
class SnapshotScores:
    """After `epoch`, counted from 1, on so many `images`; a score is None where no class has one."""

    epoch: int
    images: int
    miou: float | None
    dice: float | None
    map: float | None


COLUMNS = tuple(field.name for field in fields(SnapshotScores))


def write(path: Path, found: Sequence[SnapshotScores]) -> None:
    """A row an epoch; the head alone where no other epoch's weights were kept."""
    rows = (["" if value is None else repr(value) for value in astuple(each)] for each in found)
    write_text(path, csv_text(COLUMNS, rows))


def read(path: Path, fold: int) -> list[SnapshotScores]:
    """What `write` wrote. Raises PipelineError, with the stage of `fold` to run, where there is none or it is broken."""
    try:
        return [
            SnapshotScores(int(row["epoch"]), int(row["images"]), *(_number(row[name]) for name in COLUMNS[2:]))
            for row in csv_rows(path)
        ]
    except (OSError, ValueError, KeyError) as error:
        what = f"{path.as_posix()}: not there, or broken ({error})"
        raise PipelineError(f"{what}. Run `dvc repro --force evaluate@{fold}`.") from None


def _number(text: str) -> float | None:
    return float(text) if text else None

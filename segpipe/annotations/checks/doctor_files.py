"""data/doctor: findings.json and two pictures, written by convert and read by report."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.storage.files import write_bytes, write_json

FINDINGS, CONTACT_SHEET, STATISTICS = "findings.json", "contact_sheet.png", "statistics.png"


@dataclass(frozen=True)
class WrittenFinding:
    """One kind of problem, `severity` warning or error, and the files it is about.

    What the report shows of a `Finding`, and no such: how the console words one is then no code of the report's.
    """

    severity: str
    problem: str
    remedy: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class DoctorFiles:
    """The findings, and the PNG bytes of the contact sheet and of the charts."""

    findings: tuple[WrittenFinding, ...]
    contact_sheet: bytes
    statistics: bytes


def write(folder: Path, content: DoctorFiles) -> None:
    """Writes all of it; the same content gives the same bytes."""
    write_json(folder / FINDINGS, [vars(each) for each in content.findings])
    write_bytes(folder / CONTACT_SHEET, content.contact_sheet)
    write_bytes(folder / STATISTICS, content.statistics)


def read(folder: Path) -> DoctorFiles:
    """What `write` wrote. Raises PipelineError where some of it is missing or damaged."""
    try:
        rows = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
        pictures = ((folder / name).read_bytes() for name in (CONTACT_SHEET, STATISTICS))
        return DoctorFiles(_findings(rows), *pictures)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"{folder.as_posix()}: not whole ({error}). Run `dvc repro --force convert`.") from None


def _findings(rows: Any) -> tuple[WrittenFinding, ...]:
    return tuple(WrittenFinding(row["severity"], row["problem"], row["remedy"], tuple(row["files"])) for row in rows)

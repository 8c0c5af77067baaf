"""What the doctor leaves for people: its findings, a contact sheet, and charts of classes and sizes."""

from pathlib import Path

from segpipe.annotations.checks.contact_sheet import contact_sheet
from segpipe.annotations.checks.findings import findings
from segpipe.annotations.checks.statistics import statistics_png
from segpipe.annotations.examination.result import Examination
from segpipe.images.encode import encode_png
from segpipe.storage.files import write_bytes, write_json


def write(folder: Path, examination: Examination) -> None:
    """Writes findings.json, contact_sheet.png and statistics.png; the same data gives the same bytes."""
    rows = [
        {"severity": "warning" if each.warning else "error", "problem": each.problem, "remedy": each.remedy, "files": each.files}
        for each in findings(examination.problems)
    ]
    write_json(folder / "findings.json", rows)
    write_bytes(folder / "contact_sheet.png", encode_png(contact_sheet(examination.records, examination.classes)))
    write_bytes(folder / "statistics.png", statistics_png(examination.records, examination.classes))

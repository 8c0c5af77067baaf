"""What the doctor leaves for people: its findings, a contact sheet, and charts of classes and sizes."""

from pathlib import Path

from segpipe.annotations.convert import Examination
from segpipe.annotations.doctor.contact_sheet import contact_sheet
from segpipe.annotations.doctor.findings import findings
from segpipe.annotations.doctor.statistics import statistics_png
from segpipe.files import write_bytes, write_json
from segpipe.overlay import encode_png


def write(folder: Path, examination: Examination) -> None:
    """Writes findings.json, contact_sheet.png and statistics.png; the same data gives the same bytes."""
    told = [
        {"severity": "warning" if each.warning else "error", "problem": each.problem, "remedy": each.remedy, "files": each.files}
        for each in findings(examination.problems)
    ]
    write_json(folder / "findings.json", told)
    write_bytes(folder / "contact_sheet.png", encode_png(contact_sheet(examination.records, examination.classes)))
    write_bytes(folder / "statistics.png", statistics_png(examination.records, examination.classes))

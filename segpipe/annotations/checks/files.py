"""What the doctor leaves for people: its findings, a contact sheet, and charts of classes and sizes."""

from pathlib import Path

from segpipe.annotations.checks import doctor_files
from segpipe.annotations.checks.contact_sheet import contact_sheet
from segpipe.annotations.checks.doctor_files import DoctorFiles, WrittenFinding
from segpipe.annotations.checks.findings import Finding, findings
from segpipe.annotations.checks.statistics import statistics_png
from segpipe.annotations.examination.result import Examination
from segpipe.images.encode import encode_png


def write(folder: Path, examination: Examination) -> None:
    """Writes what was found, and the pictures; the same data gives the same bytes."""
    found = tuple(map(_written, findings(examination.problems)))
    sheet = encode_png(contact_sheet(examination.records, examination.classes))
    doctor_files.write(folder, DoctorFiles(found, sheet, statistics_png(examination.records, examination.classes)))


def _written(finding: Finding) -> WrittenFinding:
    return WrittenFinding("warning" if finding.warning else "error", finding.problem, finding.remedy, finding.files)

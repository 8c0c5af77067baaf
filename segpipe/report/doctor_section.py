"""What the doctor found in the data before training: its warnings, the contact sheet, and charts of classes and sizes."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segpipe.annotations.checks import doctor_files
from segpipe.annotations.checks.doctor_files import WrittenFinding
from segpipe.errors import PipelineError

QUALITY = 85


@dataclass(frozen=True)
class Doctor:
    """data/doctor: the warnings, and the two pictures as JPEG."""

    warnings: tuple[WrittenFinding, ...]
    contact_sheet: bytes
    statistics: bytes


def read(folder: Path) -> Doctor:
    """Raises PipelineError where stage convert left none of it, or it is damaged."""
    found = doctor_files.read(folder)
    try:
        return Doctor(found.findings, _jpeg(found.contact_sheet), _jpeg(found.statistics))
    except (ValueError, cv2.error) as error:
        raise PipelineError(f"{folder.as_posix()}: not whole ({error}). Run `dvc repro --force convert`.") from None


def _jpeg(png: bytes) -> bytes:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("a file that is no picture")
    return bytes(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1])

"""What the doctor found in the data before training: its warnings, the contact sheet, and charts of classes and sizes."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segpipe.errors import PipelineError

QUALITY = 85


@dataclass(frozen=True)
class Warned:
    """One kind of warning, and the files it is about."""

    problem: str
    remedy: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Doctor:
    """data/doctor: the warnings, and the two pictures as JPEG."""

    warnings: tuple[Warned, ...]
    contact_sheet: bytes
    statistics: bytes


def read(folder: Path) -> Doctor:
    """Raises PipelineError where stage convert left none of it, or it is damaged."""
    try:
        findings = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        warnings = tuple(Warned(each["problem"], each["remedy"], tuple(each["files"])) for each in findings)
        return Doctor(warnings, _jpeg(folder / "contact_sheet.png"), _jpeg(folder / "statistics.png"))
    except (OSError, ValueError, KeyError, TypeError, cv2.error) as error:
        raise PipelineError(f"{folder.as_posix()}: not whole ({error}). Run `dvc repro --force convert`.") from None


def _jpeg(path: Path) -> bytes:
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path.name} is no picture")
    return bytes(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1])

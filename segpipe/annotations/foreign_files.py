"""Files of programs whose own formats are not read: how to recognise them, and which of their exports is read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 2**26
"""Bytes: what is held as objects takes ten times as many."""
SNIFFED_BYTES = 2**12
AS_COCO = "Export it from there as COCO, which is read."


@dataclass(frozen=True)
class Program:
    """What a file is, and what to do so that its annotations can be read."""

    what: str
    remedy: str


LABEL_STUDIO = Program(
    "Label Studio's own JSON",
    'Export from Label Studio as "COCO with Images"; where a brush was used as "Brush labels to COCO" (which fills holes), and '
    "put the images beside it.",
)
VIA = Program("a project of VIA", 'Export from VIA by "Export Annotations (COCO format)", which is read.')
DATUMARO = Program("Datumaro's JSON", "Export it as COCO 1.0 (CVAT) or coco_instances (Datumaro), which is read.")
V7 = Program("V7 Darwin's JSON", AS_COCO)
SUPERANNOTATE = Program("SuperAnnotate's JSON", AS_COCO)
CVAT = Program("CVAT's XML", 'Export from CVAT as "COCO 1.0", which is read.')
BOXES = Program("PASCAL VOC's XML of boxes", "A box does not say which pixels are an object's: draw outlines.")
LABELBOX = Program("Labelbox's JSON", "Convert it to COCO, which is read.")
ISAT = Program("ISAT's JSON", "Convert it to COCO with ISAT's own converter; that is read.")


def program_of_file(path: Path) -> Program | None:
    """The program that wrote a JSON file; None where it is not known, or the file is broken or very large."""
    try:
        return program_of(json.loads(path.read_bytes())) if path.stat().st_size <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None


def program_of_xml(path: Path) -> Program | None:
    """The program of an XML file, by its beginning."""
    if path.suffix.lower() != ".xml":
        return None
    with path.open("rb") as stream:
        beginning = stream.read(SNIFFED_BYTES)
    if b"<annotations>" in beginning:
        return CVAT
    return BOXES if b"<annotation" in beginning and b"<bndbox" in beginning else None


def program_of(content: Any) -> Program | None:
    """The program that wrote this JSON, None where it is not known."""
    if isinstance(content, list):
        rows = [row for row in content[:8] if isinstance(row, dict)]
        return next((program for row in rows if (program := _of_row(row))), None)
    return _of_object(content) if isinstance(content, dict) else None


def _of_row(row: Mapping[str, Any]) -> Program | None:
    """The program of a list of tasks or images."""
    if "data" in row and row.keys() & {"annotations", "completions", "predictions"}:
        return LABEL_STUDIO
    # JSON-MIN: a task's data and results side by side, under names of the user's own.
    if any(isinstance(value, list) and _is_result(value) for value in row.values()):
        return LABEL_STUDIO
    if row.keys() & {"data_row", "Labeled Data"}:
        return LABELBOX
    return None


def _is_result(values: Sequence[Any]) -> bool:
    return any(isinstance(value, dict) and "original_width" in value for value in values)


def _of_object(content: Mapping[str, Any]) -> Program | None:
    """The program of a file that is one JSON object."""
    if "data" in content and content.keys() & {"annotations", "completions"}:
        return LABEL_STUDIO
    if "_via_img_metadata" in content or any(_is_via(value) for value in list(content.values())[:8]):
        return VIA
    if "items" in content and isinstance(content.get("categories"), dict):
        return DATUMARO
    if "annotations" in content and ("item" in content or isinstance(content.get("image"), dict)):
        return V7
    if "instances" in content and "metadata" in content:
        return SUPERANNOTATE
    info = content.get("info")
    is_isat = "objects" in content and isinstance(info, dict) and "ISAT" in str(info.get("description"))
    return ISAT if is_isat else None


def _is_via(value: Any) -> bool:
    return isinstance(value, dict) and "filename" in value and "regions" in value

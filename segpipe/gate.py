"""models/export/gate.json: how far ONNX is from torch, written by export and read by report. No timings."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.storage.files import write_json


@dataclass(frozen=True)
class Gate:
    """How far ONNX is from torch: the largest difference of a logit, and the share of pixels with the same class.

    The difference is infinite where ONNX's logit is no finite number.
    """

    images: int
    largest_difference: float
    same_pixels: float


def write(path: Path, gate: Gate, tolerance: float, opset: int) -> None:
    """Writes the gate that a model was let through, what it was held against, and the ONNX opset."""
    write_json(path, asdict(gate) | {"tolerance": tolerance, "opset": opset})


def read(path: Path) -> dict[str, Any]:
    """What `write` wrote, by name. Raises PipelineError where it is not whole."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise PipelineError(f"{path.as_posix()}: not whole ({error}). Run `dvc repro --force export`.") from None

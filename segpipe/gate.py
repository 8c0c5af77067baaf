"""models/export/gate.json: how far ONNX is from torch, written by export and read by report. No timings, no names of images."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from segpipe.errors import PipelineError
from segpipe.storage.files import write_json

Pair = tuple[float | None, float | None]
"""A score by torch and by ONNX; None where there is none."""


@dataclass(frozen=True)
class Form:
    """What was compared in one way: so many `images`, of `pixels` in all.

    `largest_difference` is that of a logit, infinite where ONNX's is no finite number; `changed_pixels` is the share of pixels
    that have another class. `furthest` and `most_changed` name the images, "" where nothing differs; the file names none.
    """

    name: str
    images: int
    pixels: int
    largest_difference: float
    changed_pixels: float
    furthest: str = ""
    most_changed: str = ""


@dataclass(frozen=True)
class Gate:
    """What ONNX was held against: `images` of the `of` that the part (test or val) has, in several forms, and by their scores."""

    part: str
    images: int
    of: int
    forms: tuple[Form, ...]
    scores: dict[str, Pair]


@dataclass(frozen=True)
class Passed:
    """The gate that a model was let through, the limits of params.yaml by their keys there, and the ONNX opset."""

    gate: Gate
    limits: dict[str, float]
    opset: int


def score_difference(pair: Pair) -> float:
    """How far the two are apart: 1, which is as far as can be, where only one of them is there."""
    one, other = pair
    if one is None or other is None:
        return float((one is None) != (other is None))
    return abs(one - other)


def write(path: Path, gate: Gate, limits: Mapping[str, float], opset: int) -> None:
    """Writes the gate that a model was let through, what it was held against, and the ONNX opset."""
    content = asdict(Passed(gate, dict(limits), opset))
    for form in content["gate"]["forms"]:
        del form["furthest"], form["most_changed"]
    write_json(path, content)


def read(path: Path) -> Passed:
    """What `write` wrote. Raises PipelineError where it is not whole."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(Passed).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (OSError, ValueError) as error:
        reason = str(error)
    raise PipelineError(f"{path.as_posix()}: not whole ({reason}). Run `dvc repro --force export`.")

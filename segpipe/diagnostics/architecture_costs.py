"""What `segpipe models` measures: each architecture at the configured settings, and why where one cannot be built."""

import difflib
from dataclasses import dataclass

import torch

from segpipe.diagnostics import cost
from segpipe.diagnostics import memory as memories
from segpipe.diagnostics.dry_run import TrainingShape
from segpipe.errors import PipelineError
from segpipe.models import table
from segpipe.models.segmenter import Segmenter
from segpipe.models.whole_model import whole_model
from segpipe.params.architectures import ARCHITECTURES
from segpipe.params.load import model_params
from segpipe.params.schema import ModelParams


@dataclass(frozen=True)
class Row:
    """One architecture. `notes` say which encoder it has, if any, and that crops get padded.

    The sides of a crop are multiples of `stride`. `multiply_adds` and `forward_seconds` are of one image, `peak_bytes` of
    a training step with `train.batch_size` images.
    """

    name: str
    notes: tuple[str, ...]
    stride: int
    parameters: int
    multiply_adds: int
    peak_bytes: int
    forward_seconds: float
    largest_batch: int


@dataclass(frozen=True)
class Failed:
    """An architecture that these settings do not build, and why."""

    name: str
    reason: str


def row(
    configured: ModelParams, name: str, shape: TrainingShape, normalise: str, memory: int, device: torch.device
) -> Row | Failed:
    """All that is counted, computed and measured of one architecture; `memory` in bytes decides its largest batch."""
    try:
        model = with_name(configured, name)
        segmenter = build(model, shape, normalise).to(device)
        return _measured(segmenter, shape, memory, device, name, notes(configured, model, segmenter.stride, shape.crop))
    except Exception as error:  # Whatever a library raises for one architecture, the others have their rows.
        return Failed(name, " ".join(str(error).split()) or type(error).__name__)


def with_name(model: ModelParams, name: str) -> ModelParams:
    """The model section with another name, without trained weights, which change no number here.

    Rows other than the configured one get resnet18 where they do not take `model.encoder`. Raises PipelineError where the
    section does not fit the name.
    """
    changes = {"name": name, "weights": "none", "weights_sha256": "none"}
    encoders = ARCHITECTURES[name].encoders
    if encoders and name != model.name and model.encoder not in encoders:
        changes["encoder"] = encoders[0]
    return model_params(model.model_dump() | changes)


def build(model: ModelParams, shape: TrainingShape, normalise: str) -> Segmenter:
    """The whole model as training builds it; the data's mean and deviation, which change no number here, are 0 and 1."""
    mean, deviation = [0.0] * shape.channels, [1.0] * shape.channels
    segmenter, _ = whole_model(model, shape.channels, shape.n_classes, normalise, mean, deviation)
    return segmenter.to(memory_format=torch.channels_last)


def _measured(
    segmenter: Segmenter, shape: TrainingShape, memory: int, device: torch.device, name: str, notes: tuple[str, ...]
) -> Row:
    size, batch_size = (shape.channels, shape.crop, shape.crop), shape.train.batch_size
    adds = cost.multiply_adds(segmenter, size)
    seconds = cost.forward_seconds(segmenter, size, device)
    if device.type == "cuda":
        growth = memories.measured(segmenter, shape, batch_size, device)
    else:
        growth = memories.computed(segmenter, shape)
    peak, largest = growth.peak(batch_size), growth.largest_batch(memory)
    return Row(name, notes, segmenter.stride, cost.n_parameters(segmenter), adds, peak, seconds, largest)


def notes(asked: ModelParams, model: ModelParams, stride: int, crop: int) -> tuple[str, ...]:
    """What a row's name does not say: its encoder, with the reason if `asked` names another, and that crops get padded."""
    found, reads = [], ARCHITECTURES[model.name].reads
    if "architecture" in reads:
        found.append(f"{model.architecture} with the encoder {model.encoder}")
    elif "encoder" in reads:
        other = "" if model.encoder == asked.encoder else f", since it does not take model.encoder {asked.encoder}"
        found.append(f"encoder {model.encoder}{other}")
    if crop % stride:
        found.append(f"crops are padded to {crop + -crop % stride} pixels, a multiple of its stride {stride}")
    return tuple(found)


def refuse_unknown(name: str) -> None:
    """Raises PipelineError for a name that is not in the table, with the one that was probably meant."""
    if name in table.MODELS:
        return
    near = difflib.get_close_matches(name.lower().replace("-", "_"), table.MODELS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise PipelineError(f"there is no model {name}.{hint} There are: {', '.join(table.MODELS)}.")

"""What `segpipe models` measures: each architecture at the configured settings, and why where one cannot be built."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segpipe.errors import PipelineError

if TYPE_CHECKING:
    import torch

    from segpipe.diagnostics.dry_run import TrainingShape
    from segpipe.models.segmenter import Segmenter
    from segpipe.params.schema import DataParams, ModelParams, Params

PREPARED = Path("data/prepared")
CHANNELS = 3
"""Where no data lies there yet."""


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


def setting_of(every: "Params") -> tuple["TrainingShape", str]:
    """The training's setting, and where its channels and classes come from: the data if it lies there, else params.yaml."""
    from segpipe.diagnostics.dry_run import TrainingShape

    channels, classes, source = _data(every.data)
    from segpipe.record import is_background

    has_background = any(map(is_background, classes))
    setting = TrainingShape(every.input.crop, channels, len(classes), has_background, every.loss, every.optim, every.train)
    return setting, source


def row(every: "Params", name: str, setting: "TrainingShape", memory: int, device: "torch.device") -> Row | Failed:
    """All that is counted, computed and measured of one architecture; `memory` in bytes decides its largest batch."""
    try:
        model = configured(every.model, name)
        segmenter = build(every, model, setting).to(device)
        return _measured(segmenter, setting, memory, device, name, notes(every.model, model, segmenter.stride, setting.crop))
    except Exception as error:  # Whatever a library raises for one architecture, the others have their rows.
        return Failed(name, " ".join(str(error).split()) or type(error).__name__)


def configured(model: "ModelParams", name: str) -> "ModelParams":
    """The model section with another name, without trained weights, which change no number here.

    Rows other than the configured one get resnet18 where they need a ResNet and `model.encoder` is none. Raises
    PipelineError where the section does not fit the name.
    """
    from segpipe.params.architectures import ARCHITECTURES
    from segpipe.params.load import model_params

    changes = {"name": name, "weights": "none", "weights_sha256": "none"}
    encoders = ARCHITECTURES[name].encoders
    if encoders and name != model.name and model.encoder not in encoders:
        changes["encoder"] = encoders[0]
    return model_params(model.model_dump() | changes)


def build(every: "Params", model: "ModelParams", setting: "TrainingShape") -> "Segmenter":
    """The whole model as training builds it; the data's mean and deviation, which change no number here, are 0 and 1."""
    import torch

    from segpipe.models import table
    from segpipe.models.segmenter import Segmenter, clips, n_logits_for

    built = table.build(model, setting.channels, n_logits_for(setting.n_classes))
    mean, deviation = [0.0] * setting.channels, [1.0] * setting.channels
    segmenter = Segmenter(built.network, built.stride, mean, deviation, clips(every.input.normalise))
    return segmenter.to(memory_format=torch.channels_last)


def _measured(
    segmenter: "Segmenter", setting: "TrainingShape", memory: int, device: "torch.device", name: str, told: tuple[str, ...]
) -> Row:
    from segpipe.diagnostics import cost
    from segpipe.diagnostics import memory as memories

    size, batch_size = (setting.channels, setting.crop, setting.crop), setting.train.batch_size
    adds = cost.multiply_adds(segmenter, size)
    seconds = cost.forward_seconds(segmenter, size, device)
    if device.type == "cuda":
        growth = memories.measured(segmenter, setting, batch_size, device)
    else:
        growth = memories.computed(segmenter, setting)
    peak, largest = growth.peak(batch_size), growth.largest_batch(memory)
    return Row(name, told, segmenter.stride, cost.n_parameters(segmenter), adds, peak, seconds, largest)


def notes(asked: "ModelParams", model: "ModelParams", stride: int, crop: int) -> tuple[str, ...]:
    """What a row's name does not say: its encoder, with the reason if `asked` names another, and that crops get padded."""
    from segpipe.params.architectures import ARCHITECTURES

    found, reads = [], ARCHITECTURES[model.name].reads
    if "architecture" in reads:
        found.append(f"{model.architecture} with the encoder {model.encoder}")
    elif "encoder" in reads:
        other = "" if model.encoder == asked.encoder else f", since model.encoder {asked.encoder} is no ResNet"
        found.append(f"encoder {model.encoder}{other}")
    if crop % stride:
        found.append(f"crops are padded to {crop + -crop % stride} pixels, a multiple of its stride {stride}")
    return tuple(found)


def _data(data: "DataParams") -> tuple[int, tuple[str, ...], str]:
    if PREPARED.is_dir():
        from segpipe.dataset import pack

        info = pack.read_info(PREPARED)
        return info.channels, info.classes, PREPARED.as_posix()
    from segpipe.acquire.sample import pictures as sample
    from segpipe.annotations import class_map

    names = sample.CLASSES if data.source == "sample" else getattr(data, data.source).classes
    classes = class_map.class_ids(names, data.class_map).classes
    return CHANNELS, classes, f"no data in {PREPARED.as_posix()} yet: the classes of data.source {data.source}"


def refuse_unknown(name: str) -> None:
    """Raises PipelineError for a name that is not in the table, with the one that was probably meant."""
    import difflib

    from segpipe.models.table import MODELS

    if name in MODELS:
        return
    near = difflib.get_close_matches(name.lower().replace("-", "_"), MODELS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise PipelineError(f"there is no model {name}.{hint} There are: {', '.join(MODELS)}.")

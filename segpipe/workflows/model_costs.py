"""What each architecture takes at the configured size, and what one is made of, layer by layer."""

from dataclasses import asdict, dataclass
from typing import Any

from segpipe import paths
from segpipe.acquire.sample import pictures as sample
from segpipe.annotations import class_map
from segpipe.console.progress import track
from segpipe.dataset import pack
from segpipe.diagnostics import architecture_costs, layer_table
from segpipe.diagnostics import memory as memories
from segpipe.diagnostics.architecture_costs import Failed, Row
from segpipe.diagnostics.dry_run import TrainingShape
from segpipe.diagnostics.layer_table import Layer
from segpipe.errors import PipelineError
from segpipe.models import table
from segpipe.params.load import load_params
from segpipe.params.schema import DataParams, Params
from segpipe.record import is_background
from segpipe.training import device as devices
from segpipe.training import precision

GIB = 2**30
CHANNELS = 3
"""Where no data lies there yet."""


@dataclass(frozen=True)
class ModelCosts:
    """`about` holds for all rows; `layers` are those of the one architecture that was asked for, if one was."""

    configured: str
    about: dict[str, Any]
    rows: list[Row | Failed]
    layers: list[Layer]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, bytes and seconds."""
        models = [asdict(each) | {"configured": each.name == self.configured} for each in self.rows]
        layers = {"layers": [asdict(each) for each in self.layers]} if self.layers else {}
        return self.about | {"models": models} | layers


def model_costs(name: str, memory: float | None, crop: int | None, batch: int | None) -> ModelCosts:
    """All architectures as params.yaml configures them, or `name` alone; `crop` and `batch` stand in place of its keys.

    `memory` in GiB is what a training step may take, None all that the device has. Raises PipelineError for an unknown name.
    """
    params = _changed(load_params(), crop, batch)
    if memory is not None and not 0 < memory < float("inf"):
        raise PipelineError(f"--memory: {memory} GiB will not do. Write a number above 0.")
    if name:
        architecture_costs.refuse_unknown(name)
    device = devices.select_device(params.runtime.device)
    # Only for its error: fp16 needs a GPU.
    precision.scaler(params.train.precision, device)
    devices.configure_determinism(params.threads, params.train.deterministic)
    shape, source = training_shape(params)
    available = memories.available_memory(device) if memory is None else round(memory * GIB)
    if available is None:
        raise PipelineError("this system does not say how much memory it has. Give it by --memory GIB.")
    about = {
        "channels": shape.channels,
        "classes": shape.n_classes,
        "source": source,
        "crop": shape.crop,
        "batch_size": shape.train.batch_size,
        "optimizer": shape.optim.name,
        "precision": shape.train.precision,
        "device": devices.describe(device),
        "memory_is": "measured" if device.type == "cuda" else "computed",
        "available_bytes": available,
        "available_is": "given by --memory" if memory is not None else "all that this device has",
    }
    model, normalise = params.model, params.input.normalise
    layers = _layers(params, name, shape) if name else []
    names = track([name] if name else table.MODELS, "measuring")
    rows = [architecture_costs.row(model, each, shape, normalise, available, device) for each in names]
    return ModelCosts(model.name, about, rows, layers)


def _layers(params: Params, name: str, shape: TrainingShape) -> list[Layer]:
    segmenter = architecture_costs.build(architecture_costs.with_name(params.model, name), shape, params.input.normalise)
    return layer_table.layers(segmenter, (shape.channels, shape.crop, shape.crop))


def _changed(params: Params, crop: int | None, batch: int | None) -> Params:
    """The parameters with the options' values, which need not suit the configured model: other models may."""
    size = {} if crop is None else {"crop": crop}
    count = {} if batch is None else {"batch_size": batch}
    sections = {"input": params.input.model_copy(update=size), "train": params.train.model_copy(update=count)}
    return params.model_copy(update=sections)


def training_shape(params: Params) -> tuple[TrainingShape, str]:
    """The training's shape, and where its channels and classes come from: the data if it lies there, else params.yaml."""
    channels, classes, source = _data(params.data)
    has_background = any(map(is_background, classes))
    sections = (params.loss, params.optim, params.train)
    return TrainingShape(params.input.crop, channels, len(classes), has_background, *sections), source


def _data(data: DataParams) -> tuple[int, tuple[str, ...], str]:
    if paths.PREPARED.is_dir():
        info = pack.read_info(paths.PREPARED)
        return info.channels, info.classes, paths.PREPARED.as_posix()
    names = sample.CLASSES if data.source == "sample" else getattr(data, data.source).classes
    classes = class_map.class_ids(names, data.class_map).classes
    return CHANNELS, classes, f"no data in {paths.PREPARED.as_posix()} yet: the classes of data.source {data.source}"

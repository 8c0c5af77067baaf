"""params.yaml as typed, frozen sections. No defaults and no arithmetic: what is not in the file is an error."""

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segpipe.errors import plain
from segpipe.params.architectures import ARCHITECTURES, PHOTO_INPUTS
from segpipe.params.messages import SHORT

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=1, le=2048)]
Weight = Annotated[float, Field(ge=0, le=1000)]
Names = Annotated[tuple[str, ...], Field(min_length=2, max_length=255)]
Source = Literal["sample", "voc", "labelme", "coco", "yolo", "masks"]
Monitor = Literal["loss", "dice", "miou", "pixel_accuracy", "precision", "recall", "dice_per_image"]
if TYPE_CHECKING:
    ModelName = str
else:
    ModelName = Literal[tuple(ARCHITECTURES)]  # A type checker follows no table, and pydantic needs the names.


class Section(BaseModel):
    """A part of params.yaml. Unknown keys are refused, values cannot be changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SampleParams(Section):
    n_images: Annotated[int, Field(ge=10, le=20000)]
    size: Annotated[int, Field(ge=64, le=1024)]


class VocParams(Section):
    year: Literal[2007, 2008, 2009, 2010, 2011, 2012]
    classes: Names


class LabelmeParams(Section):
    classes: Names


class CocoParams(Section):
    classes: Names
    crowds: Literal["ignore", "object"]


class YoloParams(Section):
    classes: Names


class MasksParams(Section):
    classes: Names
    image_dir: Annotated[str, Field(min_length=1)]
    mask_dir: Annotated[str, Field(min_length=1)]
    template: Annotated[str, Field(min_length=1)]
    pairs: Annotated[str, Field(min_length=1)]
    values: Literal["ids", "binary", "codes"]
    codes: Annotated[tuple[int | str, ...], Field(min_length=2, max_length=255)]
    ignore_index: Annotated[int, Field(ge=-1, le=65535)]
    palette: Literal["indices", "colours"]


class ShapeParams(Section):
    fill: Literal["labelme", "exact"]
    overlap: Literal["order", "priority", "smaller"]
    undrawn: Literal["background", "ignore"]
    line_width: Annotated[int, Field(ge=1, le=1000)]
    point_size: Annotated[int, Field(ge=1, le=1000)]


class DataParams(Section):
    source: Source
    path: Annotated[str, Field(min_length=1)]
    unannotated: Literal["error", "skip", "background"]
    pages: Literal["error", "split"]
    groups: Annotated[str, Field(min_length=1)]
    near_duplicates: Literal["parts", "whole", "none"]
    class_map: dict[str, str]
    max_ignored: Share
    shapes: ShapeParams
    sample: SampleParams
    voc: VocParams
    labelme: LabelmeParams
    coco: CocoParams
    yolo: YoloParams
    masks: MasksParams

    @model_validator(mode="after")
    def _path_fits(self) -> Self:
        path = PurePosixPath(self.path)
        if self.source == "sample" and self.path != "data/raw":
            raise ValueError(f'path: the sample is made in data/raw, but this says "{self.path}". Write data/raw.')
        if self.path.startswith("~") or ".." in path.parts:
            raise ValueError(
                f'path: "{self.path}" would mean another folder in another checkout. '
                "Write data/source or an absolute path; `segpipe init PATH` does it."
            )
        return self


class SplitParams(Section):
    test_share: Annotated[float, Field(ge=0, le=0.9)]
    n_folds: Annotated[int, Field(ge=2, le=100)]
    val_share: Annotated[float, Field(ge=0, le=0.9)]
    group: Literal["none", "name"]
    group_pattern: str
    join_duplicates: bool


class InputParams(Section):
    long_side: Count
    crop: Annotated[int, Field(ge=16, le=4096)]
    normalise: Literal["dataset", "percentile", "imagenet", "centred", "none"]


class AugmentParams(Section):
    preset: Literal["custom", "plain", "light", "standard", "crop", "medical", "multi_scale"]
    flip_horizontal: Share
    flip_vertical: Share
    rotate90: Share
    affine: Share
    rotate: Annotated[float, Field(ge=0, le=180)]
    scale_min: Annotated[float, Field(ge=0.25, le=1)]
    scale_max: Annotated[float, Field(ge=1, le=4)]
    shear: Annotated[float, Field(ge=0, le=45)]
    object_crop: Share
    rare_classes: Share
    colour: Share
    brightness: Share
    contrast: Share
    gamma: Share
    saturation: Share
    hue: Annotated[float, Field(ge=0, le=0.5)]
    blur: Share
    noise: Share
    elastic: Share
    grid_distortion: Share
    erase: Share


class ModelParams(Section):
    name: ModelName
    width: Width | Annotated[tuple[Width, ...], Field(min_length=2, max_length=7)]
    depth: Annotated[int, Field(ge=1, le=6)]
    activation: Literal["relu", "leaky_relu", "elu", "silu"]
    norm: Literal["batch", "group", "instance"]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    upsample: Literal["transposed", "resize"]
    recurrence: Annotated[int, Field(ge=0, le=10)]
    deep_supervision: Literal["none", "last", "mean"]
    drop_block: Annotated[float, Field(ge=0, lt=1)]
    drop_block_size: Annotated[int, Field(ge=1, le=64)]
    encoder: Annotated[str, Field(min_length=1)]
    architecture: Annotated[str, Field(min_length=1)]
    weights: Annotated[str, Field(min_length=1)]
    weights_sha256: str

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        record, problems = ARCHITECTURES[self.name], []
        if not re.fullmatch("none|[0-9a-f]{64}", self.weights_sha256):
            problems.append(f'weights_sha256: "{self.weights_sha256}" is no SHA-256. Write 64 hexadecimal digits, or none.')
        if record.encoders and self.encoder not in record.encoders:
            found, choices = SHORT.repr(self.encoder), ", ".join(record.encoders)
            problems.append(
                f"encoder: {self.name} stands on a ResNet, and {found} is none of those here. Write one of {choices}."
            )
        levels = record.levels or self.depth + 1
        if isinstance(self.width, tuple) and "width" in record.reads and len(self.width) != levels:
            problems.append(f"width: {len(self.width)} numbers for {levels} levels of {self.name}. Write one number or {levels}.")
        if "depth" in record.reads and self.depth < record.least_depth:
            least = record.least_depth
            problems.append(f"depth: {self.depth} is too small for {self.name}, which needs {least}. Write {least} to 6.")
        if problems:
            raise ValueError("\n".join(problems))
        return self


class LossMix(Section):
    cross_entropy: Weight
    bce: Weight
    focal: Weight
    dice: Weight
    dice_pooled: Weight
    iou: Weight
    tversky: Weight
    focal_tversky: Weight
    lovasz: Weight


class LossParams(Section):
    name: Literal[
        "dice_ce",
        "dice_bce",
        "mix",
        "cross_entropy",
        "bce",
        "focal",
        "dice",
        "dice_pooled",
        "iou",
        "tversky",
        "focal_tversky",
        "lovasz",
    ]
    dice_weight: Share
    mix: LossMix
    class_weights: Literal["none", "given", "median", "log"]
    weights: Annotated[tuple[Weight, ...], Field(min_length=2, max_length=255)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    focal_gamma: Annotated[float, Field(ge=0, le=10)]
    tversky_alpha: Annotated[float, Field(gt=0, le=10)]
    tversky_beta: Annotated[float, Field(gt=0, le=10)]
    focal_tversky_gamma: Annotated[float, Field(ge=1, le=3)]

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        problems = []
        if self.name == "mix" and not any(self.mix.model_dump().values()):
            problems.append("mix: every loss has the weight 0. Give at least one a weight above 0, or choose another loss.name.")
        if self.class_weights == "given" and not any(self.weights):
            problems.append("weights: every class has the weight 0. Give at least one a weight above 0.")
        if problems:
            raise ValueError("\n".join(problems))
        return self


class OptimParams(Section):
    name: Literal["sgd", "adam", "adamw"]
    lr: Annotated[float, Field(gt=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    encoder_rate: Annotated[float, Field(ge=0, le=100)]
    encoder_frozen: Count
    encoder_statistics: Literal["learn", "keep"]
    clip_norm: Annotated[float, Field(ge=0)]
    schedule: Literal["constant", "cosine", "poly", "step", "plateau"]
    warmup_epochs: Count
    power: Annotated[float, Field(gt=0)]
    step_epochs: Positive
    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: Count


class TrainParams(Section):
    epochs: Positive
    batch_size: Positive
    monitor: Monitor
    early_stop: Count
    precision: Literal["fp32", "bf16", "fp16"]
    deterministic: bool
    limit_images: Count


class InferParams(Section):
    max_pixels: Annotated[int, Field(ge=4096)]
    tile: Annotated[int, Field(ge=32, le=8192)]
    overlap: Annotated[float, Field(ge=0, le=0.5)]


class ExportParams(Section):
    n_images: Positive
    tolerance: Annotated[float, Field(gt=0)]


class ReportParams(Section):
    n_examples: Annotated[int, Field(ge=0, le=50)]


class TrackingParams(Section):
    experiment: Annotated[str, Field(min_length=1)]
    n_images: Annotated[int, Field(ge=0, le=100)]


class RuntimeParams(Section):
    device: Literal["auto", "cpu", "cuda"]
    workers: Annotated[int, Field(ge=0, le=256)]
    save_every: Annotated[float, Field(ge=0, le=86400)]


class Params(Section):
    """The whole of params.yaml. Only stages and commands see it; library functions get one section of it."""

    seed: Count
    threads: Annotated[int, Field(ge=1, le=256)]
    folds: Annotated[tuple[Count, ...], Field(min_length=1)]
    data: DataParams
    split: SplitParams
    input: InputParams
    augment: AugmentParams
    model: ModelParams
    loss: LossParams
    optim: OptimParams
    train: TrainParams
    infer: InferParams
    export: ExportParams
    report: ReportParams
    tracking: TrackingParams
    runtime: RuntimeParams

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        stride = stride_of(self.model)
        of_library = "architecture" in ARCHITECTURES[self.model.name].reads
        named = f"{self.model.name}'s {self.model.architecture}" if of_library else f"model.name {self.model.name}"
        problems = [
            f"{key}: {size} is not a multiple of {stride}, the stride of {named}. Write {size + -size % stride}."
            for key, size in (("input.crop", self.input.crop), ("infer.tile", self.infer.tile))
            if size % stride
        ]
        for source in ("voc", "labelme", "coco", "yolo", "masks"):
            names = getattr(self.data, source).classes
            twice = sorted({name for name in names if names.count(name) > 1} - {"__ignore__"})
            strange = [name for name in names if plain(name) != name]
            if strange:
                problems.append(f"data.{source}.classes: {strange[0]!r} holds control characters. Write a name in plain text.")
            if twice:
                problems.append(f"data.{source}.classes: {', '.join(twice)} stands there twice. Name each class once.")
        n_classes = n_classes_of(self.data)
        if self.loss.class_weights == "given" and n_classes not in (None, len(self.loss.weights)):
            problems.append(
                f"loss.weights: {len(self.loss.weights)} numbers for the {n_classes} classes of data.{self.data.source}. "
                "Write one a class, in their order."
            )
        if len(set(self.folds)) < len(self.folds):
            problems.append("folds: a fold is named twice. Name each once.")
        if self.train.precision == "fp16" and self.runtime.device == "cpu":
            problems.append("train.precision: fp16 needs a GPU, but runtime.device is cpu. Write fp32 or bf16.")
        problems += self._encoder_problems()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _encoder_problems(self) -> list[str]:
        """What would keep an encoder as it is that nothing was put into, or to the end by mistake."""
        optim, model = self.optim, self.model
        without = "model.weights is none" if model.weights == "none" else f"model.name {model.name} takes no weights"
        held = {
            "encoder_rate": (optim.encoder_rate == 0, "0", "its random weights would never learn", "1.0"),
            "encoder_frozen": (optim.encoder_frozen > 0, optim.encoder_frozen, "its random weights would be kept", "0"),
            "encoder_statistics": (optim.encoder_statistics == "keep", "keep", "it came with no statistics", "learn"),
        }
        problems = [
            f"optim.{key}: {value}, but {without}, so the encoder starts from nothing: {why}. "
            f"Write {remedy}, or bring weights by model.weights and a model.name that takes them."
            for key, (wrong, value, why, remedy) in held.items()
            if wrong and not takes_weights(model)
        ]
        if optim.encoder_rate and optim.encoder_frozen >= self.train.epochs:
            problems.append(
                f"optim.encoder_frozen: {optim.encoder_frozen} of the {self.train.epochs} epochs of train.epochs, so the encoder "
                "would never learn. Write fewer, or optim.encoder_rate 0 if it shall not."
            )
        return problems


def takes_weights(model: ModelParams) -> bool:
    """Whether its encoder starts from what `weights` names."""
    return model.weights != "none" and "weights" in ARCHITECTURES[model.name].reads


def trained_inputs(model: ModelParams) -> tuple[str, ...]:
    """The values of input.normalise that what its encoder starts from may have been trained with; none for no weights."""
    if not takes_weights(model):
        return ()
    return ARCHITECTURES[model.name].trained_inputs if model.weights == "imagenet" else PHOTO_INPUTS


def stride_of(model: ModelParams) -> int:
    """What the sides of a crop and of a tile must be a multiple of."""
    record = ARCHITECTURES[model.name]
    return record.strides.get(model.architecture) or record.stride or 2**model.depth


def n_classes_of(data: DataParams) -> int | None:
    """How many classes the masks will have, as segpipe/annotations/class_map.py counts them; None for the sample."""
    if data.source == "sample":
        return None
    names = getattr(data, data.source).classes
    left = {data.class_map.get(name, name) for name in names} | set(data.class_map.values())
    return len(left - {"__drop__", "__ignore__"})

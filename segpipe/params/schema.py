"""params.yaml as typed, frozen sections. No defaults and no arithmetic: what is not in the file is an error.

The description of a key is its comment in params.yaml, word by word, and docs/reference/params.md is made of it.
"""

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segpipe.errors import PipelineError, plain
from segpipe.params.architectures import ARCHITECTURES, BUNDLED, BUNDLED_INPUTS, PHOTO_INPUTS, patch_of
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


LARGEST_CROP, LARGEST_TILE = 4096, 8192
"""Pixels."""


class Section(BaseModel):
    """A part of params.yaml. Unknown keys are refused, values cannot be changed after reading."""

    # Not strict: PyYAML reads 1e-4 as text, which pydantic makes a number of.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SampleParams(Section):
    n_images: int = Field(ge=10, le=20000, description="images")
    size: int = Field(ge=64, le=1024, description="pixels, height and width")


class VocParams(Section):
    year: Literal[2007, 2008, 2009, 2010, 2011, 2012] = Field(description="2007 .. 2012: which PASCAL VOC to download")
    classes: Names = Field(description="names in the order of the ids in the masks")


class LabelmeParams(Section):
    classes: Names = Field(description="names in the order of their ids; labels outside this list are an error")


class CocoParams(Section):
    classes: Names = Field(description="names in the order of their ids; categories outside this list are an error")
    crowds: Literal["ignore", "object"] = Field(
        description="ignore (255 where no object is drawn) | object (as others): annotations with iscrowd 1"
    )


class YoloParams(Section):
    classes: Names = Field(description="names in the order of their ids: background, then those of YOLO's data.yaml")


class MasksParams(Section):
    classes: Names = Field(
        description="names in the order of the ids in the masks, or of codes, or of masks of one class; a class __ignore__ is "
        "ignored"
    )
    image_dir: str = Field(
        min_length=1,
        description="folder name that holds images; . for data.path itself; *_images for train_images, val_images ...",
    )
    mask_dir: str = Field(min_length=1, description="folder name that holds masks, in the same place as image_dir")
    template: str = Field(
        min_length=1,
        description='a mask\'s name, from its image\'s: "{stem}_mask", "{stem}_photo > {stem}_mask"; several: {class}, {part}, '
        "{any}",
    )
    pairs: str = Field(
        min_length=1,
        description="none | path below data.path of a CSV with the columns image and mask (and class), in place of the three "
        "above",
    )
    values: Literal["ids", "binary", "codes"] = Field(
        description="ids (a pixel's value is its class) | binary (0 and another value; masks of one class) | codes (listed below)"
    )
    codes: Annotated[tuple[int | str, ...], Field(min_length=2, max_length=255)] = Field(
        description="codes: the value of each class in the masks, a number or a colour such as 255 0 0"
    )
    ignore_index: int = Field(ge=-1, le=65535, description="mask value that no loss and no score may see; -1 for none")
    palette: Literal["indices", "colours"] = Field(
        description="indices | colours: what counts in palette masks, and in gray of fewer than 8 bits"
    )


class ShapeParams(Section):
    fill: Literal["labelme", "exact"] = Field(
        description="labelme (labelme's own pixels) | exact (pixels whose centre is inside)"
    )
    overlap: Literal["order", "priority", "smaller"] = Field(
        description="order (the later shape wins) | priority (the later class wins; masks: by order too) | smaller (the "
        "smaller shape wins)"
    )
    undrawn: Literal["background", "ignore"] = Field(
        description="background | ignore (255: no loss and no score sees it): pixels on which nothing is drawn"
    )
    line_width: int = Field(ge=1, le=1000, description="pixels: line, linestrip")
    point_size: int = Field(ge=1, le=1000, description="pixels: radius of point and points")


class DataParams(Section):
    source: Source = Field(description="sample | voc | labelme | coco | yolo | masks: which block below is read")
    path: str = Field(
        min_length=1, description="where the data lies: data/raw (sample, downloaded voc), data/source, or an absolute path"
    )
    unannotated: Literal["error", "skip", "background"] = Field(
        description="error | skip | background: images without annotation"
    )
    pages: Literal["error", "split"] = Field(
        description="error | split: files of several pages; split makes an image of each page"
    )
    groups: str = Field(min_length=1, description="none | path below data.path of a CSV with the columns image and group")
    near_duplicates: Literal["parts", "whole", "none"] = Field(
        description="parts (copies and crops) | whole (copies, resized, turned; faster) | none: which are looked for"
    )
    class_map: dict[str, str] = Field(
        description="old name: new name, a line each, merges and renames; __drop__ leaves out, __ignore__ ignores"
    )
    max_ignored: Share = Field(
        description="0 .. 1: share of what is not the first class that masks may have as ignore_index; more is an error"
    )
    shapes: ShapeParams = Field(
        description="how drawn shapes become pixels (sample, labelme, coco, yolo); overlap: several masks of an image too"
    )
    sample: SampleParams = Field(description="made on the spot, in labelme's format")
    voc: VocParams = Field(description="PASCAL VOC, downloaded or a folder of yours")
    labelme: LabelmeParams = Field(description="labelme's JSON files")
    coco: CocoParams = Field(description="one JSON file of COCO's form, or one a part")
    yolo: YoloParams = Field(description="YOLO's text files of outlines")
    masks: MasksParams = Field(description="masks that are images themselves")

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
    test_share: float = Field(
        ge=0, le=0.9, description="0 .. 0.9: share of the images kept for the test part, where the data brings no test list"
    )
    n_folds: int = Field(
        ge=2, le=100, description="2 or more: parts of what is left; fold k validates on part k, trains on the others"
    )
    val_share: float = Field(
        ge=0, le=0.9, description="0 .. 0.9: above 0 fold 0 is the only one and validates on this share of what is left"
    )
    group: Literal["none", "name"] = Field(
        description="none | name: images whose names show that they belong together stay on one side, as those of data.groups do"
    )
    group_pattern: str = Field(description="name: a regular expression on an image's name; what its brackets match is the group")
    join_duplicates: bool = Field(description="near-duplicate images count as one group too")


class InputParams(Section):
    long_side: Count = Field(description="pixels: larger images are shrunk to this before the model; 0 keeps every pixel")
    crop: int = Field(
        ge=16, le=LARGEST_CROP, description="pixels: side of the square training crops, a multiple of the model's stride"
    )
    normalise: Literal["dataset", "percentile", "imagenet", "centred", "none"] = Field(
        description="dataset (mean and deviation of the training images) | percentile (0.5 and 99.5 %) | imagenet | centred "
        "(to -1 .. 1) | none"
    )


class AugmentParams(Section):
    preset: Literal["custom", "plain", "light", "standard", "crop", "light_crop", "medical", "multi_scale"] = Field(
        description="custom (the keys below) | plain | light | standard | crop | light_crop | medical | multi_scale: their own "
        "values"
    )
    library: Literal["albumentations", "torchvision"] = Field(
        description="albumentations (on the CPU, by the loader's workers) | torchvision (where the model trains, and the decoded "
        "images are kept there; other bytes)"
    )
    flip_horizontal: Share = Field(description="probability")
    flip_vertical: Share = Field(description="probability")
    rotate90: Share = Field(description="probability of a turn by 0, 90, 180 or 270 degrees")
    affine: Share = Field(description="probability of rotation, scaling and shear, all three at once")
    rotate: float = Field(ge=0, le=180, description="0 .. 180 degrees, largest angle either way")
    scale_min: float = Field(ge=0.25, le=1, description="0.25 .. 1: smallest size, 0.5 halves an object")
    scale_max: float = Field(ge=1, le=4, description="1 .. 4: largest size, 2 doubles an object")
    shear: float = Field(ge=0, le=45, description="0 .. 45 degrees, largest angle either way")
    object_crop: Share = Field(description="probability that the crop is placed on an object, whole where it fits")
    rare_classes: Share = Field(
        description="0 .. 1: how strongly rare classes are preferred for object_crop, and images that hold them drawn"
    )
    colour: Share = Field(description="probability of each: brightness and contrast, gamma, saturation and hue")
    brightness: Share = Field(description="0 .. 1: largest change, as a share of the largest value")
    contrast: Share = Field(description="0 .. 1: largest relative change")
    gamma: Share = Field(description="0 .. 1: largest relative change of the exponent")
    saturation: Share = Field(description="0 .. 1: largest relative change (3 channels only)")
    hue: float = Field(ge=0, le=0.5, description="0 .. 0.5: largest turn of the colour circle (3 channels only)")
    blur: Share = Field(description="probability of a light Gaussian blur")
    noise: Share = Field(description="probability of Gaussian noise of 1 to 5 % of the largest value")
    elastic: Share = Field(description="probability of a smooth distortion")
    grid_distortion: Share = Field(description="probability of a distortion that differs from cell to cell of a grid")
    erase: Share = Field(description="probability that 1 to 4 rectangles become black and ignored")
    synchronised: bool = Field(
        description="true; false changes masks by other draws than images: to see what that costs, and that sanity refuses it"
    )


class ModelParams(Section):
    name: ModelName = Field(
        description="unet | unetpp | attention_unet | r2unet | attention_r2unet | pretrained_attention_r2unet | "
        "laplacian_fpn | sa_unet | resnet_unet | simple_unet | smp"
    )
    width: Width | Annotated[tuple[Width, ...], Field(min_length=2, max_length=7)] = Field(
        description="channels of the first level, twice as many at each below; or a list, one number a level (not "
        "simple_unet, smp)"
    )
    depth: int = Field(
        ge=1,
        le=6,
        description="1 .. 6: times the image is halved; attention_unet 2 or more (not the resnets, laplacian_fpn, "
        "simple_unet, smp)",
    )
    activation: Literal["relu", "leaky_relu", "elu", "silu"] = Field(
        description="relu | leaky_relu | elu | silu (not simple_unet, smp, nor inside a ResNet)"
    )
    norm: Literal["batch", "group", "instance"] = Field(
        description="batch | group (of 16 channels) | instance (not simple_unet, smp, nor inside a ResNet)"
    )
    dropout: float = Field(
        ge=0,
        lt=1,
        description="probability, behind the two deepest blocks of the encoder; laplacian_fpn: behind the pyramid (not sa_unet, "
        "resnet_unet, simple_unet, smp)",
    )
    upsample: Literal["transposed", "resize"] = Field(
        description="transposed (convolution) | resize (nearest neighbours, then a convolution) (not laplacian_fpn, "
        "simple_unet, smp)"
    )
    input_scale: Literal[1, 2, 4] = Field(
        description="1 | 2 | 4: how many times as large as it is the network sees an image, where it or its objects are small; "
        "logits keep the image's size"
    )
    recurrence: int = Field(ge=0, le=10, description="steps of a recurrent convolution after its first look (the r2unets)")
    deep_supervision: Literal["none", "last", "mean"] = Field(
        description="none | last (all heads learn, the last predicts) | mean (all learn, their mean probability predicts) "
        "(unetpp)"
    )
    drop_block: float = Field(
        ge=0, lt=1, description="0 .. 1: share of a map that is dropped at the end of training, 0 at its start (sa_unet)"
    )
    drop_block_size: int = Field(ge=1, le=64, description="pixels, side of the squares that are dropped (sa_unet)")
    encoder: str = Field(
        min_length=1,
        description="resnet18 | resnet34 | resnet50 (resnet_unet, laplacian_fpn, pretrained_attention_r2unet), "
        "tu-efficientnet_lite0 | ...lite1 | ...lite2 (laplacian_fpn, pretrained_attention_r2unet), any encoder name (smp)",
    )
    architecture: str = Field(min_length=1, description="Unet, FPN, DeepLabV3Plus, Segformer ... (smp)")
    weights: str = Field(
        min_length=1,
        description="none | bundled (a package: tu-efficientnet_lite0 and so on) | imagenet (the library's download) | path of a "
        "file: the encoder's start",
    )
    weights_sha256: str = Field(description="the SHA-256 of that file, 64 hexadecimal digits; a file must have it")

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        record, problems = ARCHITECTURES[self.name], []
        if not re.fullmatch("none|[0-9a-f]{64}", self.weights_sha256):
            problems.append(f'weights_sha256: "{self.weights_sha256}" is no SHA-256. Write 64 hexadecimal digits, or none.')
        if record.encoders and self.encoder not in record.encoders:
            found, choices = SHORT.repr(self.encoder), ", ".join(record.encoders)
            problems.append(f"encoder: {found} is none of the encoders that {self.name} takes. Write one of {choices}.")
        if self.weights == "bundled" and "weights" in record.reads and self.encoder not in record.bundled:
            found, names = SHORT.repr(self.encoder), " or ".join(name for name, each in ARCHITECTURES.items() if each.bundled)
            problems.append(
                f"weights: no bundled weights fit {self.name} with the encoder {found}. Write model.name {names} "
                f"with one of the encoders {', '.join(BUNDLED)}, or imagenet, a file or none."
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
    cross_entropy: Weight = Field(description="each pixel's -log of the probability of its class")
    bce: Weight = Field(description="binary cross entropy: each class against the rest")
    focal: Weight = Field(description="cross entropy in which sure pixels count less")
    dice: Weight = Field(description="1 - Dice of each image, by class")
    dice_pooled: Weight = Field(description="1 - Dice of the batch's pixels together, by class")
    iou: Weight = Field(description="1 - intersection over union, by class")
    tversky: Weight = Field(description="1 - Tversky's index, by class")
    focal_tversky: Weight = Field(description="tversky of each class to the power 1 / focal_tversky_gamma")
    lovasz: Weight = Field(description="Lovasz-Softmax: intersection over union, made continuous")


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
    ] = Field(
        description="dice_ce | dice_bce | mix | cross_entropy | bce | focal | dice | dice_pooled | iou | tversky | "
        "focal_tversky | lovasz"
    )
    dice_weight: Share = Field(description="0 .. 1: share of Dice in dice_ce and dice_bce; the rest is the pixel loss")
    mix: LossMix = Field(description="mix: how much each of these counts, 0 or more; 0 leaves it out")
    class_weights: Literal["none", "given", "median", "log"] = Field(
        description="none | given (those below) | median | log (from the training images: docs/reference/losses.md)"
    )
    weights: tuple[Weight, ...] = Field(
        min_length=2,
        max_length=255,
        description="given: 0 or more, one number a class in the order of their ids, background first",
    )
    label_smoothing: float = Field(
        ge=0, lt=1, description="0 .. 1: share of a pixel's truth that is spread over all classes (cross_entropy, bce)"
    )
    focal_gamma: float = Field(ge=0, le=10, description="0 .. 10: how much less sure pixels count; 0 is cross entropy (focal)")
    tversky_alpha: float = Field(
        gt=0,
        le=10,
        description="above 0: price of a false positive; 0.5 and 0.5 is Dice, 1 and 1 is IoU (tversky, focal_tversky)",
    )
    tversky_beta: float = Field(gt=0, le=10, description="above 0: price of a false negative (tversky, focal_tversky)")
    focal_tversky_gamma: float = Field(
        ge=1, le=3, description="1 .. 3: a class's loss is taken to the power 1 / gamma; 1 is tversky (focal_tversky)"
    )

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
    name: Literal["sgd", "adam", "adamw"] = Field(description="sgd | adam | adamw")
    # 1000 is far beyond what any network learns by; a number that a 32-bit float cannot hold would end in an error of torch.
    lr: float = Field(gt=0, le=1000, description="learning rate after the warm-up")
    momentum: float = Field(ge=0, lt=1, description="sgd: momentum")
    weight_decay: float = Field(
        ge=0,
        le=1000,
        description="0 .. 1000: weight decay, decoupled from the gradient in adamw, an L2 penalty in sgd and adam",
    )
    encoder_rate: float = Field(
        ge=0, le=100, description="0 .. 100: the encoder's learning rate as a share of lr; 0 never trains it"
    )
    encoder_frozen: Count = Field(
        description="epochs at the start, fewer than train.epochs, during which the encoder stays as it is"
    )
    encoder_statistics: Literal["learn", "keep"] = Field(
        description="learn | keep: whether the encoder's batch normalisation keeps the statistics it came with"
    )
    clip_norm: float = Field(ge=0, description="largest norm of the gradient; 0 does not clip")
    schedule: Literal["constant", "cosine", "poly", "step", "plateau"] = Field(
        description="constant | cosine | poly | step | plateau"
    )
    warmup_epochs: Count = Field(description="epochs over which the rate grows from 0")
    power: float = Field(gt=0, description="poly: exponent")
    step_epochs: Positive = Field(description="step: epochs between two drops")
    factor: float = Field(gt=0, lt=1, description="step, plateau: what a drop multiplies the rate by")
    patience: Count = Field(description="plateau: epochs without a better train.monitor before a drop")


class TrainParams(Section):
    strategy: Literal["single", "private", "federated"] = Field(
        description="single | private (differential privacy, by the keys of dp) | federated (sites apart, by those of federated)"
    )
    epochs: Positive = Field(description="passes over the training images, or parts of steps_per_epoch")
    steps_per_epoch: Count = Field(
        description="0: an epoch shows each image once; N: so many optimizer steps, which go on where the epoch before ended"
    )
    batch_size: Positive = Field(description="images of a step")
    accumulate: Positive = Field(
        description="batch_size or fewer: parts in which a batch is computed, one after another; more take less memory"
    )
    monitor: Monitor = Field(
        description="loss | dice | miou | pixel_accuracy | precision | recall | dice_per_image, of the validation part"
    )
    early_stop: Count = Field(description="epochs without a better monitor before training stops; 0 never stops early")
    validate_every: Positive = Field(description="epochs between two validations; the last epoch is always validated")
    validate_images: Count = Field(
        description="images of the validation part that are predicted before the last tenth of the epochs; 0 takes all"
    )
    save_top_k: Positive = Field(
        description="epochs of the best monitor whose weights are kept: 1 in model.safetensors alone, more in snapshots too"
    )
    snapshot_every: Count = Field(
        description="epochs between two whose weights are kept in snapshots, however good; 0 keeps none"
    )
    ema: float = Field(
        ge=0,
        lt=1,
        description="0 or more, below 1: share of the weights' average that each step leaves, such as 0.99; 0 averages nothing",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(description="fp32 | bf16 | fp16 (cuda only)")
    deterministic: bool = Field(description="false is faster on some GPUs and gives other bytes each time")
    seed: Count = Field(
        description="0: all by the top seed; another number draws weights, order and crops anew, on the same data and folds"
    )
    limit_images: Count = Field(description="trains and validates on the first N images only; 0 takes all")


class DpParams(Section):
    noise_multiplier: float = Field(
        ge=0, le=1000, description="deviation of the noise as a share of max_grad_norm; 0 chooses it so that target_epsilon lasts"
    )
    max_grad_norm: float = Field(gt=0, le=1000000, description="largest norm of the gradient of a single image; more is clipped")
    target_epsilon: float = Field(
        ge=0, le=1000, description="largest epsilon that may be spent; training ends before it would be more; 0 sets no bound"
    )
    target_delta: float = Field(
        ge=1e-8, le=0.1, description="the delta of the epsilon that is told, smaller than 1 over the number of images (or groups)"
    )
    test_seed: int = Field(ge=-1, description="-1: noise that nobody can repeat; 0 or more repeats it, without any guarantee")


class FederatedParams(Section):
    sites: Literal["folder", "group"] = Field(
        description="folder (the first one of an image's path) | group (data.groups): which site an image is of"
    )
    local_epochs: Positive = Field(
        description="epochs that each site trains between two means of their weights; train.epochs is a multiple of it"
    )


class SanityParams(Section):
    steps: int = Field(ge=0, le=10000, description="steps on one batch before the training, at most; 0 checks nothing")


class InferParams(Section):
    max_pixels: int = Field(ge=4096, description="larger images are cut into overlapping tiles")
    tile: int = Field(ge=32, le=LARGEST_TILE, description="pixels, side of a tile, a multiple of the model's stride")
    overlap: float = Field(ge=0, le=0.5, description="0 .. 0.5: share of a tile that its neighbour sees too")
    flips: Literal["none", "horizontal", "both", "all"] = Field(
        description="none | horizontal | both (vertical, too) | all (8: quarter turns, too): views whose mean probability counts"
    )
    scales: tuple[Annotated[float, Field(ge=0.25, le=4)], ...] = Field(
        min_length=1,
        max_length=8,
        description="sizes, each from 0.25 to 4, at which every view is predicted; their mean probability counts",
    )


class DecisionParams(Section):
    rule: Literal["argmax", "threshold", "dice", "auto"] = Field(
        description="argmax | threshold (the key below) | dice (largest expected Dice of an image) | auto (best on validation)"
    )
    threshold: float = Field(
        ge=0.01, le=0.99, description="0.01 .. 0.99: probability above which a pixel is the object (threshold, of two classes)"
    )
    postprocess: tuple[str, ...] = Field(
        max_length=10,
        description="steps in their order: open N | close N | fill_holes | remove_small N | keep_largest; N: pixels",
    )
    keep: Literal["all", "helpful"] = Field(
        description="all | helpful (of postprocess the steps, and the classes of each, that raise score on validation images)"
    )
    score: Literal["dice", "miou", "dice_per_image"] = Field(
        description="dice | miou | dice_per_image: what auto and helpful go by"
    )

    @model_validator(mode="after")
    def _steps(self) -> Self:
        problems = [
            f"postprocess: {SHORT.repr(step)} is no step. Write open N, close N, fill_holes, remove_small N or keep_largest, "
            "N a number of pixels, such as remove_small 64."
            for step in self.postprocess
            if not re.fullmatch(r"fill_holes|keep_largest|(open|close) [1-9]\d?|remove_small [1-9]\d{0,8}", step)
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self


class ScoresParams(Section):
    tolerance: float = Field(ge=0, le=1000, description="how far apart boundaries may be and agree (boundary_f, surface_dice)")
    unit: Literal["pixels", "millimetres"] = Field(
        description="pixels | millimetres (images that say how large a pixel is): of tolerance and hd95"
    )


class ExportParams(Section):
    n_images: Count = Field(description="test images, evenly spread, on which ONNX and torch must agree; 0 takes all")
    tolerance: float = Field(gt=0, description="largest difference of a logit")
    changed_pixels: Share = Field(description="0 .. 1: largest share of pixels that get another class")
    score_tolerance: Share = Field(description="0 .. 1: largest difference of a score")


class ReportParams(Section):
    n_examples: int = Field(ge=0, le=50, description="best and worst predictions shown, and half of the suspects")
    n_images: int = Field(
        ge=0, le=20000, description="worst predictions with a picture in reports/images, for the table of all images"
    )
    baseline: tuple[str, ...] = Field(
        description="commits to compare with (git rev-parse main): the first one's model, and of its setting further runs"
    )

    @model_validator(mode="after")
    def _commits_whole(self) -> Self:
        # A branch would be another commit tomorrow, and the same page would not come out again.
        if wrong := [each for each in self.baseline if not re.fullmatch("[0-9a-f]{40}", each)]:
            raise ValueError(
                f"baseline: {SHORT.repr(wrong[0])} is no commit's whole hash. Write its 40 hexadecimal digits, as `git rev-parse "
                f"{plain(wrong[0])[:40]}` tells them."
            )
        return self


class TrackingParams(Section):
    experiment: str = Field(min_length=1, description="MLflow's experiment")
    n_images: int = Field(ge=0, le=100, description="sample predictions logged with each run")
    images_every: Count = Field(description="epochs between two logs of sample predictions; 0 logs those of the best epoch alone")
    tensorboard: bool = Field(description="true writes the same numbers and pictures as event files too, in tensorboard_logs")


class RuntimeParams(Section):
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto | cpu | cuda")
    workers: int = Field(ge=0, le=256, description="processes that load and augment")
    processes: int = Field(
        ge=1,
        le=1024,
        description="processes that train together, a GPU each: they share the parts of train.accumulate",
    )
    save_every: float = Field(
        ge=0, le=86400, description="seconds between two saved states of a training, from which it goes on when it was killed"
    )
    cache_gib: float = Field(
        ge=0, le=65536, description="GiB of disk, most for decoded training images while a training runs; 0 decodes each anew"
    )


class Params(Section):
    """The whole of params.yaml. Only workflows see it, those of stages their own keys (`stage_keys.py`); others get a section."""

    seed: Count = Field(description="all randomness follows from this number")
    threads: int = Field(ge=1, le=256, description="CPU threads of a computation; another number gives other last digits")
    folds: tuple[Count, ...] = Field(min_length=1, description="the folds to train, each 0 .. split.n_folds - 1")
    data: DataParams = Field(description="the annotated images, and how they are read")
    split: SplitParams = Field(description="which images train, validate and test")
    input: InputParams = Field(description="what the model sees of an image")
    augment: AugmentParams = Field(description="what training does to images before the model sees them")
    model: ModelParams = Field(description="the network")
    loss: LossParams = Field(description="what training lowers")
    optim: OptimParams = Field(description="the optimizer and its learning rate")
    train: TrainParams = Field(description="the training loop")
    dp: DpParams = Field(description="train.strategy private: what a model may tell of a single image")
    federated: FederatedParams = Field(description="train.strategy federated: sites that share weights and no image")
    sanity: SanityParams = Field(description="whether the training can learn, checked before it starts")
    infer: InferParams = Field(description="how whole images are predicted")
    decision: DecisionParams = Field(
        description="from probabilities to classes; evaluate chooses, export records it in the model"
    )
    scores: ScoresParams = Field(description="how predictions are scored")
    export: ExportParams = Field(description="the ONNX model, and the check that it predicts the same")
    report: ReportParams = Field(description="the page of results")
    tracking: TrackingParams = Field(description="what MLflow, and TensorBoard, are told")
    runtime: RuntimeParams = Field(description="never changes a result")

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        stride = stride_of(self.model)
        of_library = "architecture" in ARCHITECTURES[self.model.name].reads
        named = f"{self.model.name}'s {self.model.architecture}" if of_library else f"model.name {self.model.name}"
        if self.model.architecture in ARCHITECTURES[self.model.name].patched:
            named += f" with the encoder {SHORT.repr(self.model.encoder)}"
        problems = [
            f"{key}: {size} is not a multiple of {stride}, the stride of {named}. Write {_multiple(size, stride, most)}."
            for key, size, most in (
                ("input.crop", self.input.crop, LARGEST_CROP),
                ("infer.tile", self.infer.tile, LARGEST_TILE),
            )
            if size % stride
        ]
        for source in ("voc", "labelme", "coco", "yolo", "masks"):
            names = getattr(self.data, source).classes
            # Several codes may be ignored, so that one name may stand there more than once.
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
        problems += self._accumulate_problems() + self._encoder_problems()
        problems += self._privacy_problems() if self.train.strategy == "private" else []
        problems += self._federated_problems() if self.train.strategy == "federated" else []
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _accumulate_problems(self) -> list[str]:
        """What a batch that is computed in parts cannot have."""
        parts, size, loss = self.train.accumulate, self.train.batch_size, self.loss
        problems = []
        if parts % self.runtime.processes:
            problems.append(
                f"runtime.processes: {self.runtime.processes} processes cannot share the {parts} parts of a batch evenly. "
                f"Write a train.accumulate that is a multiple of {self.runtime.processes}; it decides bytes, processes do not."
            )
        if parts > size:
            problems.append(
                f"train.accumulate: {parts} parts of a batch of {size} images (train.batch_size) would leave some empty. "
                f"Write {size} or fewer."
            )
        if parts > 1 and is_pooled(loss):
            problems.append(
                "train.accumulate: dice_pooled is one number of a whole batch, which its parts cannot add up to. "
                "Write 1, or take dice in its place (loss.name, loss.mix)."
            )
        return problems

    def _privacy_problems(self) -> list[str]:
        """What the gradients of single images, clipped and with noise, cannot make private."""
        loss, train, dp = self.loss, self.train, self.dp
        rules = {
            f"loss.class_weights: {loss.class_weights} counts the pixels of private images. Write given or none.": (
                loss.class_weights in ("median", "log")
            ),
            f"input.normalise: {self.input.normalise} is computed from private images. Write centred, imagenet or none.": (
                self.input.normalise in ("dataset", "percentile")
            ),
            "dice_pooled (loss.name, loss.mix) is one number of a whole batch, and no image's own. Take dice in its place.": (
                is_pooled(loss)
            ),
            f"train.early_stop: {train.early_stop} lets private validation images decide when to stop. Write 0.": bool(
                train.early_stop
            ),
            "optim.schedule: plateau lets private validation images decide the learning rate. Write cosine.": (
                self.optim.schedule == "plateau"
            ),
            f"train.save_top_k: {train.save_top_k} lets private validation images choose epochs. Write 1.": train.save_top_k > 1,
            f"train.steps_per_epoch: {train.steps_per_epoch} is not how its batches are drawn. Write 0.": bool(
                train.steps_per_epoch
            ),
            "train.precision: fp16 scales gradients, which clipping would undo. Write fp32 or bf16.": train.precision == "fp16",
            f"runtime.processes: {self.runtime.processes} would each draw noise of their own. Write 1.": self.runtime.processes
            > 1,
            "dp.noise_multiplier is 0, and so is dp.target_epsilon, by which it would be chosen. Write one of them.": not (
                dp.noise_multiplier or dp.target_epsilon
            ),
        }
        return [f"train.strategy: private, but {sentence}" for sentence, broken in rules.items() if broken]

    def _federated_problems(self) -> list[str]:
        """What sites that do not see each other's images cannot have, or a mean of their weights cannot be of."""
        train, local = self.train, self.federated.local_epochs
        rules = {
            "input.normalise: percentile is a median over the images of all sites. Write dataset, or another.": (
                self.input.normalise == "percentile"
            ),
            f"train.validate_images: {train.validate_images} is a choice among the images of all sites. Write 0.": bool(
                train.validate_images
            ),
            f"train.steps_per_epoch: {train.steps_per_epoch} would count those of all sites together. Write 0.": bool(
                train.steps_per_epoch
            ),
            f"train.ema: {train.ema:g} averages the steps of one training, and here are many. Write 0.": train.ema > 0,
            f"runtime.processes: {self.runtime.processes}, and its sites train one after another. Write 1.": (
                self.runtime.processes > 1
            ),
            f"train.epochs: {train.epochs} is no multiple of federated.local_epochs, {local}. Write "
            f"{max(1, round(train.epochs / local)) * local}.": train.epochs % local > 0,
        }
        return [f"train.strategy: federated, but {sentence}" for sentence, broken in rules.items() if broken]

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


def _multiple(size: int, stride: int, most: int) -> int:
    """The multiple of the stride from `size` on, or the largest one that is not above `most`."""
    return min(size + -size % stride, most - most % stride)


def require_repeatable(params: Params) -> None:
    """Raises PipelineError for a training that draws other noise each time, so that no step of it can be repeated."""
    if params.train.strategy == "private":
        raise PipelineError(
            "train.strategy: private draws batches and noise that nobody can draw again, so neither a step nor a training comes "
            "out the same a second time. Write single to repeat or compare all else."
        )


def is_pooled(loss: LossParams) -> bool:
    """Whether it is one number of a whole batch, and not of each image."""
    return loss.name == "dice_pooled" or (loss.name == "mix" and loss.mix.dice_pooled > 0)


def takes_weights(model: ModelParams) -> bool:
    """Whether its encoder starts from what `weights` names."""
    return model.weights != "none" and "weights" in ARCHITECTURES[model.name].reads


def trained_inputs(model: ModelParams) -> tuple[str, ...]:
    """The values of input.normalise that what its encoder starts from may have been trained with; none for no weights."""
    if not takes_weights(model):
        return ()
    known = {"imagenet": ARCHITECTURES[model.name].trained_inputs, "bundled": BUNDLED_INPUTS}
    return known.get(model.weights, PHOTO_INPUTS)


def stride_of(model: ModelParams) -> int:
    """What the sides of a crop and of a tile must be a multiple of."""
    record = ARCHITECTURES[model.name]
    stride = record.strides.get(model.architecture) or record.stride or 2**model.depth
    patch = patch_of(model.encoder) if model.architecture in record.patched else 1
    # A patch that does not divide the stride has a decoder of its own, which needs no more than whole patches.
    return patch if stride % patch else stride


def n_classes_of(data: DataParams) -> int | None:
    """How many classes the masks will have, as segpipe/annotations/class_map.py counts them; None for the sample."""
    if data.source == "sample":
        return None
    names = getattr(data, data.source).classes
    left = {data.class_map.get(name, name) for name in names} | set(data.class_map.values())
    return len(left - {"__drop__", "__ignore__"})

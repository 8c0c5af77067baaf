"""What `segpipe init` chose before it knew pretrained weights: a U-Net of width 16, in fp32, at full resolution.

Kept as values and rules, so that newer defaults can be held against them on any data set.
"""

from typing import Any

import pandas as pd

from segpipe.annotations.crop import crop_of
from segpipe.dataset.pack import pixel_columns
from segpipe.record import DatasetInfo, is_background

STRIDE, LARGEST_CROP, RARE, FEW = 16, 256, 0.01, 500

VALUES: dict[str, Any] = {
    "input.long_side": 0,
    "model.name": "unet",
    "model.width": 16,
    "model.depth": 4,
    "model.activation": "relu",
    "model.norm": "batch",
    "model.dropout": 0.0,
    "model.upsample": "transposed",
    "model.weights": "none",
    "model.weights_sha256": "none",
    "loss.name": "dice_ce",
    "loss.dice_weight": 0.5,
    "loss.class_weights": "none",
    "loss.label_smoothing": 0.0,
    "optim.name": "adamw",
    "optim.lr": 0.002,
    "optim.weight_decay": 0.0001,
    "optim.encoder_rate": 1.0,
    "optim.encoder_frozen": 0,
    "optim.encoder_statistics": "learn",
    "optim.clip_norm": 1.0,
    "optim.schedule": "cosine",
    "optim.warmup_epochs": 1,
    "train.early_stop": 0,
    "train.precision": "fp32",
    "infer.max_pixels": 2000000,
    "infer.tile": 512,
    "infer.overlap": 0.25,
}
LATER: dict[str, Any] = {
    "train.validate_every": 1,
    "train.validate_images": 0,
    "train.ema": 0.0,
    "train.steps_per_epoch": 0,
    "model.input_scale": 1,
}
"""Keys that came afterwards, with the value by which they do nothing."""


def values(index: pd.DataFrame, info: DatasetInfo) -> dict[str, Any]:
    """Each key with its value on a computer without a GPU and with memory enough; `index` is that of data/prepared."""
    sides = index[["width", "height"]].min(axis=1).tolist()
    return VALUES | {
        "input.crop": crop_of(sides, STRIDE, LARGEST_CROP),
        "input.normalise": "percentile" if info.bits == 16 else "dataset",
        "augment.preset": preset(index, info),
        "train.batch_size": batch_size(len(index)),
        "train.monitor": "dice" if is_background(info.classes[0]) else "miou",
    }


def batch_size(images: int) -> int:
    """A power of two up to 16 that leaves several batches an epoch."""
    batch = 16
    while batch > 2 and 8 * batch > images:
        batch //= 2
    return batch


def preset(index: pd.DataFrame, info: DatasetInfo) -> str:
    """By what the values are, how rare the objects, and how many the images."""
    shares = index[pixel_columns(info)].sum() / (index["width"] * index["height"]).sum()
    if info.bits == 16 or info.channels not in (1, 3):
        return "medical"
    if any(0 < share < RARE for share in shares[int(is_background(info.classes[0])) :]):
        return "crop"
    return "standard" if len(index) < FEW else "light"

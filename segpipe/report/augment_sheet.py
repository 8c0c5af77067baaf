"""What training sees: a few of its images beside what the first epochs make of them, the same each time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from segpipe.dataset.pack import Pack, pixel_columns
from segpipe.errors import PipelineError
from segpipe.images import overlay
from segpipe.images.encode import encode_png
from segpipe.images.palette import colours
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.params.schema import AugmentParams
from segpipe.report.jpeg import jpeg
from segpipe.reproducibility.seeds import seed_of, training_seed

N_IMAGES = 4
N_EPOCHS = 5
LONG_SIDE = 256
"""Pixels: larger pictures are shrunk."""
STRENGTH = 0.3
"""Of a class's colour: the image's own colours, which augmentation changes, must stay in sight."""
CAPTIONS = ("image", *(f"epoch {number + 1}" for number in range(N_EPOCHS)))


Draw = Callable[[int, str], tuple[NDArray[Any], NDArray[np.uint8]]]
"""An epoch and an image's id to its crop (crop, crop, C) and mask."""


@dataclass(frozen=True)
class Sheet:
    """A row an image: its id, and the JPEG bytes of a picture for each of `CAPTIONS`; `png` shows all in one picture."""

    fold: int
    preset: str
    rows: tuple[tuple[str, tuple[bytes, ...]], ...]
    png: bytes


def sheet(data: Pack, ids: Sequence[str], fold: int, run: Mapping[str, Any]) -> Sheet:
    """The sheet of a fold that trained on `ids`, with the parameters of its training, which stand in run.json.

    Raises PipelineError where it names parameters of another version.
    """
    # Here, since it brings albumentations, which the rest of the page can do without.
    from segpipe.dataset.training_samples import AugmentedCrops

    try:
        params = run["params"]
        augment = AugmentParams.model_validate(params["augment"])
        crop, long_side = int(params["input"]["crop"]), int(params["input"]["long_side"])
        # 0 means all of them.
        ids = list(ids)[: int(params["train"]["limit_images"]) or None]
        seed = training_seed(int(params["seed"]), int(params["train"]["seed"]))
        draws = AugmentedCrops(data, ids, augment, crop, long_side, seed, fold)
    except (KeyError, TypeError, ValidationError):
        raise PipelineError(
            f"data/eval/fold{fold}/run.json: its training had other parameters than this version knows. Run `dvc repro`."
        ) from None
    draw = draws.draw if augment.library == "albumentations" else _by_torchvision(draws)
    shown = [(item, _row(data, draw, item)) for item in chosen(data, ids)]
    rows = tuple((item, tuple(map(jpeg, pictures))) for item, pictures in shown)
    return Sheet(fold, augment.preset, rows, encode_png(_together([pictures for _, pictures in shown])))


def chosen(data: Pack, ids: Sequence[str]) -> list[str]:
    """The images shown: by the hash of their ids, those with an object first."""
    objects = pixel_columns(data.info)[1 if data.info.has_background else 0 :]
    holds = (data.index.loc[list(ids), objects] > 0).any(axis=1)
    return sorted(ids, key=lambda item: (not holds[item], seed_of("augmentation", item)))[:N_IMAGES]


def _by_torchvision(draws: Any) -> Draw:
    """What a training that changes its images where it trains draws, here on the CPU."""
    # Here, since it brings torch, which the page can do without.
    import torch

    from segpipe.dataset.held_crops import HeldCrops

    crops = HeldCrops(draws, torch.device("cpu"))

    def draw(epoch: int, item: str) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        image, mask = crops.draw(epoch, item)
        return image.permute(1, 2, 0).numpy(), mask.numpy()

    return draw


def _row(data: Pack, draw: Draw, item: str) -> list[overlay.Picture]:
    """The image and its draws with their masks laid over."""
    image = data.image(item)
    span = _span(image)
    drawn = [draw(epoch, item) for epoch in range(N_EPOCHS)]
    palette = colours(len(data.info.classes))
    pictures = []
    for each, mask in [(image, data.mask(item)), *drawn]:
        small = shrink_image(_bytes(each, span), LONG_SIDE)
        pictures.append(overlay.overlay(overlay.displayed(small), shrink_mask(mask, LONG_SIDE), palette, STRENGTH))
    return pictures


def _span(image: NDArray[Any]) -> tuple[float, float]:
    """The values of the whole image that become black and white: stretching each draw would undo what was drawn."""
    if image.dtype == np.uint8:
        return 0.0, 1.0
    low, high = np.percentile(image, (1, 99))
    return float(low) / 65535, float(high) / 65535


def _bytes(image: NDArray[Any], span: tuple[float, float]) -> NDArray[np.uint8]:
    """uint8 as it is; uint16, or float32 in [0, 1], stretched."""
    if image.dtype == np.uint8:
        return image.astype(np.uint8)
    values = image.astype(np.float32) / (65535 if image.dtype == np.uint16 else 1)
    stretched = np.clip((values - span[0]) / max(span[1] - span[0], 1 / 65535), 0, 1)
    return (stretched * 255).round().astype(np.uint8)


def _together(rows: Sequence[Sequence[overlay.Picture]]) -> overlay.Picture:
    """All pictures on white, a row below the other, each in the middle of its cell."""
    height = max(picture.shape[0] for row in rows for picture in row) + 2 * overlay.GAP
    width = max(picture.shape[1] for row in rows for picture in row) + 2 * overlay.GAP
    result = np.full((height * len(rows), width * len(CAPTIONS), 3), 255, np.uint8)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            top = down * height + (height - picture.shape[0]) // 2
            left = across * width + (width - picture.shape[1]) // 2
            result[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return result

"""closer_look.zip: what the model makes of a few images beside their classes, written by evaluate and read by report."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import decode_mask
from segpipe.images.encode import encode_mask
from segpipe.storage import zips

LONG_SIDE = 400
"""Pixels: larger maps are shrunk, for they are for looking at."""

Map = NDArray[np.uint8]
"""(H, W) of a shrunk image: class ids, or a number between 0 and 1 times 255."""
DeepMap = NDArray[np.uint16]
"""(H, W) of a shrunk image: a number between 0 and 1 times 65,535, since a smooth map of 255 steps would look like terraces."""


@dataclass(frozen=True)
class CloserLook:
    """Maps by image id: `confidence`, the probability of the class that each pixel was called; `attention` by the stride of its
    level, where the architecture has gates; and the classes predicted after some of the training's `epochs`, counted from 1.
    """

    confidence: dict[str, Map] = field(default_factory=dict)
    attention: dict[str, dict[int, DeepMap]] = field(default_factory=dict)
    epochs: dict[str, dict[int, Map]] = field(default_factory=dict)


def write(path: Path, look: CloserLook) -> None:
    """Writes KIND/NUMBER/ID.png, in the order of their names; NUMBER is the stride or the epoch, and 0 for confidence."""
    zips.write_zip(path, sorted(_members(look)))


def read(path: Path, fold: int) -> CloserLook:
    """What `write` wrote. Raises PipelineError, with the stage of `fold` to run, where there is none or it is damaged."""
    look = CloserLook()
    try:
        for name, content in zips.entries(path).items():
            kind, number, item = name.removesuffix(".png").split("/", 2)
            values = decode_mask(content.read(), name)
            if kind == "confidence":
                look.confidence[item] = values.astype(np.uint8)
            elif kind == "attention":
                look.attention.setdefault(item, {})[int(number)] = values.astype(np.uint16)
            elif kind == "epochs":
                look.epochs.setdefault(item, {})[int(number)] = values.astype(np.uint8)
            else:
                raise ValueError(f"{name} is none of its pictures")
    except FileNotFoundError:
        raise PipelineError(f"{path.as_posix()}: no such file. Run `dvc repro evaluate@{fold}`.") from None
    except (DataError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise PipelineError(f"{path.as_posix()}: not whole ({error}). Run `dvc repro --force evaluate@{fold}`.") from None
    return look


def _members(look: CloserLook) -> Iterator[tuple[str, bytes]]:
    for item, values in look.confidence.items():
        yield f"confidence/0/{item}.png", _gray_png(values)
    for item, levels in look.attention.items():
        yield from ((f"attention/{stride:03d}/{item}.png", _gray_png(values)) for stride, values in levels.items())
    for item, masks in look.epochs.items():
        yield from ((f"epochs/{epoch:05d}/{item}.png", encode_mask(mask)) for epoch, mask in masks.items())


def _gray_png(values: Map | DeepMap) -> bytes:
    return bytes(cv2.imencode(".png", values)[1])

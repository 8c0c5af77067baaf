"""Small packs with known content, written and opened as the pipeline does."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segpipe.dataset import pack
from segpipe.images.encode import encode_mask
from segpipe.record import DatasetInfo, Record
from segpipe.storage.byte_source import FileRange, InMemory
from segpipe.storage.files import write_bytes

Image = NDArray[np.uint8]


def noise(seed: int, height: int = 24, width: int = 32, channels: int = 3) -> Image:
    """An image of random values."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)


def made(
    folder: Path, images: Mapping[str, tuple[Image, Image]], classes: tuple[str, ...] = ("background", "object")
) -> pack.Pack:
    """A pack of 8-bit images and masks by id."""
    channels = max(image.shape[2] for image, _ in images.values())
    records = [_record(folder / "files", item, *pair, len(classes)) for item, pair in images.items()]
    info = DatasetInfo(classes, classes[0] == "background", channels, 8, len(images))
    pack.write(folder / "prepared", records, info)
    return pack.open_pack(folder / "prepared")


def _record(folder: Path, item: str, image: Image, mask: Image, n_classes: int) -> Record:
    from PIL import Image as Pillow

    path = folder / f"{item}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(path)
    mask_png = encode_mask(mask)
    write_bytes(folder / f"{item}.mask.png", mask_png)
    counts = np.bincount(mask.ravel(), minlength=256)
    values = image.reshape(-1, image.shape[2]).astype(np.uint64)
    return Record(
        id=item,
        source=f"{item}.png",
        suffix=".png",
        width=image.shape[1],
        height=image.shape[0],
        channels=image.shape[2],
        bits=8,
        image_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        mask_sha256=hashlib.sha256(mask_png).hexdigest(),
        given="",
        group="",
        twin="",
        pixels=tuple(map(int, counts[:n_classes])),
        ignored=int(counts[255]),
        sums=tuple(map(int, values.sum(axis=0))),
        squares=tuple(map(int, (values * values).sum(axis=0))),
        low=tuple(map(int, values.min(axis=0))),
        high=tuple(map(int, values.max(axis=0))),
        spacing=(0, 0),
        image=FileRange(path),
        mask_png=InMemory(mask_png),
    )

"""Training batches cut and changed on the device on which the model trains; the decoded set lies there too."""

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from segpipe.dataset import augment, tensor_changes
from segpipe.dataset.crops import Place
from segpipe.dataset.loader import Batch, Key, empty_batch
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.images.resize import shrunk_size
from segpipe.images.to_tensor import channels_first, unit_values


@dataclass(frozen=True)
class Held:
    """An image (C, H, W), uint8 or float32 in [0, 1], and its mask (H, W), uint8, on the device; and the mask in memory, where
    crops are placed on objects by it, or an empty one of its size.
    """

    image: Tensor
    mask: Tensor
    ids: NDArray[np.uint8]


class HeldCrops:
    """The same crops as `draws` places, with the changes that `tensor_changes` draws."""

    def __init__(self, draws: AugmentedCrops, device: torch.device) -> None:
        self.draws, self.device = draws, device
        self._held: dict[str, Held] = {}

    def hold(self, threads: int) -> None:
        """Brings all images to the device, decoded by so many threads: decoding leaves Python to others."""
        left = [item_id for item_id in self.draws.rows if item_id not in self._held]
        with ThreadPoolExecutor(max(1, threads)) as pool:
            self._held |= zip(left, pool.map(self._moved, left), strict=True)

    def draw(self, epoch: int, item_id: str, repeat: int = 0) -> tuple[Tensor, Tensor]:
        """(C, crop, crop), float32 in [0, 1], and its mask (crop, crop), uint8, on the device."""
        held, seed = self._held.get(item_id) or self._moved(item_id), self.draws.seed_of(epoch, item_id, repeat)
        image, mask = self._changed(held, item_id, seed)
        return image, mask if self.draws.params.synchronised else self._changed(held, item_id, augment.seed_of_mask(seed))[1]

    def _changed(self, held: Held, item_id: str, seed: int) -> tuple[Tensor, Tensor]:
        crop, params = self.draws.crop, self.draws.params
        where = augment.place(params, crop, held.ids, seed, *self.draws.classes(item_id))
        image, mask = cut(held.image, held.mask, crop, where)
        changes = tensor_changes.draw(params, crop, image.shape[0], np.random.default_rng(seed))
        return tensor_changes.apply(changes, image, mask)

    def _moved(self, item_id: str) -> Held:
        image, mask = self.draws.decoded(item_id)
        # Of the mask's size and no memory: without crops on objects nobody asks what is in it.
        ids = mask if self.draws.params.object_crop else np.broadcast_to(np.uint8(0), mask.shape)
        return Held(channels_first(image).to(self.device), torch.from_numpy(mask).to(self.device), ids)


class HeldBatches:
    """The batches of the epoch that `order` was told; the first one brings the images to the device."""

    def __init__(self, crops: HeldCrops, order: Iterable[list[Key]], threads: int) -> None:
        self.crops, self.order, self.threads = crops, order, threads

    def __iter__(self) -> Iterator[Batch]:
        self.crops.hold(self.threads)
        for keys in self.order:
            if not keys:
                yield empty_batch()
                continue
            images, masks = zip(*(self.crops.draw(*key) for key in keys), strict=True)
            yield Batch(tuple(item_id for _, item_id, _ in keys), torch.stack(images), torch.stack(masks).long())


def bytes_held(index: pd.DataFrame, ids: Sequence[str], channels: int, long_side: int) -> int:
    """The memory on the device that the images `ids` of a pack's index take."""
    rows: list[list[int]] = index.loc[list(ids), ["height", "width", "bits"]].to_numpy().tolist()
    sizes = ((shrunk_size(height, width, long_side), 1 if bits == 8 else 4) for height, width, bits in rows)
    return sum(math.prod(shape) * (channels * each + 1) for shape, each in sizes)


def cut(image: Tensor, mask: Tensor, crop: int, where: Place) -> tuple[Tensor, Tensor]:
    """As `crops.cut`: a square of `crop` pixels, (C, crop, crop), float32 in [0, 1], and (crop, crop)."""
    rows, columns = np.mgrid[:crop, :crop]
    # In float64 on the CPU, so that every device looks at the same places.
    x, y = (matrix[0] * columns + matrix[1] * rows + matrix[2] for matrix in where.matrix)
    (down, top), (across, left) = (_needed(at, size) for at, size in zip((y, x), mask.shape, strict=True))
    # Only what the crop shows becomes float: of a large image that is little.
    part, ids = unit_values(image[:, down, across]), mask[down, across]
    if where.copied and ids.shape == (crop, crop):
        return part, ids
    x, y = (torch.from_numpy((at - first).astype(np.float32)).to(image.device) for at, first in ((x, left), (y, top)))
    return tensor_changes.looked_up(part, ids, x, y, mirrored=min(mask.shape) >= crop)


def _needed(at: NDArray[np.float64], size: int) -> tuple[slice, int]:
    """The rows or columns between which all places lie, and the first; all of them where a place is outside."""
    low, high = math.floor(at.min()), math.ceil(at.max())
    return (slice(low, high + 1), low) if low >= 0 and high < size else (slice(0, size), 0)

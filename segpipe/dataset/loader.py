"""Batches for training and whole images for scoring, the same for any number of worker processes."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.multiprocessing import get_sharing_strategy
from torch.utils.data import DataLoader, Dataset, Sampler

from segpipe.console import parent_watch
from segpipe.dataset import rare_classes
from segpipe.dataset.pack import Pack
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.errors import PipelineError
from segpipe.reproducibility.seeds import seed_of

LONGEST_TEMPORARY_FOLDER = 107 - len("/pymp-12345678/listener-12345678")
"""A socket's path may have 107 bytes on Linux; the rest is what multiprocessing adds."""

Key = tuple[int, str, int]
"""Epoch, image id, and how often the image was drawn in this epoch before."""


@dataclass(frozen=True)
class Batch:
    """`image` (N, C, H, W), uint8 or float32 in [0, 1]; `target` (N, H, W) int64 class ids, 255 ignored."""

    ids: tuple[str, ...]
    image: Tensor
    target: Tensor

    def pin_memory(self) -> "Batch":
        """Called by the loader, so that copies to the GPU need not wait."""
        return Batch(self.ids, self.image.pin_memory(), self.target.pin_memory())


@dataclass(frozen=True)
class WholeImage:
    """`image` (H, W, C) uint8 or uint16, `mask` (H, W) uint8."""

    id: str
    image: NDArray[Any]
    mask: NDArray[np.uint8]


Sample = tuple[str, NDArray[Any], NDArray[np.uint8]]
"""An image's id, its crop (crop, crop, C), uint8 or float32 in [0, 1], and the crop's mask (crop, crop)."""


class TrainingSamples(Dataset[Sample]):
    """Augmented crops, looked up by (epoch, id, repeat)."""

    def __init__(self, draws: AugmentedCrops) -> None:
        self.draws = draws

    def __getitem__(self, key: Key) -> Sample:
        epoch, item_id, repeat = key
        return item_id, *self.draws.draw(epoch, item_id, repeat)


class EpochBatches(Sampler[list[Key]]):
    """Each epoch's images in an order of its own, in batches whose sizes differ by one at most.

    Without `weights` each image comes once. With them (`rare_classes.image_weights`) it comes so often on average, an epoch being
    as long as ever. With `steps` an epoch is so many full batches of passes that go on from epoch to epoch, each pass in an order
    of its own. `epoch` says which epoch, `first` from which of its batches on; the length is that of a whole epoch.
    """

    def __init__(
        self,
        ids: Sequence[str],
        batch_size: int,
        seed: int,
        fold: int,
        weights: rare_classes.Weights | None = None,
        steps: int = 0,
    ) -> None:
        self.ids, self.batch_size, self.seed, self.fold, self.weights = list(ids), batch_size, seed, fold, weights
        self.steps = steps
        self.epoch = self.first = 0

    def __len__(self) -> int:
        return self.steps or -(-len(self.ids) // self.batch_size)

    @property
    def smallest_batch(self) -> int:
        """How many images the smallest of its batches has."""
        return self.batch_size if self.steps else len(self.ids) // len(self)

    def __iter__(self) -> Iterator[list[Key]]:
        order = self._order()
        keys, before = [], dict.fromkeys(self.ids, 0)
        for number in order:
            item_id = self.ids[number]
            keys.append((self.epoch, item_id, before[item_id]))
            before[item_id] += 1
        # array_split's sizes differ by one at most: no image is dropped, and no small rest makes a noisy last step.
        ends = np.cumsum([len(part) for part in np.array_split(order, len(self))])
        yield from [keys[start:end] for start, end in zip((0, *ends), ends, strict=False)][self.first :]

    def _order(self) -> NDArray[np.int64]:
        """The numbers of the epoch's images as they come."""
        if not self.steps:
            return self._pass(self.epoch)
        images, whole = self.steps * self.batch_size, len(self.ids)
        number, start = divmod(self.epoch * images, whole)
        passes = [self._pass(number + each) for each in range(-(-(start + images) // whole))]
        return np.concatenate(passes)[start : start + images]

    def _pass(self, number: int) -> NDArray[np.int64]:
        rng = np.random.default_rng(seed_of(self.seed, self.fold, number, "order"))
        return rng.permutation(len(self.ids)) if self.weights is None else rare_classes.sample_indices(self.weights, rng)


class OwnParts(Sampler[list[Key]]):
    """Of each batch of `batches` the images that one of several processes computes: every `world`-th part, from its `rank` on."""

    def __init__(self, batches: EpochBatches, parts: int, rank: int, world: int) -> None:
        self.batches, self.parts, self.rank, self.world = batches, parts, rank, world

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Key]]:
        for keys in self.batches:
            ends = np.cumsum(part_sizes(len(keys), self.parts))
            cut = [keys[start:end] for start, end in zip((0, *ends), ends, strict=False)]
            yield [key for part in cut[self.rank :: self.world] for key in part]


def part_sizes(images: int, parts: int) -> list[int]:
    """How many images each part of a batch has: they differ by one at most, the larger ones first."""
    size, larger = divmod(images, parts)
    return [size + (number < larger) for number in range(parts)]


class WholeImages(Dataset[WholeImage]):
    """Images and masks as they are, for scoring at original resolution."""

    def __init__(self, pack: Pack, ids: Sequence[str]) -> None:
        self.pack, self.ids = pack, list(ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, number: int) -> WholeImage:
        item_id = self.ids[number]
        return WholeImage(item_id, self.pack.image(item_id), self.pack.mask(item_id))


def training_loader(samples: TrainingSamples, batches: Sampler[list[Key]], workers: int, pin: bool) -> DataLoader[Any]:
    """Yields `Batch`, an empty one for no image. Set `epoch` and `first` of what is behind `batches` before each round.

    Raises PipelineError where workers could not hand over what they made.
    """
    if workers:
        _require_short_temporary_folder()
    return DataLoader(
        samples,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=partial(_begin, os.getpid()),
        # Workers have no state that an epoch could leave behind: the key they are sent names the epoch.
        persistent_workers=workers > 0,
        pin_memory=pin,
    )


def whole_image_loader(images: WholeImages, workers: int) -> DataLoader[Any]:
    """Yields one `WholeImage` at a time, in the order of the ids."""
    # batch_size=None: no batches, since images differ in size.
    begin = partial(_begin, os.getpid())
    return DataLoader(images, batch_size=None, num_workers=workers, collate_fn=_as_is, worker_init_fn=begin)


def empty_batch() -> Batch:
    """A batch of no image, which no network is given."""
    return Batch((), torch.zeros(0, 1, 1, 1, dtype=torch.uint8), torch.zeros(0, 1, 1, dtype=torch.int64))


def _collate(samples: list[Sample]) -> Batch:
    if not samples:
        return empty_batch()
    ids, images, masks = zip(*samples, strict=True)
    # (N, H, W, C)
    stacked = np.stack(images)
    count, height, width, channels = stacked.shape
    # Named anew and left where it is: channels last, as the loop wants it. Of one channel both are the same, and torch should
    # take the usual one.
    image = stacked.reshape(count, 1, height, width) if channels == 1 else stacked.transpose(0, 3, 1, 2)
    # int64, the type in which torch's losses take class ids.
    return Batch(ids, torch.from_numpy(image), torch.from_numpy(np.stack(masks)).long())


def _as_is(image: Any) -> Any:
    """Torch would turn the arrays into tensors."""
    return image


def _require_short_temporary_folder() -> None:
    """A worker hands over tensors by a socket below the temporary folder. Where its path is too long, Python drops the batch with
    a traceback in the worker alone, and the training would wait for it for ever.
    """
    folder = tempfile.gettempdir()
    if get_sharing_strategy() == "file_descriptor" and len(os.fsencode(folder)) > LONGEST_TEMPORARY_FOLDER:
        raise PipelineError(
            f"TMPDIR: {folder} is too long a path for the sockets that runtime.workers need there. "
            f"Name a folder of {LONGEST_TEMPORARY_FOLDER} characters or fewer, such as /tmp, or write runtime.workers 0."
        )


def _begin(parent: int, worker: int) -> None:
    """What a worker does first."""
    # torch's own look at the parent comes too late where a worker hands over what nobody reads any more: it would stay for ever,
    # with the files and sockets that it was forked with.
    parent_watch.end_with(parent)
    # Workers share the cores already; OpenCV's own threads would fight over them.
    cv2.setNumThreads(0)

"""Decoded and shrunk training images with their masks in one file, filled as they are first drawn; it never changes a byte.

A training draws each image again in every epoch, and decoding it takes longer than cutting and changing a crop. The file lies
outside DVC, is made when a training starts and is gone when it ends. Which images it holds, and where, follows from index.csv and
the budget alone, so any process can fill the slot of an image: two that fill the same one write the same bytes.
"""

import contextlib
import errno
import math
import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segpipe.dataset.crops import PADDED, RGB, TOGETHER
from segpipe.images.resize import shrunk_size
from segpipe.storage.lock import lock_descriptor

Sample = tuple[NDArray[Any], NDArray[np.uint8]]
"""An image (H, W, C), uint8 or float32 in [0, 1] and `crops.padded`, and its mask (H, W), both after the size rule."""

ALIGNMENT = 64
"""Bytes: a slot begins at a multiple of it, and so do the numbers in it at one of their size."""
FAILED = 0
"""Where the file says that a write failed, so that one process warns of it and not each."""
NAME = "decoded-"


@dataclass(frozen=True)
class Slot:
    """An image's place in the file: where its flag lies, where its pixels begin, and what they are. The mask comes after it."""

    flag: int
    offset: int
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    @property
    def mask_offset(self) -> int:
        """Where the mask begins."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize

    @property
    def end(self) -> int:
        """The first byte after the mask."""
        return self.mask_offset + self.shape[0] * self.shape[1]


def plan(index: pd.DataFrame, ids: Sequence[str], channels: int, long_side: int, budget: int) -> dict[str, Slot]:
    """The slots of the first of the images `ids` that fit into `budget` bytes, by id; `index` is that of the pack.

    Sizes are those after the size rule, `channels` those of the data set. An image that does not fit is passed over, and smaller
    ones behind it may still be held.
    """
    slots: dict[str, Slot] = {}
    # The flags come first: one byte an image, and that of a failed write.
    start = _aligned(FAILED + 1 + len(ids))
    stored = PADDED if channels == RGB else channels
    rows: list[list[int]] = index.loc[list(ids), ["height", "width", "bits"]].to_numpy().tolist()
    for item_id, (height, width, bits) in zip(ids, rows, strict=True):
        # As `as_values` makes them.
        dtype = np.dtype(np.uint8 if bits == 8 else np.float32)
        slot = Slot(FAILED + 1 + len(slots), start, (*shrunk_size(height, width, long_side), stored), dtype)
        if slot.end <= budget:
            slots[item_id] = slot
            start = _aligned(slot.end)
    return slots


class ImageCache:
    """The slots of a plan, in a file that is there while `opened`; before and after, each sample is made anew.

    Can be pickled and forked: a process opens the file when it first needs it.
    """

    def __init__(self, slots: dict[str, Slot]) -> None:
        self.slots = slots
        self.size = max((slot.end for slot in slots.values()), default=0)
        self._path: Path | None = None
        self._file: _OpenFile | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: a descriptor and a map are of this one."""
        return self.__dict__ | {"_file": None}

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[None]:
        """Keeps samples in a new file in `folder` while the block runs; where none can be made, warns and keeps none.

        Deletes the files that killed processes left there.
        """
        if not self.slots:
            yield
            return
        if not hasattr(os, "pwrite"):
            print(
                "warning: no cache of decoded images on this system, which cannot write a file that others read in place (no "
                "os.pwrite), so each is decoded in every epoch, to the same bytes. Write runtime.cache_gib 0 to be told no more.",
                file=sys.stderr,
            )
            yield
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _delete_left_overs(folder)
            descriptor, self._path = _made(folder, self.size)
        except OSError as error:
            print(
                f"warning: {folder}: no cache of decoded images ({error.strerror}), so each is decoded in every epoch, to the "
                "same bytes. Free space or mend the rights, or lower runtime.cache_gib.",
                file=sys.stderr,
            )
            yield
            return
        try:
            self._file = _OpenFile(descriptor)
            yield
        finally:
            self._path.unlink(missing_ok=True)
            self._path = self._file = None
            # The lock goes with the descriptor. Arrays of the map may still be in use, and keep it.
            os.close(descriptor)

    def sample(self, item_id: str, make: Callable[[], Sample]) -> Sample:
        """What `make` gives, from the second time on out of the file where the image has a slot: arrays that are read-only."""
        slot = self.slots.get(item_id)
        file = self._opened_file() if slot else None
        if slot is None or file is None:
            return make()
        if not file.holds(slot):
            made = make()
            file.store(slot, made)
            return made
        return file.load(slot)

    def _opened_file(self) -> "_OpenFile | None":
        if self._file is None and self._path is not None:
            try:
                self._file = _OpenFile(os.open(self._path, os.O_RDWR))
            # The training has ended meanwhile, or the file system is of another machine: the samples are the same without it.
            except OSError:
                self._path = None
        return self._file


class _OpenFile:
    """The file as one process has it: written by its descriptor, and read by a map, so that a crop touches its own pages only.

    Never written by the map: where the disk is full that kills the process, while a write fails with an error.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)

    def holds(self, slot: Slot) -> bool:
        return self.map[slot.flag] == 1

    def load(self, slot: Slot) -> Sample:
        height, width, channels = slot.shape
        pixels = np.frombuffer(self.map, slot.dtype, height * width * channels, slot.offset)
        mask = np.frombuffer(self.map, np.uint8, height * width, slot.mask_offset).reshape(height, width)
        if channels in TOGETHER:
            return pixels.reshape(slot.shape), mask
        return pixels.reshape(channels, height, width).transpose(1, 2, 0), mask

    def store(self, slot: Slot, sample: Sample) -> None:
        """Writes the sample, and then its flag. Leaves the slot empty where a write fails."""
        image, mask = sample
        # What index.csv says of an image is what it decodes to; were it not so, its neighbour's slot would be overwritten.
        if (image.shape, image.dtype, mask.shape) != (slot.shape, slot.dtype, slot.shape[:2]) or self.map[FAILED]:
            return
        try:
            # Channel after channel where a crop is looked up so: then no channel has to be copied out for it.
            self._write(image if image.shape[2] in TOGETHER else image.transpose(2, 0, 1), slot.offset)
            self._write(mask, slot.mask_offset)
            self._write(np.ones(1, np.uint8), slot.flag)
        except OSError as error:
            print(f"warning: no more images go into the cache of decoded ones ({error.strerror})", file=sys.stderr, flush=True)
            with contextlib.suppress(OSError):
                self._write(np.ones(1, np.uint8), FAILED)

    def _write(self, array: NDArray[Any], offset: int) -> None:
        left = np.ascontiguousarray(array).data.cast("B")
        # A write may end early without an error.
        while left:
            written = os.pwrite(self.descriptor, left, offset)
            left, offset = left[written:], offset + written


def _aligned(offset: int) -> int:
    return offset + -offset % ALIGNMENT


def _made(folder: Path, size: int) -> tuple[int, Path]:
    """A new file of `size` zeros, its descriptor and its path; locked, so that no other process takes it for a left-over.

    Raises OSError where there is no room for it.
    """
    # As much stays free as the file takes: saved states and models need room, and their failure ends a training.
    if shutil.disk_usage(folder).free < 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    descriptor, name = tempfile.mkstemp(prefix=NAME, dir=folder)
    try:
        with contextlib.suppress(OSError):
            lock_descriptor(descriptor, wait=False)
        os.truncate(descriptor, size)
        # Some network drives report a full disk only after a write has ended well, so the room is taken now.
        if reserve := getattr(os, "posix_fallocate", None):
            reserve(descriptor, 0, size)
    except OSError:
        Path(name).unlink()
        os.close(descriptor)
        raise
    return descriptor, Path(name)


def _delete_left_overs(folder: Path) -> None:
    """Deletes files whose process was killed: nobody holds their lock any more."""
    for path in folder.glob(f"{NAME}*"):
        # Where a lock cannot be asked for, the file stays: in doubt somebody reads it.
        with contextlib.suppress(OSError), path.open("r+b") as stream:
            lock_descriptor(stream.fileno(), wait=False)
            path.unlink()

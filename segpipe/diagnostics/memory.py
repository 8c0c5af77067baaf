"""How much memory a training's step takes, and how many images fit: computed without running it, or measured on a GPU.

Computed: the real loop runs over fake tensors (segpipe/diagnostics/fake_tensors.py); each operation's results are counted from
their making to their end. What one operation takes for itself alone is not seen; tests/diagnostics/test_memory.py holds
the number against what torch's allocator gives out, bench/memory.py against what the process takes.
"""

import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from segpipe.diagnostics.dry_run import TrainingShape, dry_run
from segpipe.diagnostics.fake_tensors import fake_copy, shapes_only
from segpipe.errors import PipelineError
from segpipe.models.segmenter import Segmenter

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says how much a container may take: cgroups of version 2 and 1."""


@dataclass(frozen=True)
class Growth:
    """Bytes alive at the moments of a step: for each `(fixed, each)`, fixed + each * the images of a part of the batch.

    A tensor either has a row an image or does not change with the batch, so at each moment this is exact where the batch is a
    multiple of its `parts` (train.accumulate). The peak is not one straight line: which moment it falls on depends on the size.
    """

    moments: frozenset[tuple[int, int]]
    parts: int = 1

    def peak(self, batch_size: int) -> int:
        """The most bytes that are alive at one moment."""
        largest_part = -(-batch_size // self.parts)
        return max(fixed + each * largest_part for fixed, each in self.moments)

    def largest_batch(self, memory: int) -> int:
        """The most images whose peak is within `memory` bytes; 0 where not even one a part fits."""
        if self.peak(self.parts) > memory:
            return 0
        return self.parts * min((memory - fixed) // each for fixed, each in self.moments if each)


def computed(segmenter: Segmenter, shape: TrainingShape) -> Growth:
    """The growth on a CPU, from the timelines of two batch sizes.

    Raises PipelineError for a network that runs other operations for other batch sizes.
    """
    parts = shape.train.accumulate
    few, more = timeline(segmenter, shape, 2 * parts), timeline(segmenter, shape, 3 * parts)
    if len(few) != len(more):
        raise PipelineError("the network runs other operations for other batch sizes, so its memory cannot be computed")
    # The line through (2, two) and (3, three).
    return Growth(frozenset((3 * two - 2 * three, three - two) for two, three in zip(few, more, strict=True)), parts)


def timeline(segmenter: Segmenter, shape: TrainingShape, batch_size: int) -> list[int]:
    """The bytes alive after each operation of two steps, weights and optimizer included; nothing is computed."""
    meter = Meter()
    with shapes_only(), meter:
        dry_run(fake_copy(segmenter), shape, batch_size, torch.device("cpu"))
    return meter.bytes_alive


def measured(segmenter: Segmenter, shape: TrainingShape, batch_size: int, device: torch.device) -> Growth:
    """The growth on a GPU: a line through the measured peaks of `batch_size` and half of it, a part having 2 images or more.

    The segmenter lies on the GPU and is trained by it. Raises torch.cuda.OutOfMemoryError where `batch_size` does not fit.
    """
    parts = shape.train.accumulate
    more = max(2, -(-batch_size // parts))
    few = more // 2
    low, high = (_measured_peak(segmenter, shape, size * parts, device) for size in (few, more))
    each = -(-(high - low) // (more - few))  # rounded up
    return Growth(frozenset({(high - each * more, each)}), parts)


def available_memory(device: torch.device) -> int | None:
    """The bytes that a step may take: what is free on the GPU; on a CPU all that the machine, or its container, has.

    None where the system does not tell.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if not hasattr(os, "sysconf"):
        return None
    limits = [int(text) for name in LIMITS if Path(name).is_file() and (text := Path(name).read_text().strip()).isdigit()]
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *limits])


def _measured_peak(segmenter: Segmenter, shape: TrainingShape, batch_size: int, device: torch.device) -> int:
    """What torch's allocator gave out at most, the weights included, which lay there before."""
    torch.cuda.empty_cache()
    # what other tensors take
    others = torch.cuda.memory_allocated(device) - sum(each.nbytes for each in segmenter.state_dict().values())
    torch.cuda.reset_peak_memory_stats(device)
    dry_run(segmenter, shape, batch_size, device)
    segmenter.zero_grad(set_to_none=True)
    return torch.cuda.max_memory_allocated(device) - others


class Meter(TorchDispatchMode):
    """Counts the bytes of every storage that an operation makes, until nothing refers to it any more."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_alive: list[int] = []
        self.now = 0
        self.counted: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            # A fake tensor holds no number to look at; the loop asks only whether all is finite, and sums up losses.
            return {torch.bool: True}.get(args[0].dtype, 1.0 if args[0].is_floating_point() else 1)
        if func is torch.ops.aten.nonzero.default:
            # Where a loss asks which classes an image holds, none is left out: the most that it can take.
            made = args[0].new_zeros((args[0].numel(), args[0].ndim), dtype=torch.int64)
        else:
            made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, Tensor):
                self._count(each.untyped_storage())
        self.bytes_alive.append(self.now)
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.counted:
            self.counted.add(key)
            self.now += storage.nbytes()
            weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self.counted.discard(key)
        self.now -= size

"""The hash of the weights after a training's first steps, by which another machine sees soon whether it repeats them."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import torch

from segpipe.training.loop import Run

FIRST = 4
"""After so many batches a training notes the hash of its weights (fewer, where the first epoch has fewer)."""


def noting(save_state: Callable[[Run], None]) -> Callable[[Run], None]:
    """A `Run.save_state` that notes the hash of the weights after the first steps."""

    def note(run: Run) -> None:
        progress = run.progress
        if progress.epoch == 0 and progress.batch == min(FIRST, run.n_batches):
            progress.first_steps = digest(run.weights().values())
        save_state(run)

    return note


def digest(values: Iterable[Any]) -> str:
    """One hash of the tensors' numbers, in their order."""
    found = hashlib.sha256()
    for value in values:
        # contiguous(), so that the memory format is not in it; as flat bytes, since numpy has no bfloat16.
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]

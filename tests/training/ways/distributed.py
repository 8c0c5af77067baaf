"""Data-parallel training: each process takes its share of every batch, and all make the same step."""

import math
from dataclasses import replace

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from segpipe.dataset.loader import Batch
from segpipe.errors import PipelineError
from segpipe.training.accumulate import share_of_mean
from segpipe.training.counted_images import counted_images
from segpipe.training.loop import ImageLosses, Run, Sums, compute_losses
from tests.training.ways.suite import rows


def prepare(run: Run, clip: float) -> Run:
    """The run as a process of the group that torch.distributed has open trains it.

    Every batch has as many images as there are processes, or more. The first process alone saves states and calls hooks;
    each of them goes on from what it saved. The gradients' norm is clipped to `clip`, 0 for never.
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    model = DistributedDataParallel(run.model)

    def backward(trained: Run, batch: Batch) -> ImageLosses:
        run.optimizer.zero_grad(set_to_none=True)
        losses, counted = compute_losses(trained, batch), counted_images(batch.target)
        images = add_up({"images": int(counted.sum())})["images"]
        # The wrapper takes the mean of the processes' gradients; wanted is their sum over how many images all have.
        (world * share_of_mean(losses["loss"], counted, int(max(images, 1)))).backward()
        return losses, counted

    def step() -> None:
        if not nn.utils.clip_grad_norm_(model.parameters(), clip or math.inf).isfinite():
            raise PipelineError("a gradient is not a finite number. Lower optim.lr.")
        run.optimizer.step()

    share = slice(rank, None, world)
    parts = replace(
        run,
        model=model,
        batches=lambda epoch, first: (rows(batch, share) for batch in run.batches(epoch, first)),
        backward=backward,
        step=step,
        reduce=add_up,
    )
    return parts if rank == 0 else replace(parts, save_state=lambda run: None, hooks=())


def add_up(sums: Sums) -> Sums:
    """The sums over all processes, in double precision."""
    values = torch.tensor([*sums.values()], dtype=torch.float64)
    dist.all_reduce(values)
    return dict(zip(sums, values.tolist(), strict=True))

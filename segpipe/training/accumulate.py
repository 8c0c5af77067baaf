"""The gradient of a batch, computed in one go, or in parts one after another, for which less memory does (train.accumulate).

In a network without batch statistics or dropout both are the same but for rounding. Batch normalisation takes its statistics of
a part, and dropout draws for each. What a part gives follows from it, its number and the weights alone, so that it does not
matter which process computes it (`segpipe/training/processes.py`).
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from segpipe.dataset.loader import Batch, part_sizes
from segpipe.losses.table import Losses
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import part_statistics
from segpipe.training.counted_images import counted_images
from segpipe.training.loop import ImageLosses, Run, compute_losses
from segpipe.training.precision import Scaler


def backward(parts: int, scaling: Scaler, network: nn.Module) -> Callable[[Run, Batch], ImageLosses]:
    """A `Run.backward` that computes each batch in so many parts, and scales its loss where `scaling` is no None.

    Every batch has as many images as there are parts, or more. `network` is what the run's model learns by.
    """

    def of_batch(run: Run, batch: Batch) -> ImageLosses:
        run.optimizer.zero_grad(set_to_none=True)
        counted = counted_images(batch.target)
        images = int(counted.sum())
        if parts == 1:
            return gradient_of_part(run, batch, images, scaling), counted
        norms = part_statistics.learning_norms(network)
        losses, statistics = [], []
        for number, part in enumerate(cut(batch, parts)):
            seed_dropout(run, number)
            with part_statistics.observed(norms) as seen:
                losses.append(gradient_of_part(run, part, images, scaling))
            statistics.append(seen)
        part_statistics.apply(norms, statistics)
        return joined(losses), counted

    return of_batch


def cut(batch: Batch, parts: int) -> Iterator[Batch]:
    """The batch's images in their order, in parts."""
    start = 0
    for size in part_sizes(len(batch.ids), parts):
        rows = slice(start, start + size)
        yield Batch(batch.ids[rows], batch.image[rows], batch.target[rows])
        start += size


def joined(losses: list[Losses]) -> Losses:
    """The losses of the parts in their order, as those of the batch."""
    return {name: torch.cat([each[name] for each in losses]) for name in losses[0]}


def share_of_mean(losses: Tensor, counted: Tensor, images: int) -> Tensor:
    """What the losses of a part, (N,), of which the `counted` count, add to the mean over so many images."""
    return (losses * counted.to(losses)).sum() / images


def seed_dropout(run: Run, part: int) -> None:
    """What is drawn in a part of the batch at hand follows from its number."""
    torch.manual_seed(seed_of(run.seed, run.fold, run.progress.epoch, run.progress.batch, "dropout", part))


def gradient_of_part(run: Run, part: Batch, images: int, scaling: Scaler) -> Losses:
    """Adds a part's gradient, of the mean over so many images, to what the weights hold; returns the losses of its images.

    Where none of them counts there is nothing to add.
    """
    losses, counted = compute_losses(run, part), counted_images(part.target)
    if counted.any():
        mean = share_of_mean(losses["loss"], counted, images)
        (scaling.scale(mean) if scaling else mean).backward()
    # Without what backward would need, so that the next part has that memory.
    return {name: values.detach() for name, values in losses.items()}

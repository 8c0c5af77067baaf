"""The gradient of a batch, computed in one go, or in parts one after another, for which less memory does (train.accumulate).

In a network without batch statistics or dropout both are the same but for rounding. Batch normalisation takes its statistics of a
part, and dropout draws for each.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.losses.table import Losses
from segpipe.training.counted_images import counted_images
from segpipe.training.loop import Run, compute_losses
from segpipe.training.precision import Scaler


def backward(parts: int, scaling: Scaler) -> Callable[[Run, Batch], Losses]:
    """A `Run.backward` that computes each batch in so many parts, and scales its loss where `scaling` is no None.

    Every batch has as many images as there are parts, or more.
    """

    def of_batch(run: Run, batch: Batch) -> Losses:
        run.optimizer.zero_grad(set_to_none=True)
        images = int(counted_images(batch.target).sum())
        return joined([_of_part(run, part, images, scaling) for part in cut(batch, parts)])

    return of_batch


def cut(batch: Batch, parts: int) -> Iterator[Batch]:
    """The batch's images in their order, in parts whose sizes differ by one at most, the larger ones first."""
    images, targets = batch.image.tensor_split(parts), batch.target.tensor_split(parts)
    start = 0
    for image, target in zip(images, targets, strict=True):
        yield Batch(batch.ids[start : start + len(image)], image, target)
        start += len(image)


def joined(losses: list[Losses]) -> Losses:
    """The losses of the parts in their order, as those of the batch."""
    return {name: torch.cat([each[name] for each in losses]) for name in losses[0]}


def share_of_mean(losses: Tensor, counted: Tensor, images: int) -> Tensor:
    """What the losses of a part, (N,), of which the `counted` count, add to the mean over so many images."""
    return (losses * counted.to(losses)).sum() / images


def _of_part(run: Run, part: Batch, images: int, scaling: Scaler) -> Losses:
    """Adds the part's gradient to that of the parts before; where none of its images counts there is nothing to add."""
    losses, counted = compute_losses(run, part), counted_images(part.target)
    if counted.any():
        mean = share_of_mean(losses["loss"], counted, images)
        (scaling.scale(mean) if scaling else mean).backward()
    # Without what backward would need, so that the next part has that memory.
    return {name: values.detach() for name, values in losses.items()}

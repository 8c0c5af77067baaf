"""Which images of a batch count, those with a pixel that is not ignored, and sums over them alone."""

from torch import Tensor

from segpipe.record import IGNORE


def counted_images(target: Tensor) -> Tensor:
    """(N, H, W) class ids to (N,) booleans: the images that have a pixel which is not ignored."""
    return (target != IGNORE).flatten(1).any(dim=1)


def sum_over_images(values: Tensor, counted: Tensor) -> float:
    """The sum of the values, (N,), of the images that count, in double precision."""
    doubles = values.detach().double()
    return float(doubles.sum() if counted.all() else (doubles * counted.to(doubles)).sum())

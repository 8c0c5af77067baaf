"""What the losses share: a plane a class, and means over the pixels that are not ignored."""

import torch
from torch import Tensor

from segpipe.record import IGNORE


def to_float32(logits: Tensor) -> Tensor:
    """In float32 or better: a sum over a large image does not fit into half precision."""
    return logits if logits.dtype == torch.float64 else logits.float()


def one_hot(target: Tensor, n_logits: int) -> Tensor:
    """(N, H, W) class ids to (N, K, H, W) booleans, one plane a logit; ignored pixels are false in each."""
    # A single logit is that of class 1.
    ids = target.new_tensor([1] if n_logits == 1 else range(n_logits))
    return target[:, None] == ids.view(1, -1, 1, 1)


def mean_over_valid(losses: Tensor, target: Tensor, weights: tuple[float, ...] = ()) -> Tensor:
    """(N, H, W) to (N,): the mean where the target is not ignored, 0 where it is ignored everywhere.

    With `weights`, one a class, each pixel's loss counts as often as the weight of its class says; the sum is divided by
    the number of pixels all the same, so that an image of heavy classes costs more.
    """
    valid = target != IGNORE
    if weights:
        # Ignored pixels look up class 0, since 255 is no index; they are left out below.
        losses = losses * losses.new_tensor(weights)[target.where(valid, 0)]
    return losses.where(valid, 0.0).sum(dim=(1, 2)) / valid.sum(dim=(1, 2)).clamp(min=1)

"""What the losses share: a plane a class, and means over the pixels that are not ignored."""

from torch import Tensor

from segpipe.record import IGNORE


def class_planes(target: Tensor, n_logits: int) -> Tensor:
    """(N, H, W) class ids to (N, K, H, W) booleans, one plane a logit; ignored pixels are false in each."""
    ids = target.new_tensor([1] if n_logits == 1 else range(n_logits))
    return target[:, None] == ids.view(1, -1, 1, 1)


def mean_over_valid(losses: Tensor, target: Tensor) -> Tensor:
    """(N, H, W) to (N,): the mean where the target is not ignored, 0 where it is ignored everywhere."""
    valid = target != IGNORE
    return losses.where(valid, 0.0).sum(dim=(1, 2)) / valid.sum(dim=(1, 2)).clamp(min=1)

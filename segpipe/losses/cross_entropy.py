"""Cross entropy over the pixels of each image; with one logit, binary cross entropy, which is the same for two classes."""

from torch import Tensor
from torch.nn import functional as F

from segpipe.record import IGNORE


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): the mean over the pixels that are not ignored.

    K is 1 for two classes. An image that is ignored everywhere costs 0.
    """
    if logits.shape[1] == 1:
        return binary_cross_entropy(logits, target)
    # 'none' and a mean of our own: CUDA's summed 2-D version is not deterministic.
    losses = F.cross_entropy(logits.float(), target, ignore_index=IGNORE, reduction="none")
    return mean_over_valid(losses, target)


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Each class against the rest: (N, K, H, W) and (N, H, W) to (N,), the mean over classes and valid pixels.

    With K = 1 the one logit is that of class 1.
    """
    truth = class_planes(target, logits.shape[1])
    losses = F.binary_cross_entropy_with_logits(logits.float(), truth.float(), reduction="none").mean(dim=1)
    return mean_over_valid(losses, target)


def class_planes(target: Tensor, n_logits: int) -> Tensor:
    """(N, H, W) class ids to (N, K, H, W) booleans, one plane a logit; ignored pixels are false in each."""
    ids = target.new_tensor([1] if n_logits == 1 else range(n_logits))
    return target[:, None] == ids.view(1, -1, 1, 1)


def mean_over_valid(losses: Tensor, target: Tensor) -> Tensor:
    """(N, H, W) to (N,): the mean where the target is not ignored, 0 where it is ignored everywhere."""
    valid = target != IGNORE
    return losses.where(valid, 0.0).sum(dim=(1, 2)) / valid.sum(dim=(1, 2)).clamp(min=1)

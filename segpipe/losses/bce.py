"""Binary cross entropy of each class against the rest, over the pixels of each image."""

from torch import Tensor
from torch.nn import functional as F

from segpipe.losses.pixels import class_planes, mean_over_valid
from segpipe.losses.table import Loss
from segpipe.params import LossParams


def from_params(params: LossParams, has_background: bool) -> Loss:
    """The loss; no parameter changes it."""
    return binary_cross_entropy


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Each class against the rest: (N, K, H, W) and (N, H, W) to (N,), the mean over classes and valid pixels.

    With K = 1 the one logit is that of class 1.
    """
    truth = class_planes(target, logits.shape[1])
    losses = F.binary_cross_entropy_with_logits(logits.float(), truth.float(), reduction="none").mean(dim=1)
    return mean_over_valid(losses, target)

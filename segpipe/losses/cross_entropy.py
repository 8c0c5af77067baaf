"""Cross entropy over the pixels of each image; with one logit, binary cross entropy, which is the same for two classes."""

from torch import Tensor
from torch.nn import functional as F

from segpipe.losses.bce import binary_cross_entropy
from segpipe.losses.pixels import mean_over_valid
from segpipe.losses.table import Loss
from segpipe.params import LossParams
from segpipe.record import IGNORE


def from_params(params: LossParams, has_background: bool) -> Loss:
    """The loss; no parameter changes it."""
    return cross_entropy


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): the mean over the pixels that are not ignored.

    K is 1 for two classes. An image that is ignored everywhere costs 0.
    """
    if logits.shape[1] == 1:
        return binary_cross_entropy(logits, target)
    # 'none' and a mean of our own: CUDA's summed 2-D version is not deterministic.
    losses = F.cross_entropy(logits.float(), target, ignore_index=IGNORE, reduction="none")
    return mean_over_valid(losses, target)

"""Cross entropy over the pixels of each image; with one logit, binary cross entropy, which is the same for two classes."""

from functools import partial

from torch import Tensor
from torch.nn import functional as F

from segpipe.losses.bce import binary_cross_entropy
from segpipe.losses.pixels import mean_over_valid, wide
from segpipe.losses.table import Classes, Loss
from segpipe.params import LossParams
from segpipe.record import IGNORE


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss with the class weights and the smoothing that are asked for."""
    return partial(cross_entropy, weights=classes.weights, smoothing=params.label_smoothing)


def cross_entropy(logits: Tensor, target: Tensor, weights: tuple[float, ...] = (), smoothing: float = 0.0) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): the mean over the pixels that are not ignored.

    K is 1 for two classes. An image that is ignored everywhere costs 0.
    """
    if logits.shape[1] == 1:
        return binary_cross_entropy(logits, target, weights, smoothing)
    # 'none' and a mean of our own: CUDA's summed 2-D version is not deterministic.
    losses = F.cross_entropy(wide(logits), target, ignore_index=IGNORE, reduction="none", label_smoothing=smoothing)
    return mean_over_valid(losses, target, weights)

"""Binary cross entropy of each class against the rest, over the pixels of each image."""

from functools import partial

from torch import Tensor
from torch.nn import functional as F

from segpipe.losses.pixels import class_planes, mean_over_valid, wide
from segpipe.losses.table import Classes, Loss
from segpipe.params import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss with the class weights and the smoothing that are asked for."""
    return partial(binary_cross_entropy, weights=classes.weights, smoothing=params.label_smoothing)


def binary_cross_entropy(logits: Tensor, target: Tensor, weights: tuple[float, ...] = (), smoothing: float = 0.0) -> Tensor:
    """Each class against the rest: (N, K, H, W) and (N, H, W) to (N,), the mean over classes and valid pixels.

    With K = 1 the one logit is that of class 1. `smoothing` brings the truths 0 and 1 nearer to a half.
    """
    truth = wide(class_planes(target, logits.shape[1])) * (1 - smoothing) + smoothing / 2
    logits = wide(logits)
    losses = F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), reduction="none").mean(dim=1)
    return mean_over_valid(losses, target, weights)

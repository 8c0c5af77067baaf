"""Binary cross entropy of each class against the rest, over the pixels of each image."""

from functools import partial

from torch import Tensor
from torch.nn import functional as F

from segpipe.losses.cross_entropy import cross_entropy
from segpipe.losses.pixels import mean_over_valid, to_float32
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams
from segpipe.record import IGNORE


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss with the class weights and the smoothing that are asked for."""
    return partial(binary_cross_entropy, weights=classes.weights, smoothing=params.label_smoothing)


def binary_cross_entropy(logits: Tensor, target: Tensor, weights: tuple[float, ...] = (), smoothing: float = 0.0) -> Tensor:
    """Each class against the rest: (N, K, H, W) and (N, H, W) to (N,), the mean over classes and valid pixels.

    With K = 1 the one logit is that of class 1, and this is `cross_entropy`. With more, all K terms of a pixel have the
    weight of the pixel's class, and `smoothing` brings their truths 0 and 1 nearer to a half.
    """
    if logits.shape[1] == 1:
        return cross_entropy(logits, target, weights, smoothing)
    # In training they come with the channels last, of which torch's backward pass of a pick knows nothing.
    logits = to_float32(logits).contiguous()
    # A term is softplus(z) - q z with the truth q: only the logit of the pixel's class is picked, and no planes are made.
    picked = F.nll_loss(logits, target, ignore_index=IGNORE, reduction="none")
    # (N, H, W); `picked` is -z of the pixel's class, and 0 where it is ignored.
    losses = F.softplus(logits).sum(dim=1) + (1 - smoothing) * picked
    if smoothing:
        # The truth is (1 - smoothing) at the pixel's class, 0 elsewhere, and smoothing / 2 more everywhere.
        losses = losses - smoothing / 2 * logits.sum(dim=1)
    return mean_over_valid(losses / logits.shape[1], target, weights)

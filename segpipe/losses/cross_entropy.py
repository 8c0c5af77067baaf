"""Cross entropy over the pixels of each image; one logit z costs what the two logits 0 and z cost."""

from functools import partial

from torch import Tensor
from torch.nn import functional as F

from segpipe.losses.pixels import mean_over_valid, to_float32
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams
from segpipe.record import IGNORE


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss with the class weights and the smoothing that are asked for."""
    return partial(cross_entropy, weights=classes.weights, smoothing=params.label_smoothing)


def cross_entropy(logits: Tensor, target: Tensor, weights: tuple[float, ...] = (), smoothing: float = 0.0) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): the mean over the pixels that are not ignored.

    K is 1 for two classes. An image that is ignored everywhere costs 0. Weights and smoothing are those of
    `pixel_cross_entropy`. The sum is divided by the number of pixels, where torch's own mean divides by their weights.
    """
    return mean_over_valid(pixel_cross_entropy(logits, target, weights, smoothing), target)


def pixel_cross_entropy(logits: Tensor, target: Tensor, weights: tuple[float, ...] = (), smoothing: float = 0.0) -> Tensor:
    """(N, H, W) in float32 or better, one cost a pixel: the sum over classes c of -q_c w_c log p_c.

    q is 1 for the pixel's class and 0 for the others; `smoothing` e makes it 1 - e, and adds e / K to each class (Szegedy
    2016, arXiv:1512.00567, section 7). As in torch.nn.CrossEntropyLoss, each term of a smoothed pixel has the weight of
    its own class. What stands at ignored pixels is to be left out.
    """
    logits = to_float32(logits)
    if logits.shape[1] == 1:
        return _of_one_logit(logits[:, 0], target, weights, smoothing)
    weight = logits.new_tensor(weights) if weights else None
    # 'none' and a mean of our own: CUDA's summed 2-D version is not deterministic.
    return F.cross_entropy(logits, target, weight, ignore_index=IGNORE, reduction="none", label_smoothing=smoothing)


def _of_one_logit(logits: Tensor, target: Tensor, weights: tuple[float, ...], smoothing: float) -> Tensor:
    truth = (target == 1).to(logits.dtype)
    if smoothing:
        truth = truth * (1 - smoothing) + smoothing / 2
    if not weights:
        return F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    # Both terms with a weight of their own are one with the sum of them, and a truth nearer to the heavier.
    one, other = weights[1] * truth, weights[0] * (1 - truth)
    both = one + other
    # where: both weights can be 0, and 0 / 0 would be NaN.
    return F.binary_cross_entropy_with_logits(logits, one / both.where(both > 0, 1.0), both, reduction="none")

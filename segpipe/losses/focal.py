"""Focal loss: cross entropy that counts a pixel the less, the surer it already is (Lin 2017, arXiv:1708.02002).

The paper writes it for two classes (equation 4) and says that more are straightforward: p_t is the probability of the
pixel's class, sigmoid or softmax. The class weights are its alpha (equation 5): (1 - alpha, alpha) for two classes.
"""

from functools import partial

import torch
from torch import Tensor

from segpipe.losses.cross_entropy import pixel_cross_entropy
from segpipe.losses.pixels import mean_over_valid
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss with the exponent and the class weights that are asked for."""
    return partial(focal, gamma=params.focal_gamma, weights=classes.weights)


def focal(logits: Tensor, target: Tensor, gamma: float, weights: tuple[float, ...] = ()) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): the mean over valid pixels of -(1 - p_t)^gamma log p_t.

    K is 1 for two classes. The paper divides by the number of boxes of objects, which pixels have no counterpart of.
    """
    surprise = pixel_cross_entropy(logits, target)
    # 1 - p_t without cancellation; kept above 0, where the slope of a power below 1 has no end.
    unsure = (-torch.expm1(-surprise)).clamp(min=torch.finfo(surprise.dtype).tiny)
    return mean_over_valid(unsure**gamma * surprise, target, weights)

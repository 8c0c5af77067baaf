"""Soft Jaccard index of each image (intersection over union), averaged over the classes that are in it.

The sums of Rahman and Wang 2016 (Optimizing Intersection-Over-Union in Deep Neural Networks, equation 3), by class.
"""

from functools import partial

from torch import Tensor

from segpipe.losses.regions import counted_classes, mean_over_classes, soft_counts, wrong_share
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss for data with or without a background, with its class weights."""
    return partial(iou, has_background=classes.has_background, weights=classes.weights)


def iou(logits: Tensor, target: Tensor, has_background: bool, weights: tuple[float, ...] = ()) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): 1 - IoU, the mean over the classes that Dice counts too."""
    counts = soft_counts(logits, target)
    losses = wrong_share(counts, alpha=1, beta=1)
    return mean_over_classes(losses, counted_classes(counts.pixels, has_background), weights)

"""Soft Dice of each image, averaged over the classes that are in it (Milletari 2016, arXiv:1606.04797, eq. 2, unsquared)."""

from functools import partial

from torch import Tensor

from segpipe.losses.regions import counted_classes, mean_over_classes, soft_counts, wrong_share
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss for data with or without a background, with its class weights."""
    return partial(dice, has_background=classes.has_background, weights=classes.weights)


def dice(logits: Tensor, target: Tensor, has_background: bool, weights: tuple[float, ...] = ()) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): 1 - Dice, the mean over the image's classes of objects.

    On an image without objects the background's Dice counts alone, so inventing objects costs. Where class 0 is no
    background it counts like the others. An image that is ignored everywhere costs 0. Computed in float32.
    """
    counts = soft_counts(logits, target)
    losses = wrong_share(counts, alpha=0.5, beta=0.5)
    return mean_over_classes(losses, counted_classes(counts.pixels, has_background), weights)

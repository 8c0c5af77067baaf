"""Soft Dice of the whole batch as if it were one image: small objects of one image are outweighed by another's large ones.

The one loss here that is not each image's own: a batch cut in two, a last batch that is smaller, and a validation that
sees one image at a time give other values. So params.yaml refuses it with accumulated gradients, and whoever adds privacy a
sample must refuse it too.
"""

from dataclasses import fields
from functools import partial

from torch import Tensor

from segpipe.losses.regions import SoftCounts, counted_classes, mean_over_classes, soft_counts, wrong_share
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss for data with or without a background, with its class weights."""
    return partial(dice_pooled, has_background=classes.has_background, weights=classes.weights)


def dice_pooled(logits: Tensor, target: Tensor, has_background: bool, weights: tuple[float, ...] = ()) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): the batch's 1 - Dice, the same for each image.

    The counts are added over the images; the mean is over the classes of objects that are in any of them, the background
    alone where there is no object in the batch. A batch that is ignored everywhere costs 0.
    """
    each = soft_counts(logits, target)
    # (1, C) each: the batch as one image.
    counts = SoftCounts(**{field.name: getattr(each, field.name).sum(dim=0, keepdim=True) for field in fields(each)})
    losses = wrong_share(counts, alpha=0.5, beta=0.5)
    return mean_over_classes(losses, counted_classes(counts.pixels, has_background), weights).expand(len(target))

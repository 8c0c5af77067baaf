"""Soft Dice of each image, averaged over the classes that are in it (Milletari 2016, arXiv:1606.04797, eq. 2, unsquared).

Over all classes, an almost perfect image with 2 of 21 classes would cost 0.91: the absent ones would count as failures.
"""

from functools import partial

import torch
from torch import Tensor

from segpipe.losses.pixels import class_planes, wide
from segpipe.losses.table import Classes, Loss
from segpipe.params import LossParams
from segpipe.record import IGNORE

SMOOTH = 1.0
"""Pixels added above and below, so that a class of a few pixels gives no wild gradient."""


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss for data with or without a background."""
    return partial(dice, has_background=classes.has_background)


def dice(logits: Tensor, target: Tensor, has_background: bool) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): 1 - Dice, the mean over the image's classes of objects.

    On an image without objects the background's Dice counts alone, so inventing objects costs. Where class 0 is no
    background it counts like the others. An image that is ignored everywhere costs 0. Computed in float32.
    """
    probabilities = class_probabilities(wide(logits))
    n_classes = probabilities.shape[1]
    valid = (target != IGNORE)[:, None]
    truth = class_planes(target, n_classes)
    overlap = probabilities.where(truth, 0.0).sum(dim=(2, 3))
    area = truth.sum(dim=(2, 3))
    total = probabilities.where(valid, 0.0).sum(dim=(2, 3)) + area
    losses = 1 - (2 * overlap + SMOOTH) / (total + SMOOTH)
    counted = area > 0
    if has_background:
        without_objects = ~counted[:, 1:].any(dim=1)
        counted = torch.cat([(counted[:, 0] & without_objects)[:, None], counted[:, 1:]], dim=1)
    return losses.where(counted, 0.0).sum(dim=1) / counted.sum(dim=1).clamp(min=1)


def class_probabilities(logits: Tensor) -> Tensor:
    """(N, K, H, W) with one probability a class; a single logit becomes those of background and object."""
    if logits.shape[1] > 1:
        return logits.softmax(dim=1)
    return torch.cat([(-logits).sigmoid(), logits.sigmoid()], dim=1)

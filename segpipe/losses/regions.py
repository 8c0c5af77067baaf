"""What the losses of regions share: soft counts of each class in each image, and a mean over the classes that count.

Over all classes, an almost perfect image with 2 of 21 classes would cost 0.91: the absent ones would count as failures.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from segpipe.losses.pixels import one_hot, to_float32
from segpipe.record import IGNORE

SMOOTH = 0.5
"""Pixels added to the overlap above and below, so that a class of a few pixels gives no wild gradient."""


@dataclass(frozen=True)
class SoftCounts:
    """Pixels of each class, each (N, C): how many there are, and what the probabilities find, invent and miss of them."""

    pixels: Tensor
    overlap: Tensor
    false_positives: Tensor
    false_negatives: Tensor


def soft_counts(logits: Tensor, target: Tensor) -> SoftCounts:
    """(N, K, H, W) logits and (N, H, W) class ids to counts in float32 or better; ignored pixels are in none of them."""
    if logits.shape[1] == 1:
        return _of_one_logit(to_float32(logits)[:, 0].sigmoid(), target)
    probabilities = class_probabilities(logits).flatten(2)  # (N, C, H * W)
    truth = one_hot(target, probabilities.shape[1]).flatten(2)
    # Products with zeros and ones: faster than a choice, forward and backward (bench/losses.py).
    overlap = (probabilities * truth.to(probabilities.dtype)).sum(dim=2)
    predicted = (probabilities * (target != IGNORE).flatten(1)[:, None].to(probabilities.dtype)).sum(dim=2)
    pixels = truth.sum(dim=2)
    return SoftCounts(pixels, overlap, predicted - overlap, pixels - overlap)


def _of_one_logit(probability: Tensor, target: Tensor) -> SoftCounts:
    """The same from (N, H, W), the probability of class 1 against class 0: what one of them misses, the other invents."""
    objects, others = target == 1, target == 0
    pixels = torch.stack([others.sum(dim=(1, 2)), objects.sum(dim=(1, 2))], dim=1)
    found, invented = ((probability * each.to(probability.dtype)).sum(dim=(1, 2)) for each in (objects, others))
    missed = pixels[:, 1] - found
    return SoftCounts(
        pixels,
        overlap=torch.stack([pixels[:, 0] - invented, found], dim=1),
        false_positives=torch.stack([missed, invented], dim=1),
        false_negatives=torch.stack([invented, missed], dim=1),
    )


def class_probabilities(logits: Tensor) -> Tensor:
    """(N, C, H, W) in float32 or better, a probability a class; a single logit becomes those of background and object."""
    logits = to_float32(logits)
    if logits.shape[1] > 1:
        return logits.softmax(dim=1)
    # Not 1 - sigmoid(z), which loses all digits for a large z.
    return torch.cat([(-logits).sigmoid(), logits.sigmoid()], dim=1)


def wrong_share(counts: SoftCounts, alpha: float, beta: float) -> Tensor:
    """(N, C): 1 - overlap / (overlap + alpha x false positives + beta x false negatives), smoothed by SMOOTH.

    That is 1 - Tversky's index (Salehi 2017, arXiv:1706.05721, equation 3): Dice's for 0.5 and 0.5, Jaccard's for 1 and 1.
    """
    wrong = alpha * counts.false_positives + beta * counts.false_negatives
    # 1 - (overlap + SMOOTH) / (overlap + wrong + SMOOTH), without the cancellation near 0.
    return wrong / (counts.overlap + wrong + SMOOTH)


def counted_classes(pixels: Tensor, has_background: bool) -> Tensor:
    """(N, C) pixels to booleans: the classes of objects that are in the image; the background where there is no object.

    Where class 0 is no background it counts like the others. On an image that is ignored everywhere none counts.
    """
    present = pixels > 0
    if not has_background:
        return present
    without_objects = ~present[:, 1:].any(dim=1, keepdim=True)  # (N, 1)
    return torch.cat([present[:, :1] & without_objects, present[:, 1:]], dim=1)


def mean_over_classes(losses: Tensor, counted: Tensor, weights: tuple[float, ...] = ()) -> Tensor:
    """(N, C) to (N,): the mean over the classes that count, weighted where `weights` has one a class; 0 where none does."""
    shares = counted.to(losses.dtype)
    if weights:
        shares = shares * losses.new_tensor(weights)
    total = shares.sum(dim=1)
    return (losses * shares).sum(dim=1) / total.where(total > 0, 1.0)

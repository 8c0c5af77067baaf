"""Lovász-Softmax: the smooth extension of the Jaccard loss of each class (Berman 2018, arXiv:1705.08790).

Equations 8 and 9 and algorithm 1, for each image, over the classes that are in it. For two classes the paper also has a
hinge on one logit; here one logit is two classes by its sigmoid, as the authors' code allows it too: so the loss lies in
0 .. 1 like its neighbours in a mix, and one logit costs what two do.
"""

from functools import partial

import torch
from torch import Tensor

from segpipe.losses.pixels import one_hot
from segpipe.losses.regions import class_probabilities, counted_classes, mean_over_classes
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams
from segpipe.record import IGNORE


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss for data with or without a background, with its class weights."""
    return partial(lovasz, has_background=classes.has_background, weights=classes.weights)


def lovasz(logits: Tensor, target: Tensor, has_background: bool, weights: tuple[float, ...] = ()) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): the mean over the classes that Dice counts too."""
    probabilities = class_probabilities(logits).flatten(2)  # (N, C, P)
    truth = one_hot(target, probabilities.shape[1]).flatten(2)
    errors = (truth.to(probabilities.dtype) - probabilities).abs()
    counted = counted_classes(truth.sum(dim=2), has_background)  # (N, C)
    # Constants: with the order of the errors fixed the loss is linear in them, and the steps are its gradient.
    with torch.no_grad():
        # Ignored pixels come last, behind the last pixel of the class, where a step is 0.
        ranked = errors.masked_fill((target == IGNORE).flatten(1)[:, None], -1.0)
        # Only these are sorted: of many classes an image holds few.
        rows = counted.flatten().nonzero()[:, 0]
        found = steps_by_pixel(ranked.flatten(0, 1)[rows], truth.flatten(0, 1)[rows])
        steps = torch.zeros_like(errors).flatten(0, 1).index_copy(0, rows, found).view_as(errors)
    return mean_over_classes((errors * steps).sum(dim=2), counted, weights)


def steps_by_pixel(errors: Tensor, truth: Tensor) -> Tensor:
    """(M, P) errors, -1 for pixels that do not count, and booleans, true in each row: what each pixel adds to the Jaccard loss.

    Pixels join the wrong ones from the largest error on. The paper's algorithm 1 takes the difference of two losses; written
    out it is 1 / union for a pixel of the class and intersection / union / (union - 1) for another, which loses no digit.
    """
    # The bits of fractions from 0 on are whole numbers in the same order, -1 is below them, and their sort is faster.
    bits = errors.view(torch.int64 if errors.dtype == torch.float64 else torch.int32)
    order = bits.sort(dim=1, descending=True, stable=True).indices
    found = truth.gather(1, order)
    # Whole numbers, whose running sum is exact, and on CUDA the same each time, which that of fractions is not.
    passed = found.cumsum(dim=1, dtype=torch.int32)
    total = passed[:, -1:]
    union = total + torch.arange(1, truth.shape[1] + 1, device=truth.device, dtype=torch.int32) - passed
    left = (total - passed).to(errors.dtype)
    steps = left.div_((union - 1).clamp_(min=1)).masked_fill_(found, 1.0).div_(union)
    return torch.empty_like(steps).scatter_(1, order, steps)

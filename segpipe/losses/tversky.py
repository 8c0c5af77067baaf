"""Tversky loss: Dice with a price of its own for what is invented and for what is missed (Salehi 2017, arXiv:1706.05721).

Equation 3 with its names: alpha for false positives, beta for false negatives. The paper's best were 0.3 and 0.7.
"""

from functools import partial

from torch import Tensor

from segpipe.losses.regions import counted_classes, mean_over_classes, soft_counts, wrong_share
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss with the two prices that are asked for, for data with or without a background, with its class weights."""
    return partial(
        tversky,
        alpha=params.tversky_alpha,
        beta=params.tversky_beta,
        has_background=classes.has_background,
        weights=classes.weights,
    )


def tversky(
    logits: Tensor, target: Tensor, alpha: float, beta: float, has_background: bool, weights: tuple[float, ...] = ()
) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): 1 - Tversky's index, the mean over the classes that Dice counts."""
    counts = soft_counts(logits, target)
    losses = wrong_share(counts, alpha, beta)
    return mean_over_classes(losses, counted_classes(counts.pixels, has_background), weights)

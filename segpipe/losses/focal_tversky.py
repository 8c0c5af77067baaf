"""Focal Tversky loss: each class's Tversky loss to the power 1 / gamma (Abraham and Khan 2018, arXiv:1810.07842, equation 4).

The paper's alpha is the price of false negatives; here alpha is that of false positives, as in `tversky`. Its best were
0.7 for false negatives, 0.3 for false positives and gamma 4/3. It sums over the classes, this is their mean.
"""

from functools import partial

import torch
from torch import Tensor

from segpipe.losses.regions import counted_classes, mean_over_classes, soft_counts, wrong_share
from segpipe.losses.table import Classes, Loss
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The loss with the prices and the exponent that are asked for, for data with or without a background."""
    return partial(
        focal_tversky,
        alpha=params.tversky_alpha,
        beta=params.tversky_beta,
        gamma=params.focal_tversky_gamma,
        has_background=classes.has_background,
        weights=classes.weights,
    )


def focal_tversky(
    logits: Tensor,
    target: Tensor,
    alpha: float,
    beta: float,
    gamma: float,
    has_background: bool,
    weights: tuple[float, ...] = (),
) -> Tensor:
    """(N, K, H, W) logits and (N, H, W) class ids to (N,): (1 - Tversky's index)^(1 / gamma), the mean over the classes."""
    counts = soft_counts(logits, target)
    wrong = wrong_share(counts, alpha, beta)
    # At 0 the slope of the root has no end; there it is as well as can be, and nothing is to be learnt. NaN stays NaN.
    losses = (wrong.clamp(min=torch.finfo(wrong.dtype).tiny) ** (1 / gamma)).masked_fill(wrong <= 0, 0.0)
    return mean_over_classes(losses, counted_classes(counts.pixels, has_background), weights)

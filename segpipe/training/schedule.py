"""The learning rate as a pure function of how far training is: a resume needs no scheduler's state."""

import math
from collections.abc import Sequence

from segpipe.params.schema import OptimParams


def learning_rate(params: OptimParams, epoch: float, epochs: int, scores: Sequence[float | None]) -> float:
    """The learning rate at `epoch` (a fraction inside an epoch) of `epochs`.

    Grows linearly over `warmup_epochs`, then follows the schedule. `scores` holds the monitored score of each past
    epoch, larger being better, None where it was not validated; only `plateau` reads it.
    """
    warmup = min(1.0, epoch / params.warmup_epochs) if params.warmup_epochs else 1.0
    return params.lr * warmup * _factor(params, epoch, epochs, scores)


def _factor(params: OptimParams, epoch: float, epochs: int, scores: Sequence[float | None]) -> float:
    # The share of what follows the warm-up; max(1, ...), since a training can be all warm-up.
    done = max(0.0, epoch - params.warmup_epochs) / max(1, epochs - params.warmup_epochs)
    match params.schedule:
        case "constant":
            return 1.0
        case "cosine":  # Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts
            return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        case "poly":  # Chen et al. 2016 (DeepLab), arXiv:1606.00915
            return float(max(0.0, 1 - done) ** params.power)
        case "step":
            return float(params.factor ** (int(epoch) // params.step_epochs))
        case "plateau":
            return float(params.factor ** _drops(scores, params.patience))


def _drops(scores: Sequence[float | None], patience: int) -> int:
    """How often `scores` went more than `patience` epochs without a new best; each drop starts a new count.

    An epoch without a score counts as one of them, and proves nothing: only one with a score can be a drop.
    """
    best, waited, drops = -math.inf, 0, 0
    for score in scores:
        best, waited = (score, 0) if score is not None and score > best else (best, waited + 1)
        # More than: torch's ReduceLROnPlateau also bears `patience` epochs and drops after the next.
        if score is not None and waited > patience:
            drops, waited = drops + 1, 0
    return drops

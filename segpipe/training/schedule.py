"""The learning rate as a pure function of how far training is: a resume needs no scheduler's state."""

import math
from collections.abc import Sequence

from segpipe.params.schema import OptimParams


def rate(params: OptimParams, epoch: float, epochs: int, gains: Sequence[float]) -> float:
    """The learning rate at `epoch` (a fraction inside an epoch) of `epochs`.

    Grows linearly over `warmup_epochs`, then follows the schedule. `gains` holds the monitored value of each past
    epoch, larger being better; only `plateau` reads it.
    """
    warmup = min(1.0, epoch / params.warmup_epochs) if params.warmup_epochs else 1.0
    return params.lr * warmup * _factor(params, epoch, epochs, gains)


def _factor(params: OptimParams, epoch: float, epochs: int, gains: Sequence[float]) -> float:
    done = max(0.0, epoch - params.warmup_epochs) / max(1, epochs - params.warmup_epochs)
    match params.schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        case "poly":
            return float(max(0.0, 1 - done) ** params.power)
        case "step":
            return float(params.factor ** (int(epoch) // params.step_epochs))
        case "plateau":
            return float(params.factor ** _drops(gains, params.patience))


def _drops(gains: Sequence[float], patience: int) -> int:
    """How often `gains` went more than `patience` epochs without a new best; each drop starts a new count."""
    best, waited, drops = -math.inf, 0, 0
    for gain in gains:
        best, waited = (gain, 0) if gain > best else (best, waited + 1)
        if waited > patience:
            drops, waited = drops + 1, 0
    return drops

"""Dice and cross entropy in one, weighted by loss.dice_weight: the everyday choice. For two classes it is dice_bce."""

from segpipe.losses import cross_entropy, dice
from segpipe.losses.table import Classes, Loss, Mixture
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """dice_weight of Dice, and the rest of cross entropy."""
    share = params.dice_weight
    return Mixture(
        {
            "dice": (share, dice.from_params(params, classes)),
            "cross_entropy": (1 - share, cross_entropy.from_params(params, classes)),
        }
    )

"""Dice and binary cross entropy in one, weighted by loss.dice_weight; with many classes, each against the rest."""

from segpipe.losses import bce, dice
from segpipe.losses.table import Classes, Loss, Mixture
from segpipe.params.schema import LossParams


def from_params(params: LossParams, classes: Classes) -> Loss:
    """dice_weight of Dice, and the rest of binary cross entropy."""
    share = params.dice_weight
    return Mixture({"dice": (share, dice.from_params(params, classes)), "bce": (1 - share, bce.from_params(params, classes))})

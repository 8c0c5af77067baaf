"""Dice and the pixel loss in one, weighted by loss.dice_weight: the everyday choice."""

from functools import partial

from torch import Tensor

from segpipe.losses.cross_entropy import cross_entropy
from segpipe.losses.dice import dice
from segpipe.losses.table import Loss
from segpipe.params import LossParams


def from_params(params: LossParams, has_background: bool) -> Loss:
    """The weighted sum with the share that `params` names."""
    return partial(dice_pixel, dice_weight=params.dice_weight, has_background=has_background)


def dice_pixel(logits: Tensor, target: Tensor, dice_weight: float, has_background: bool) -> Tensor:
    """dice_weight * Dice + (1 - dice_weight) * pixel loss, (N,); the pixel loss is BCE for two classes."""
    return dice_weight * dice(logits, target, has_background) + (1 - dice_weight) * cross_entropy(logits, target)

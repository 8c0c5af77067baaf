"""loss.name to the function that trains with it. Each returns one value an image, so batches may be cut anywhere."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from segpipe.losses.cross_entropy import binary_cross_entropy, cross_entropy
from segpipe.losses.dice import dice
from segpipe.params import LossParams

Loss = Callable[[Tensor, Tensor], Tensor]
"""(N, K, H, W) logits and (N, H, W) class ids, 255 ignored, to (N,)."""

LOSSES: dict[str, Callable[[LossParams, bool], Loss]] = {
    "dice_pixel": lambda params, has_background: partial(
        dice_pixel, dice_weight=params.dice_weight, has_background=has_background
    ),
    "cross_entropy": lambda params, has_background: cross_entropy,
    "bce": lambda params, has_background: binary_cross_entropy,
    "dice": lambda params, has_background: partial(dice, has_background=has_background),
}


def build(params: LossParams, has_background: bool) -> Loss:
    """The loss that `params.name` names."""
    return LOSSES[params.name](params, has_background)


def dice_pixel(logits: Tensor, target: Tensor, dice_weight: float, has_background: bool) -> Tensor:
    """dice_weight * Dice + (1 - dice_weight) * pixel loss, (N,); the pixel loss is BCE for two classes."""
    return dice_weight * dice(logits, target, has_background) + (1 - dice_weight) * cross_entropy(logits, target)

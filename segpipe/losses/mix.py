"""Any of the losses together, each with the weight that loss.mix gives it; a weight of 0 leaves it out."""

from segpipe.losses import bce, cross_entropy, dice, dice_pooled, focal, focal_tversky, iou, lovasz, tversky
from segpipe.losses.table import Classes, Loss, Mixture
from segpipe.params.schema import LossParams

PARTS = {
    "cross_entropy": cross_entropy.from_params,
    "bce": bce.from_params,
    "focal": focal.from_params,
    "dice": dice.from_params,
    "dice_pooled": dice_pooled.from_params,
    "iou": iou.from_params,
    "tversky": tversky.from_params,
    "focal_tversky": focal_tversky.from_params,
    "lovasz": lovasz.from_params,
}


def from_params(params: LossParams, classes: Classes) -> Loss:
    """The weighted sum."""
    weights = params.mix.model_dump()
    return Mixture({name: (weights[name], make(params, classes)) for name, make in PARTS.items() if weights[name]})

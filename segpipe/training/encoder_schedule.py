"""What changes in a network as its training goes on: an encoder that is let go, DropBlock that drops more and more.

All of it is a function of how far the training is, so that a resume needs no state of it.
"""

from collections.abc import Callable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # above BatchNorm1d, 2d and 3d; it has no public name

from segpipe.models.layers.drop_block import DropBlock
from segpipe.params.schema import OptimParams
from segpipe.training.loop import Record

KEEP = "keep"


def at_epoch(network: nn.Module, encoder: nn.Module | None, params: OptimParams, epochs: int) -> Callable[[float], None]:
    """A function of the epoch, a fraction inside one, that sets the network up for the batch to come.

    While the encoder is frozen its weights get no gradient and its layers are in evaluation mode, and so statistics and
    dropout rest too. With `keep` its batch normalisation stays in evaluation mode afterwards: it normalises by the
    statistics it came with, and its scale and shift learn. A weight that could not learn before never does.
    """
    drops = [module for module in network.modules() if isinstance(module, DropBlock)]
    norms = _norms(encoder) if encoder and params.encoder_statistics == KEEP else []
    weights = [weight for weight in encoder.parameters() if weight.requires_grad] if encoder else []

    def prepare(epoch: float) -> None:
        for drop in drops:
            drop.progress = epoch / epochs
        learns = lr_scale(params, epoch) > 0
        if encoder:
            encoder.train(learns)
        for weight in weights:
            weight.requires_grad_(learns)
        # After encoder.train(), and at each batch: `loop.train_epoch` brings the whole model into training mode.
        for norm in norms:
            norm.eval()

    return prepare


def lr_scale(params: OptimParams, epoch: float) -> float:
    """What the encoder's learning rate is of that of the rest, at an epoch or a fraction inside one; 0 while it is frozen."""
    return 0.0 if epoch < params.encoder_frozen else params.encoder_rate


def encoder_lr(record: Record, params: OptimParams) -> Record:
    """`lr_encoder`, as `lr` is at the end of the record's epoch; nothing where it never is another than `lr`."""
    if params.encoder_rate == 1 and not params.encoder_frozen:
        return {}
    return {"lr_encoder": record["lr"] * lr_scale(params, record["epoch"])}


def describe(encoder: nn.Module | None, params: OptimParams, epochs: int) -> str:
    """In words, what of the encoder learns and from when on; nothing where it learns as the rest does."""
    if encoder is None or not params.encoder_rate:
        return "encoder: frozen to the end, weights and statistics stay as they came" if encoder else ""
    parts = []
    if params.encoder_frozen:
        parts.append(f"frozen for {params.encoder_frozen} of {epochs} epochs")
    if params.encoder_rate != 1:
        parts.append(f"learns at {params.encoder_rate:g} of the rate")
    if params.encoder_statistics == KEEP:
        kept = "its batch normalisation keeps the statistics it came with"
        parts.append(kept if _norms(encoder) else "it has no batch normalisation, so encoder_statistics changes nothing")
    return f"encoder: {', '.join(parts)}" if parts else ""


def _norms(encoder: nn.Module) -> list[_BatchNorm]:
    return [module for module in encoder.modules() if isinstance(module, _BatchNorm)]

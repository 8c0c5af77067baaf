"""What changes in a network as its training goes on: an encoder that is let go, DropBlock that drops more and more.

All of it is a function of how far the training is, so that a resume needs no state of it.
"""

from collections.abc import Callable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from segpipe.models.drop_block import DropBlock
from segpipe.params import OptimParams


def entering(network: nn.Module, encoder: nn.Module | None, params: OptimParams, epochs: int) -> Callable[[float], None]:
    """A function of the epoch, a fraction inside one, that sets the network up for the batch to come.

    While the encoder is frozen its weights get no gradient and its layers are in evaluation mode, and so statistics and
    dropout rest too. With `encoder_rate` 0 it is frozen from the first batch to the last.
    """
    drops = [module for module in network.modules() if isinstance(module, DropBlock)]
    norms = [module for module in encoder.modules() if isinstance(module, _BatchNorm)] if encoder else []
    frozen_epochs = params.encoder_frozen if params.encoder_rate else epochs

    def enter(epoch: float) -> None:
        for drop in drops:
            drop.progress = epoch / epochs
        frozen = epoch < frozen_epochs
        if encoder:
            encoder.train(not frozen)
            encoder.requires_grad_(not frozen)
        if params.encoder_statistics == "keep":
            for norm in norms:
                norm.eval()

    return enter

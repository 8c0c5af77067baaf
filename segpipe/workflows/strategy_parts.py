"""What a way of training is given beside the run of a single process, to make its own run of it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from segpipe.dataset.loader import EpochBatches
from segpipe.dataset.poisson_batches import PoissonBatches
from segpipe.dataset.site_batches import SiteBatches
from segpipe.models.segmenter import Segmenter
from segpipe.training import loop
from segpipe.training.precision import Scaler

Order = EpochBatches | SiteBatches | PoissonBatches
"""Which images come when."""


@dataclass(frozen=True)
class Parts:
    """The network that learns and its encoder, where it has one that starts from weights; `kept`, which is validated: the network
    itself, or a copy where the way of training asks for one; `batches` makes those of an order.
    """

    network: Segmenter
    encoder: nn.Module | None
    kept: Segmenter
    scaler: Scaler
    batches: Callable[[Order], loop.Batches]

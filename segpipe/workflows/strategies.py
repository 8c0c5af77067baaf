"""train.strategy by name: how a training that was put together for one process becomes another way of training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from segpipe.dataset.loader import EpochBatches
from segpipe.dataset.site_batches import SiteBatches
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows import federated_training, private_training
from segpipe.workflows.epoch_order import epoch_order
from segpipe.workflows.strategy_parts import Parts
from segpipe.workflows.training_data import TrainingData


@dataclass(frozen=True)
class Strategy:
    """How the run of a single process, and what is said of it, becomes that of another way of training."""

    resolve: Callable[[TrainKeys], TrainKeys] = lambda params: params
    """The parameters that count."""

    order: Callable[[TrainKeys, TrainingData], EpochBatches | SiteBatches] = epoch_order
    """Which images come when, where that can be told again."""

    keeps_copy: bool = False
    """Whether other weights are validated and kept than those that learn."""

    prepare: Callable[[loop.Run, TrainKeys, TrainingData, Parts], loop.Run] = lambda run, params, data, parts: run
    """The run with other parts."""

    validated_apart: Callable[[TrainKeys, TrainingData], Sequence[Sequence[str]]] = lambda params, data: ()
    """The validation images that have scores of their own, too."""

    record: Callable[[TrainKeys, TrainingData], dict[str, Any]] = lambda params, data: {}
    """Entries of the model's card."""


STRATEGIES = {
    "single": Strategy(),
    "private": Strategy(resolve=private_training.resolve, prepare=private_training.prepare, record=private_training.record),
    "federated": Strategy(
        order=federated_training.order,
        keeps_copy=True,
        prepare=federated_training.prepare,
        validated_apart=federated_training.validated_apart,
        record=federated_training.record,
    ),
}

"""train.strategy by name: how a training that was put together for one process becomes another way of training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from segpipe.dataset.poisson_batches import PoissonBatches
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows import private_training
from segpipe.workflows.training_data import TrainingData

Prepare = Callable[
    [loop.Run, TrainKeys, TrainingData, nn.Module, nn.Module | None, Callable[[PoissonBatches], loop.Batches]], loop.Run
]
"""From the run of a single process, the network that learns, its encoder, and what makes the batches of a sampler."""


@dataclass(frozen=True)
class Strategy:
    """`resolve` gives the parameters that count, `prepare` the run with other parts, `record` entries of the model's card."""

    resolve: Callable[[TrainKeys], TrainKeys]
    prepare: Prepare
    record: Callable[[TrainKeys, TrainingData], dict[str, Any]]


STRATEGIES = {
    "single": Strategy(lambda params: params, lambda run, *_: run, lambda params, data: {}),
    "private": Strategy(private_training.resolve, private_training.prepare, private_training.record),
}

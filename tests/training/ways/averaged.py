"""Averaged weights (Polyak and Juditsky 1992): an exponential moving average over the steps is scored, kept and written."""

import copy
from dataclasses import replace

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from segpipe.training.loop import Record, Run


class Averaged(nn.Module):
    """The network that learns and the average of its weights: the state dict holds both, and so does a saved state."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = network
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image)
        return logits


def prepare(run: Run, decay: float) -> Run:
    """The run that trains as before, and keeps and scores the average, of which each step leaves the share `decay`."""
    both = Averaged(run.model, decay)
    weights = both.average.module.state_dict
    # Of steps and not of batches, which make none where nothing counts or gradients are accumulated.
    run.optimizer.register_step_post_hook(lambda *_: both.average.update_parameters(both.network))

    def validate() -> Record:
        # What validates knows the network alone, so the average visits it.
        learned = copy.deepcopy(both.network.state_dict())
        both.network.load_state_dict(weights())
        record = run.validate()
        both.network.load_state_dict(learned)
        return record

    return replace(run, model=both, weights=weights, validate=validate)

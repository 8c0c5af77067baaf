"""Averaged weights (Polyak and Juditsky 1992): an exponential moving average over the steps is validated, kept and written."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from segpipe.training.loop import Record, Run


class Averaged(nn.Module):
    """The network that learns, the average of its weights, and of how many steps that is.

    The state dict holds all three, and so does a saved state.
    """

    steps: Tensor

    def __init__(self, network: nn.Module, average: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = network
        self.average = average.requires_grad_(False)
        self.decay = decay
        # On the CPU wherever the network is, since a GPU would be waited for at each step to read it.
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64, device="cpu"))

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image)
        return logits

    @torch.no_grad()
    def update(self) -> None:
        """Takes the network's weights and statistics after a step into the average; its counters are the network's own."""
        steps = int(self.steps)
        # Less at first, or the average of a short training would be mostly the weights that it began with.
        decay = min(self.decay, (1 + steps) / (10 + steps))
        pairs = [*zip(_state(self.average), _state(self.network), strict=True)]
        averaged = [(mean, value) for mean, value in pairs if mean.is_floating_point()]
        # mean + (1 - decay) * (value - mean): what never changes, as a frozen encoder, stays the same to the last bit.
        get_ema_multi_avg_fn(decay)([mean for mean, _ in averaged], [value for _, value in averaged], steps)
        for mean, value in pairs:
            if not mean.is_floating_point():
                mean.copy_(value)
        self.steps += 1


def prepare(run: Run, average: nn.Module, decay: float) -> Run:
    """The run that learns as before, and keeps the average, of which each step leaves the share `decay`.

    `average` is a copy of the run's model, which `run.validate` predicts with; from here on it is the average.
    """
    both = Averaged(run.model, average, decay)
    # Of steps and not of batches: none follows where no image counts, where gradients are accumulated, and where fp16's scaler
    # leaves out one whose gradient is not finite.
    run.optimizer.register_step_post_hook(lambda *_: both.update())

    def validate(trained: Run, record: Record) -> Record:
        # All of the model is in evaluation mode then, as a plain one is: what watches its layers goes by that.
        both.eval()
        return run.validate(trained, record)

    return replace(run, model=both, weights=average.state_dict, validate=validate)


def _state(module: nn.Module) -> list[Tensor]:
    """Weights and buffers, those that no state dict holds among them."""
    return [*module.parameters(), *module.buffers()]

"""Batch normalisation inside a recurrence (Cooijmans et al. 2017, arXiv:1603.09025, section 3).

The scale and the shift are weights, and shared over the steps like all others. Mean and variance are not: a map at step 0
has another distribution than one at step 2. One average over all steps would describe none of them, and the network would
predict something else than it learned. So each step has running statistics of its own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RecurrentBatchNorm(nn.BatchNorm2d):
    """Normalises (N, C, H, W) as BatchNorm2d does, by the statistics of the step it is told; they lie in rows, (steps, C)."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__(channels)
        # They stay buffers, since nn.Module puts a tensor that is assigned to a buffer's name in its place.
        self.running_mean = torch.zeros(steps, channels)
        self.running_var = torch.ones(steps, channels)

    def forward(self, input: Tensor, step: int = 0) -> Tensor:
        # Once a batch, and not once a step.
        if self.training and step == 0:
            self.num_batches_tracked.add_(1)
        # Rows as views, which batch_norm updates in place.
        mean, variance = self.running_mean[step], self.running_var[step]
        assert self.momentum is not None
        return F.batch_norm(input, mean, variance, self.weight, self.bias, self.training, self.momentum, self.eps)

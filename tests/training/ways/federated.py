"""Federated averaging (McMahan et al. 2017, arXiv:1602.05629): clients train from the same weights, and their mean comes next."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from segpipe.training import loop
from segpipe.training.loop import Run

Weights = dict[str, Tensor]
Clients = Sequence[tuple[Run, int]]
"""Each client's run, and how many images it has."""


def prepare(run: Run, weights: Weights) -> Run:
    """A client's run, which trains its next epoch and no other, from these weights, with an optimizer that has seen nothing."""
    run.model.load_state_dict(weights)
    run.optimizer.state.clear()
    return replace(run, epochs=run.progress.epoch + 1)


def train_round(clients: Clients, weights: Weights) -> Weights:
    """The weights after each client trained an epoch on images that nobody else saw."""
    for run, _ in clients:
        loop.fit(prepare(run, weights))
    return average([(run.weights(), images) for run, images in clients])


def average(trained: Sequence[tuple[Weights, int]]) -> Weights:
    """The mean of the weights, a client counting as often as it has images."""
    shares = torch.tensor([images for _, images in trained], dtype=torch.float64)
    found = {}
    for name, like in trained[0][0].items():
        values = torch.stack([weights[name].double() for weights, _ in trained])
        found[name] = (torch.tensordot(shares, values, dims=1) / shares.sum()).to(like.dtype)
    return found

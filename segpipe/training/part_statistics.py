"""Batch normalisation's running statistics of a batch in parts: they see the parts in their order, whoever computes them.

A forward pass in training mode does not read running statistics. So each part's own are taken out of the network, and all are
put into the running ones once the batch is done: by the same arithmetic in a process that computed all parts and in one that
was sent those of others.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # above BatchNorm1d, 2d and 3d; it has no public name


def learning_norms(network: nn.Module) -> list[_BatchNorm]:
    """The network's batch normalisations whose running statistics change in a forward pass as it is now."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and module.training and _running(module)]


@contextmanager
def observed(norms: Sequence[_BatchNorm]) -> Iterator[list[Tensor]]:
    """Fills the list with the statistics of the one forward pass inside, mean and variance of each; the running ones stay.

    The backward pass belongs inside, too: it asks whether the running ones were changed since.
    """
    before = [(norm, norm.momentum, [buffer.clone() for buffer in _buffers(norm)]) for norm in norms]
    found: list[Tensor] = []
    for norm in norms:
        # 1 * what is seen + 0 * what was there.
        norm.momentum = 1.0
    try:
        yield found
    finally:
        found += [tensor.clone() for norm in norms for tensor in _running(norm)]
        for norm, momentum, buffers in before:
            norm.momentum = momentum
            for buffer, value in zip(_buffers(norm), buffers, strict=True):
                buffer.copy_(value)


@torch.no_grad()
def apply(norms: Sequence[_BatchNorm], of_parts: Sequence[Sequence[Tensor]]) -> None:
    """Moves the running statistics towards those of each part, in their order, as forward passes would have."""
    running = [(tensor, norm.momentum) for norm in norms for tensor in _running(norm)]
    for seen in of_parts:
        for (tensor, momentum), value in zip(running, seen, strict=True):
            assert momentum is not None, "no architecture of ours has a cumulative average"
            tensor.lerp_(value, momentum)
        for norm in norms:
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked += 1


def _running(norm: _BatchNorm) -> list[Tensor]:
    return [tensor for tensor in (norm.running_mean, norm.running_var) if tensor is not None]


def _buffers(norm: _BatchNorm) -> list[Tensor]:
    return [*_running(norm), *([norm.num_batches_tracked] if norm.num_batches_tracked is not None else [])]

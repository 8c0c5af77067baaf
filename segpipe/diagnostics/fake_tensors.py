"""A network without numbers: it knows shapes only, so running it takes no memory to speak of, and hardly any time.

Made of torch's fake tensors, which go through the same operations as real ones, autograd and autocast among them.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Inside, every tensor that is made is a fake one: a shape, a type, a device and a memory format."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def fake_copy(network: Network) -> Network:
    """A copy whose weights and buffers are new tensors; to be called inside `shapes_only`. The network stays as it is."""
    twins: dict[int, Tensor] = {id(buffer): torch.empty_like(buffer) for buffer in network.buffers()}
    for weight in network.parameters():
        twins[id(weight)] = nn.Parameter(torch.empty_like(weight), weight.requires_grad)
    # What stands in the memo is taken as the copy.
    return copy.deepcopy(network, twins)

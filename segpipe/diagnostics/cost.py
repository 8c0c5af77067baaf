"""What one image costs a network: its multiply-adds, counted, and its time, measured."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segpipe.diagnostics.fake_tensors import fake_copy, shapes_only

ROUNDS = 5
"""Forward passes that are timed, after one that is not."""


def n_parameters(network: nn.Module) -> int:
    """All numbers that can be learnt, frozen ones too."""
    return sum(weight.numel() for weight in network.parameters())


def multiply_adds(network: nn.Module, size: tuple[int, int, int]) -> int:
    """Multiply-adds of a forward pass in evaluation over one image of `size` (C, H, W), those of the padding included.

    Counted by torch.utils.flop_counter, which counts a multiply-add as two: those of convolutions, matrix products and
    attention. Normalisation, activation and resizing are not among them.
    """
    with shapes_only(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        fake_copy(network).eval()(torch.empty(1, *size))
    return int(counter.get_total_flops()) // 2


def forward_seconds(network: nn.Module, size: tuple[int, int, int], device: torch.device) -> float:
    """The median time of a forward pass over one image of `size` (C, H, W) on `device`, where the network lies."""
    image = torch.rand(1, *size, device=device).contiguous(memory_format=torch.channels_last)
    network.eval()
    with torch.inference_mode():
        return statistics.median([_seconds(lambda: network(image), device) for _ in range(ROUNDS + 1)][1:])


def _seconds(run: Callable[[], Tensor], device: torch.device) -> float:
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start

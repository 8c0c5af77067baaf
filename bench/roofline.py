"""What a device can do at most, and what a piece of work asks of it: the two sides of a roofline."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

ROUNDS, REPEATS = 5, 10
MATMUL = {"cuda": 8192, "cpu": 1024}
"""Rows and columns of the matrices that are multiplied: enough to fill the device."""
COPY_BYTES = {"cuda": 4 * 2**30, "cpu": 2**28}
"""More than any cache holds."""
KINDS = ("bf16", "tf32", "fp32")
UNWRITTEN = ("aten::empty", "aten::new_empty")
"""Make memory and leave it as it is."""


@dataclass(frozen=True)
class Peak:
    """FLOP/s of a large matrix product in each of KINDS, and bytes/s of a large copy (read and written)."""

    flops: dict[str, float]
    bandwidth: float


@dataclass(frozen=True)
class Work:
    """FLOPs (2 a multiply-add) of matrix products and convolutions, and the bytes that all operations read and write.

    Each operation counts its inputs and outputs once, whether a cache holds them or not: an upper bound for what memory moves.
    """

    flops: float
    bytes: float

    def seconds(self, peak: Peak, kind: str) -> tuple[float, float]:
        """The least time that arithmetic takes, and that memory takes."""
        return self.flops / peak.flops[kind], self.bytes / peak.bandwidth


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the device has done the work."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def measure_peak(device: torch.device) -> Peak:
    """The best of some rounds; random numbers, since a GPU multiplies zeros faster. A CPU has no TF32: there it is fp32."""
    side = MATMUL[device.type]

    def product(kind: str) -> float:
        dtype = torch.bfloat16 if kind == "bf16" else torch.float32
        one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        with tf32_products(kind == "tf32"):
            return 2 * side**3 * REPEATS / _fastest(lambda: torch.mm(one, other), device)

    flops = {kind: product(kind) for kind in KINDS}
    source = torch.ones(COPY_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Peak(flops, 2 * source.nbytes * REPEATS / _fastest(lambda: target.copy_(source), device))


def _fastest(once: Callable[[], object], device: torch.device) -> float:
    """Seconds of REPEATS calls."""
    once()
    return min(timed(lambda: [once() for _ in range(REPEATS)], device) for _ in range(ROUNDS))


@contextmanager
def tf32_products(allowed: bool) -> Iterator[None]:
    """Whether matrix products may round fp32 to TF32, which torch forbids and allows convolutions."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def count(work: Callable[[], object]) -> Work:
    """Counts one call of what is not compiled."""
    # Torch's own count of a convolution's gradients takes no notice of groups: a depthwise one's would be its channels too many.
    backward: dict[Any, Any] = {torch.ops.aten.convolution_backward: _convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=backward) as flops, _Traffic() as traffic:
        work()
    return Work(flops.get_total_flops(), traffic.bytes)


def _convolution_backward(grad: Any, features: Any, weight: Any, *rest: Any, out_shape: Any = None) -> int:
    """FLOPs by the shapes of what goes in: each gradient that is asked for takes as many as the convolution."""
    *_, transposed, _padding, _groups, asked = rest
    positions = math.prod((features if transposed else grad)[2:])
    return 2 * features[0] * positions * math.prod(weight) * sum(asked[:2])


class _Traffic(TorchDispatchMode):
    """Adds up the bytes that operations read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view and not func.name().startswith(UNWRITTEN):
            self.bytes += sum(_bytes(each) for each in tree_leaves((args, kwargs, result)) if isinstance(each, Tensor))
        return result


def _bytes(tensor: Tensor) -> int:
    """An expanded tensor has fewer in memory than elements say."""
    return min(tensor.nbytes, tensor.untyped_storage().nbytes())

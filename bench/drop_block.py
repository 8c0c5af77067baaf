"""DropBlock beside torchvision's, forward and backward, in one process: how often as fast, and how much each drops.

Run in the repository: python bench/drop_block.py. Each ratio is of two medians of alternating rounds on one thread, at the
largest and the smallest map of an SA-UNet of width 16 and depth 3 on 8 images of 128 x 128.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torchvision.ops import drop_block2d

from segpipe.models.layers.drop_block import drop_block

ROUNDS = 15
RATE, SIZE = 0.18, 7


def main() -> None:
    torch.set_num_threads(1)
    ours, theirs = partial(drop_block, rate=RATE, size=SIZE), partial(drop_block2d, p=RATE, block_size=SIZE)
    for shape in [(8, 16, 128, 128), (8, 128, 16, 16)]:
        features = torch.rand(shape).contiguous(memory_format=torch.channels_last).requires_grad_()
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS + 1):
            for drop, found in zip((ours, theirs), times, strict=True):
                found.append(seconds(drop, features))
        ratio = statistics.median(times[1][1:]) / statistics.median(times[0][1:])
        shares = [float((drop(torch.ones(shape)) == 0).float().mean()) for drop in (ours, theirs)]
        print(f"{shape}: torchvision's time / ours {ratio:.1f}; of {RATE} dropped: ours {shares[0]:.3f}, theirs {shares[1]:.3f}")


def seconds(drop: Callable[[Tensor], Tensor], features: Tensor) -> float:
    start = time.perf_counter()
    drop(features).sum().backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

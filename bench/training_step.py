"""What five settings are worth: channels-last memory, threads that spin a little before they sleep, bf16 with depthwise
convolutions in float32, the gradients of depthwise weights some columns at a time, and torch.compile.

Run in the repository: python bench/training_step.py. Each ratio is of one run's two medians: for the memory of a U-Net of width
16, else of the model that `segpipe init` chooses, with two threads. The threads are measured alone and in two processes at once,
for which two cores are too few. torch.compile needs a C++ compiler; its line also says after how many steps the time that it
takes itself is saved.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping

from segpipe.console.command import ENVIRONMENT

ROUNDS = 9
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Threads that never spin."""


def main() -> None:
    plain, last = step_seconds("plain"), step_seconds("channels_last")
    print(f"plain memory / channels last: {plain / last:.2f}")
    for name, at_once in (("alone", 1), ("two at once", 2)):
        ours, sleeping, usual = (step_seconds("fp32", at_once, waiting) for waiting in (ENVIRONMENT, SLEEPING, {}))
        print(f"threads as segpipe sets them, {name}: sleeping / ours {sleeping / ours:.2f}; libgomp's / ours {usual / ours:.2f}")
    fp32, plain, kept = (step_seconds(kind) for kind in ("fp32", "bf16", "bf16_depthwise_fp32"))
    print(f"Laplacian FPN, fp32 / bf16: {fp32 / plain:.2f}; fp32 / bf16 but for depthwise convolutions: {fp32 / kept:.2f}")
    whole, columns = step_seconds("bf16_depthwise_fp32_whole"), step_seconds("fp32_depthwise")
    print(f"gradients of depthwise weights, whole / in columns: fp32 {fp32 / columns:.2f}; bf16 {whole / kept:.2f}")
    for precision, eager in (("fp32", fp32), ("bf16_depthwise_fp32", kept)):
        start = time.perf_counter()
        compiled = step_seconds(f"{precision}_compiled")
        price = time.perf_counter() - start - (ROUNDS + 1) * compiled
        steps = f"{price / (eager - compiled):.0f}" if compiled < eager else "no number of"
        print(f"torch.compile, {precision}: eager / compiled {eager / compiled:.2f}; {steps} steps give its time back")


def step_seconds(kind: str, at_once: int = 1, waiting: Mapping[str, str] = ENVIRONMENT) -> float:
    """Median seconds of a forward and backward pass, in processes of their own: how threads wait is read at their start."""
    kept = {name: value for name, value in os.environ.items() if name not in SLEEPING}
    command = [sys.executable, __file__, kind]
    started = [subprocess.Popen(command, env=kept | waiting, stdout=subprocess.PIPE, text=True) for _ in range(at_once)]
    outputs = [process.communicate()[0] for process in started]
    return statistics.mean(float(output) for output in outputs)


def measure(kind: str) -> float:
    return measure_memory(kind) if kind in ("plain", "channels_last") else measure_precision(kind)


def measure_precision(kind: str) -> float:
    import torch

    from segpipe.models.laplacian_fpn import LaplacianFPN
    from segpipe.models.layers import depthwise
    from segpipe.models.layers.lite_encoder import LiteEncoder
    from segpipe.models.layers.style import Style, widths

    torch.set_num_threads(2)
    encoder, style = LiteEncoder("tu-efficientnet_lite0", 3), Style("relu", "batch", 0.2, "transposed")
    network: torch.nn.Module = LaplacianFPN(encoder, 3, 11, widths(16, 3), style).to(memory_format=torch.channels_last)
    if "depthwise" in kind:
        depthwise.use_in(network)
    if "whole" in kind:
        depthwise.COLUMNS = 9
    if "compiled" in kind:
        network.compile()
    image = torch.rand(8, 3, 192, 192).contiguous(memory_format=torch.channels_last)
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in kind):
            logits = network(image)
        logits.float().sum().backward()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def measure_memory(memory: str) -> float:
    import torch

    from segpipe.models.layers.style import Style, widths
    from segpipe.models.unet import unet

    torch.set_num_threads(2)
    layout = torch.channels_last if memory == "channels_last" else torch.contiguous_format
    network = unet(3, 5, widths(16, 5), Style("relu", "batch", 0.0, "transposed")).to(memory_format=layout)
    image = torch.rand(8, 3, 128, 128).contiguous(memory_format=layout)
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        network(image).sum().backward()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    print(measure(sys.argv[1])) if len(sys.argv) > 1 else main()

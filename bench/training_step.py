"""What two settings are worth: channels-last memory, and threads that sleep while they wait, beside other work.

Run in the repository: python bench/training_step.py. Each ratio is of one run's two medians, on a U-Net of width 16.
"""

import os
import statistics
import subprocess
import sys
import time

ROUNDS = 5


def main() -> None:
    plain, last = step_seconds("plain"), step_seconds("channels_last")
    print(f"plain memory / channels last: {plain / last:.2f}")
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        active, passive = (step_seconds("channels_last", policy) for policy in ("ACTIVE", "PASSIVE"))
    finally:
        for process in busy:
            process.kill()
    print(f"spinning threads / sleeping ones, beside two busy processes: {active / passive:.2f}")


def step_seconds(memory: str, policy: str = "PASSIVE") -> float:
    """Median seconds of a forward and backward pass, in a process of its own: the policy is read at its start."""
    command = [sys.executable, __file__, memory]
    result = subprocess.run(command, env=os.environ | {"OMP_WAIT_POLICY": policy}, capture_output=True, text=True, check=True)
    return float(result.stdout)


def measure(memory: str) -> float:
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

"""The memory that `segpipe models` computes for a training step, beside what a process really takes for it.

Run in the repository: python bench/memory.py [NAME ...]. Each line is of one process that trains two batches: the peak of
its resident memory less what it held before, as it comes, and with MALLOC_MMAP_THRESHOLD_ set, so that glibc keeps nothing
that is freed. Linux only (/proc).
"""

import os
import subprocess
import sys

NAMES = ("unet", "unetpp", "r2unet", "sa_unet", "resnet_unet", "smp")
BATCHES = (4, 8)
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def main(names: list[str]) -> None:
    print("model          images  computed, MiB  taken / computed  taken / computed, given back  before, MiB")
    for name in names or NAMES:
        for batch_size in BATCHES:
            computed, taken, before = in_a_process(name, batch_size, {})
            _, given_back, _ = in_a_process(name, batch_size, GIVES_BACK)
            ratios = f"{taken / computed:>16.2f}  {given_back / computed:>28.2f}"
            print(f"{name:<14} {batch_size:>6}  {computed / 2**20:>13.0f}  {ratios}  {before / 2**20:>11.0f}", flush=True)


def in_a_process(name: str, batch_size: int, settings: dict[str, str]) -> tuple[int, int, int]:
    command = [sys.executable, __file__, "--one", name, str(batch_size)]
    result = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)
    computed, taken, before = map(int, result.stdout.split())
    return computed, taken, before


def one(name: str, batch_size: int) -> None:
    """Prints the bytes that are computed, those taken, and those held before."""
    import torch

    from segpipe.diagnostics import architecture_costs, memory
    from segpipe.diagnostics.dry_run import dry_run
    from segpipe.params.load import load_params
    from segpipe.training import device
    from segpipe.workflows import model_costs

    params = load_params()
    device.configure_determinism(params.threads, params.train.deterministic)
    setting, _ = model_costs.training_shape(params)
    segmenter = architecture_costs.build(architecture_costs.with_name(params.model, name), setting, params.input.normalise)
    computed = memory.computed(segmenter, setting).peak(batch_size)
    # Once on a small image: what torch loads and keeps at its first step is no part of a step.
    small = architecture_costs.build(architecture_costs.with_name(params.model, "simple_unet"), setting, params.input.normalise)
    dry_run(small, setting, 1, torch.device("cpu"))
    before = status("VmRSS")
    with open("/proc/self/clear_refs", "w") as reset:  # noqa: PTH123
        reset.write("5")
    weights = sum(each.nbytes for each in segmenter.state_dict().values())
    dry_run(segmenter, setting, batch_size, torch.device("cpu"))
    print(computed, status("VmHWM") - before + weights, before)


def status(key: str) -> int:
    with open("/proc/self/status") as lines:  # noqa: PTH123
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


if __name__ == "__main__":
    one(sys.argv[2], int(sys.argv[3])) if sys.argv[1:2] == ["--one"] else main(sys.argv[1:])

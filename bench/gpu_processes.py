"""What fp16, several processes and privacy make of a training on a GPU: speed, and whether the same bytes come again.

Run in the repository; one command, some minutes, on a machine with one GPU or more that need not reach anything:
python bench/gpu_processes.py FOLDER_OF_CAMVID --out gpu_processes.json

A project is made of the folder as bench/gpu.py makes it. Each training is short and has processes of its own; its hash is that of
the best weights and of every number of its history. The parts, in this order (`--parts` picks some):

    precisions  fp32, bf16 and fp16: speed, memory, the same training again, and one that was stopped in the middle of its second
                epoch and goes on in a new process
    processes   two processes beside one, in each precision; and one that was stopped in two and goes on in one
    ddp         a step in one process, in two to the bytes of one, and in two under DistributedDataParallel
    private     train.strategy private with noise that repeats itself, twice: gradients of single images, deterministic

Where there is one GPU, two processes share it and speak by gloo, through the memory of the host: that tells of bytes, and nothing
of speed. Each part is printed, and written to `--out`, as soon as it is there; what fails is a line in it. The status is 1 where
something failed or ended in other bytes. `--device cpu` tries it where there is no GPU, without fp16: `--images 12 --crop 64
--batch 4 --epochs 2` and a folder of few images take some minutes there.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpu  # puts the repository on the path

PRECISIONS = ("fp32", "bf16", "fp16")
SAME, OTHER = "same", "OTHER BYTES"
PRIVATE = {
    "train.strategy": "private",
    "train.precision": "fp32",
    "augment.preset": "plain",
    "loss.class_weights": "none",
    "dp.noise_multiplier": 1.0,
    "dp.target_epsilon": 0.0,
    "dp.target_delta": 1e-6,
    "dp.test_seed": 1,
}
Row = dict[str, Any]
Values = dict[str, Any]


def main() -> None:
    options = parsed()
    if lacking := gpu.missing_packages():
        sys.exit(gpu.how_to_bring(lacking))
    from segpipe.console import command

    # Before torch is imported, here and in the processes that inherit it.
    command.set_environment()
    out, data = options.out.resolve() if options.out else None, options.data.resolve()
    found: dict[str, Any] = {"options": {name: str(value) for name, value in vars(options).items()}}
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(gpu.bring(Path(scratch) / "project", data, options))
        found["machine"] = gpu.machine(options.device) | {"gpus": count_gpus(options.device)}
        gpu.show("machine", [found["machine"]])
        for part in options.parts:
            start = time.perf_counter()
            found[part] = PARTS[part](options)
            gpu.show(f"{part} ({time.perf_counter() - start:.0f} s)", found[part])
            if out:
                out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        # The temporary folder cannot go while it is the working directory.
        os.chdir(gpu.ROOT)
    wrong = [row for part in options.parts for row in found[part] if "failed" in row or OTHER in row.values()]
    if wrong:
        sys.exit(f"\n{len(wrong)} rows failed or have other bytes")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder that `segpipe init` knows")
    parser.add_argument("--out", type=Path, help="all numbers as JSON")
    parser.add_argument("--images", type=int, default=96, help="that are trained on, and that are validated on")
    parser.add_argument("--epochs", type=int, default=4, help="2 or more")
    parser.add_argument("--crop", type=int, help="in place of what init chooses")
    parser.add_argument("--batch", type=int, help="in place of what init chooses")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    # What init is to make epochs for, which are another number here.
    parser.set_defaults(minutes=1)
    return parser.parse_args()


def count_gpus(requested: str) -> int:
    import torch

    from segpipe.training import device as devices

    return torch.cuda.device_count() if devices.select_device(requested).type == "cuda" else 0


def of_precisions(options: argparse.Namespace) -> list[Row]:
    """A row a precision; `speed` is how many times as fast as fp32 it is."""
    import spawned_training

    rows: list[Row] = []

    def measured(values: Values) -> Row:
        first = spawned_training.trained(values, 1)
        again = spawned_training.trained(values, 1)
        resumed = spawned_training.stopped(values, 1, 1)
        base = rows[0].get("images_per_s") if rows else first["images_per_s"]
        row = first | {"speed": first["images_per_s"] / base if base else None}
        return row | {"again": verdict(first, again), "resumed": verdict(first, resumed)}

    for precision in PRECISIONS:
        rows.append(in_precision(options, precision, measured))
    return rows


def of_processes(options: argparse.Namespace) -> list[Row]:
    """A row a precision; `speed` is how many times as fast as one process two are."""
    import spawned_training

    def measured(values: Values) -> Row:
        one, two = (spawned_training.trained(values, world) for world in (1, 2))
        row = {"one_images_per_s": one["images_per_s"], "two_images_per_s": two["images_per_s"]}
        row |= {"speed": two["images_per_s"] / one["images_per_s"], "hash": one["hash"], "two": verdict(one, two)}
        return row | {"stopped_in_two": verdict(one, spawned_training.stopped(values, 2, 1))}

    on = {"on": {0: "cores", 1: "one GPU, by gloo"}.get(count_gpus(options.device), "two GPUs")}
    return [on | in_precision(options, precision, measured, {"train.accumulate": 2}) for precision in PRECISIONS]


def of_ddp(options: argparse.Namespace) -> list[Row]:
    """Ratios of a step's time; gradients are sent by gloo where a GPU is shared."""
    import processes

    return [attempt({}, lambda: processes.measure(options.device))]


def of_private(options: argparse.Namespace) -> list[Row]:
    """Repeatable noise, beside the same training without privacy; `speed` is how many times as fast it is."""
    import spawned_training

    if not gpu.is_installed("opacus"):
        return [{"skipped": "Opacus is not installed: pip install --no-deps opacus, and what it asks for"}]
    values = base_of(options) | PRIVATE

    def measured() -> Row:
        plain = spawned_training.trained(values | {"train.strategy": "single", "model.norm": "group"}, 1)
        first, again = (spawned_training.trained(values, 1) for _ in range(2))
        ratio = {"speed": first["images_per_s"] / plain["images_per_s"], "again": verdict(first, again)}
        return first | {"plain_images_per_s": plain["images_per_s"]} | ratio

    return [attempt({}, measured)]


PARTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "precisions": of_precisions,
    "processes": of_processes,
    "ddp": of_ddp,
    "private": of_private,
}


def in_precision(
    options: argparse.Namespace, precision: str, measure: Callable[[Values], Row], values: Values | None = None
) -> Row:
    """The row of a precision; fp16 needs a GPU."""
    row = {"precision": precision}
    if precision == "fp16" and not count_gpus(options.device):
        return row | {"skipped": "fp16 needs a GPU"}
    return attempt(row, lambda: measure(base_of(options) | {"train.precision": precision} | (values or {})))


def base_of(options: argparse.Namespace) -> Values:
    """What makes the project's training short."""
    return {
        "train.epochs": options.epochs,
        "train.limit_images": options.images,
        "train.validate_every": 1,
        "train.validate_images": 0,
        "train.early_stop": 0,
        "optim.warmup_epochs": 1,
        "optim.encoder_frozen": 0,
    }


def attempt(row: Row, measure: Callable[[], Row]) -> Row:
    """The row with what is measured, or with why it could not be: the next ones can still tell."""
    try:
        return row | measure()
    except Exception as error:
        traceback.print_exc()
        return row | {"failed": str(error).strip().splitlines()[-1][:200]}


def verdict(one: Row, other: Row) -> str:
    return SAME if one["hash"] == other["hash"] else OTHER


if __name__ == "__main__":
    main()

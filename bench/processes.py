"""What a training step takes in two processes, to the bytes of one, against DistributedDataParallel and against one process.

Run in the repository, with nothing else running: python bench/processes.py. Each process has one thread; the model is that of
params.yaml, images are made up. Printed are ratios of medians: the same batch in two parts, computed by one process, by two of
ours, and by two under DistributedDataParallel, whose gradients are a mean and whose batch statistics are each process's own.
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import roofline
import torch
from spawned_training import meet
from torch import distributed as dist
from torch import multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from segpipe.dataset.loader import Batch
from segpipe.losses import table as losses
from segpipe.losses.table import Classes
from segpipe.models.whole_model import whole_model
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import accumulate, loop, optim, precision, processes
from segpipe.training import device as devices
from segpipe.training.processes import ALONE, Group

BATCH, CROP, CLASSES, PARTS, WORLD, STEPS = 8, 128, 5, 2, 2, 15
Parts = tuple[loop.Run, Batch]


def parts(group: Group, device: torch.device) -> Parts:
    """A run by the configured model, and this process's images of a batch."""
    params = load_params()
    torch.manual_seed(0)
    segmenter, _ = whole_model(params.model, 3, CLASSES, "centred", [0.5] * 3, [0.5] * 3)
    segmenter = segmenter.to(memory_format=torch.channels_last).to(device).train()
    optimizer = optim.build(params.optim, segmenter)
    gradients = (PARTS, None, segmenter)
    run = loop.Run(
        model=segmenter,
        weights=segmenter.state_dict,
        optimizer=optimizer,
        loss=losses.build(params.loss, Classes(True)),
        batches=lambda epoch, first: [],
        n_batches=1,
        validate=lambda run, record: {},
        autocast=precision.autocast("fp32", device),
        backward=accumulate.backward(*gradients) if group.world == 1 else processes.backward(*gradients, group),
        step=precision.stepper(segmenter, optimizer, 1.0, None),
        learning_rate=lambda epoch, history: 0.0,
        score=lambda record: None,
        device=device,
        epochs=1,
        seed=0,
        fold=0,
    )
    image = torch.randint(0, 256, (BATCH, 3, CROP, CROP), dtype=torch.uint8)
    target = torch.randint(0, CLASSES, (BATCH, CROP, CROP))
    own = slice(group.rank * BATCH // group.world, (group.rank + 1) * BATCH // group.world)
    return run, Batch(("made up",) * BATCH, image[own].to(device), target[own].to(device))


def seconds(step: Callable[[], object], group: Group, device: torch.device) -> float:
    """The median of a step."""
    times = []
    for _ in range(STEPS):
        group.wait()
        times.append(roofline.timed(step, device))
    return statistics.median(times[2:])


def exact_step(group: Group, device: torch.device) -> Callable[[], None]:
    run, batch = parts(group, device)

    def step() -> None:
        run.backward(run, batch)
        run.step()

    return step


def ddp_step(group: Group, device: torch.device) -> Callable[[], None]:
    run, batch = parts(group, device)
    model = DistributedDataParallel(run.model)

    def step() -> None:
        run.optimizer.zero_grad(set_to_none=True)
        logits = model((batch.image / 255).contiguous(memory_format=torch.channels_last))
        run.loss(logits, batch.target)["loss"].mean().backward()
        run.step()

    return step


def work(rank: int, folder: str, requested: str) -> None:
    torch.set_num_threads(1)
    params = TrainKeys.of(load_params())
    own = params.model_copy(update={"runtime": params.runtime.model_copy(update={"device": requested})})
    group = meet(rank, WORLD, Path(folder), own)
    device = devices.select_device(requested)
    found = [seconds(step(group, device), group, device) for step in (exact_step, ddp_step)]
    group.wait()
    dist.destroy_process_group()
    if rank == 0:
        torch.save(found, f"{folder}/found.pt")


def measure(requested: str) -> dict[str, float]:
    """The ratios that are printed, and the gradients' size, on the cpu or cuda."""
    torch.set_num_threads(1)
    device = devices.select_device(requested)
    with tempfile.TemporaryDirectory() as folder:
        one = seconds(exact_step(ALONE, device), ALONE, device)
        mp.spawn(work, (folder, requested), nprocs=WORLD)
        exact, ddp = torch.load(f"{folder}/found.pt")
    sent = sum(weight.numel() for weight in parts(ALONE, device)[0].model.parameters()) * 4 / 2**20
    return {"gradients_mib": sent, "one / two, exact": one / exact, "one / two, DDP": one / ddp, "exact / DDP": exact / ddp}


def main() -> None:
    found = measure("cpu")
    sent = found.pop("gradients_mib")
    print(f"{BATCH} images of {CROP} pixels in {PARTS} parts, {WORLD} processes of one thread, gradients of {sent:.1f} MiB")
    for name, ratio in found.items():
        print(f"{name:20}{ratio:6.2f}")


if __name__ == "__main__":
    main()

"""What a training step takes in two processes, to the bytes of one, against DistributedDataParallel and against one process.

Run in the repository, with nothing else running: python bench/processes.py. Each process has one thread; the model is that of
params.yaml, images are made up. Printed are ratios of medians: the same batch in two parts, computed by one process, by two of
ours, and by two under DistributedDataParallel, whose gradients are a mean and whose batch statistics are each process's own.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import distributed as dist
from torch import multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from segpipe.dataset.loader import Batch
from segpipe.losses import table as losses
from segpipe.losses.table import Classes
from segpipe.models.whole_model import whole_model
from segpipe.params.load import load_params
from segpipe.training import accumulate, loop, optim, precision, processes
from segpipe.training.processes import ALONE, Group
from segpipe.workflows.train_together import connect

BATCH, CROP, CLASSES, PARTS, WORLD, STEPS = 8, 128, 5, 2, 2, 15
CPU = torch.device("cpu")
Parts = tuple[loop.Run, Batch]


def parts(group: Group) -> Parts:
    """A run by the configured model, and this process's images of a batch."""
    params = load_params()
    torch.manual_seed(0)
    segmenter, _ = whole_model(params.model, 3, CLASSES, "centred", [0.5] * 3, [0.5] * 3)
    segmenter = segmenter.to(memory_format=torch.channels_last).train()
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
        autocast=precision.autocast("fp32", CPU),
        backward=accumulate.backward(*gradients) if group.world == 1 else processes.backward(*gradients, group),
        step=precision.stepper(segmenter, optimizer, 1.0, None),
        learning_rate=lambda epoch, history: 0.0,
        score=lambda record: None,
        device=CPU,
        epochs=1,
        seed=0,
        fold=0,
    )
    image = torch.randint(0, 256, (BATCH, 3, CROP, CROP), dtype=torch.uint8)
    target = torch.randint(0, CLASSES, (BATCH, CROP, CROP))
    own = slice(group.rank * BATCH // group.world, (group.rank + 1) * BATCH // group.world)
    return run, Batch(("made up",) * BATCH, image[own], target[own])


def seconds(run: loop.Run, batch: Batch, group: Group) -> float:
    """The median of a step."""
    times = []
    for _ in range(STEPS):
        group.wait()
        start = time.perf_counter()
        run.backward(run, batch)
        run.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def of_ddp(group: Group) -> float:
    run, batch = parts(group)
    model = DistributedDataParallel(run.model)
    times = []
    for _ in range(STEPS):
        group.wait()
        start = time.perf_counter()
        run.optimizer.zero_grad(set_to_none=True)
        logits = model((batch.image / 255).contiguous(memory_format=torch.channels_last))
        run.loss(logits, batch.target)["loss"].mean().backward()
        run.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    params = load_params()
    own = params.model_copy(update={"runtime": params.runtime.model_copy(update={"device": "cpu"})})
    group = connect(own, rank, WORLD, Path(folder))  # type: ignore[arg-type]
    found = [seconds(*parts(group), group), of_ddp(group)]
    dist.destroy_process_group()
    if rank == 0:
        torch.save(found, f"{folder}/found.pt")


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        one = seconds(*parts(ALONE), ALONE)
        mp.spawn(work, (folder,), nprocs=WORLD)
        exact, ddp = torch.load(f"{folder}/found.pt")
    sent = sum(weight.numel() for weight in parts(ALONE)[0].model.parameters()) * 4 / 2**20
    print(f"{BATCH} images of {CROP} pixels in {PARTS} parts, {WORLD} processes of one thread, gradients of {sent:.1f} MiB")
    print(f"one process / two, exact   {one / exact:.2f}")
    print(f"one process / two, DDP     {one / ddp:.2f}")
    print(f"exact / DDP                {exact / ddp:.2f}")


if __name__ == "__main__":
    main()

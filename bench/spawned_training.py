"""A training of the current project in processes of its own, to its end or stopped in the middle of its second epoch."""

import hashlib
import json
import os
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch import multiprocessing as mp

from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import device as devices
from segpipe.training import loop, resume
from segpipe.training.first_steps import digest
from segpipe.training.processes import ALONE, Group
from segpipe.workflows.assemble import Training
from segpipe.workflows.train import prepare
from segpipe.workflows.train_together import connect

Found = dict[str, Any]
FOUND = "found.json"


class StopError(Exception):
    """The training is where it was to be stopped."""


def trained(values: Mapping[str, Any], world: int) -> Found:
    """Hash, speed and memory of a training by so many processes, with these values of params.yaml."""
    with tempfile.TemporaryDirectory() as folder:
        return run(values, world, folder, stops=False)


def stopped(values: Mapping[str, Any], world: int, world_after: int) -> Found:
    """The same of one that was stopped, and goes on in so many other processes."""
    with tempfile.TemporaryDirectory() as folder:
        run(values, world, folder, stops=True)
        found = run(values, world_after, folder, stops=False)
    if not found["resumed"]:
        raise RuntimeError("it did not go on from the saved state")
    return found


def run(values: Mapping[str, Any], world: int, folder: str, stops: bool) -> Found:
    path = Path("params.yaml")
    before = path.read_bytes()
    edit.write(path, values)
    try:
        mp.spawn(work, (world, folder, stops), nprocs=world)
    finally:
        path.write_bytes(before)
    found: Found = json.loads((Path(folder) / FOUND).read_text(encoding="utf-8"))
    return found


def work(rank: int, world: int, folder: str, stops: bool) -> None:
    """One of the processes; the first writes what it found into the folder, where the states are too."""
    params = TrainKeys.of(load_params())
    with tempfile.TemporaryDirectory(dir=folder) as own:
        # All meet in one folder, which must be new to them.
        group = ALONE if world == 1 else meet(rank, world, Path(folder), params)
        training = prepare(params, 0, group)
        with training.cache.opened(Path(own) / "cache"):
            found = fit(training, resume.SavedStates(Path(folder), 0.0), stops)
        if rank == 0:
            (Path(folder) / FOUND).write_text(json.dumps(found), encoding="utf-8")
        # Before any of them goes: who waits for one that is gone has an error.
        group.wait()
        if world > 1:
            dist.destroy_process_group()


def meet(rank: int, world: int, folder: Path, params: TrainKeys) -> Group:
    """Connected as a training is, or by gloo alone where they have to share a GPU, which NCCL refuses."""
    device = devices.select_device(params.runtime.device)
    if device.type == "cpu" or torch.cuda.device_count() >= world:
        return connect(params, rank, world, folder)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    return Group(rank, world)


def fit(training: Training, states: resume.SavedStates, stops: bool) -> Found:
    """Trains on from the newest state. Its first epoch is in no speed: it decodes, and libraries choose and load."""
    speeds: list[loop.Speed] = []

    def save_state(trained: loop.Run) -> None:
        here = trained.progress
        if stops and here.epoch == 1 and here.batch == (trained.n_batches + 1) // 2:
            if training.group.rank == 0:
                states.save(trained, training.scaler)
            raise StopError

    watched = replace(training.run, save_state=save_state, hooks=(lambda record, speed, trained: speeds.append(speed),))
    found: Found = {"resumed": states.restore(watched, training.scaler)}
    # None saves before all have restored.
    training.group.wait()
    try:
        best = loop.fit(watched)
    except StopError:
        return found
    later = speeds[1:] or speeds
    found["hash"] = hashed(best, watched.progress.history)
    found["images_per_s"] = statistics.median(each.images_per_s for each in later)
    found["waits"] = statistics.median(each.data_wait for each in later)
    if training.device.type == "cuda":
        found["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    if training.scaler:
        found["loss_scale"] = training.scaler.get_scale()
    return found


def hashed(best: loop.Best, history: list[loop.Record]) -> str:
    """Of the best weights, and of each number of each epoch to its last digit."""
    numbers = json.dumps(history, sort_keys=True)
    return hashlib.sha256(f"{digest(best.weights.values())} {numbers}".encode()).hexdigest()[:16]

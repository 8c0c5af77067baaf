"""Two processes train as one does, go on from one saved state, and end together where one of them finds what is broken."""

import dataclasses
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch import multiprocessing as mp

from segpipe.errors import PipelineError
from segpipe.losses.table import Losses
from segpipe.training import loop, resume
from tests.training.test_resume import CutError, cut_after
from tests.training.ways import distributed
from tests.training.ways.suite import CLIP, batches, run

WORLD = 2
BATCHES = {"n_batches": 3, "batches": batches(5, 4, 3, ignored=((0, 0), (1, 1), (2, 0), (2, 1), (2, 2)))}
"""Shares of different sizes; images that do not count in each share, and a batch of no others."""

Found = dict[str, Any]
"""What a process has to show of a training: weights, history, or its error."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Found]]:
    """All trainings below in two processes, of which neither waits for the other longer than a minute."""
    folder = tmp_path_factory.mktemp("distributed")
    mp.start_processes(work, (folder,), nprocs=WORLD, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


def work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=WORLD, timeout=timedelta(seconds=60))
    trainings = {"whole": whole, "resumed": resumed, "poisoned": poisoned, "statistic": broken_statistic}
    torch.save({name: train(rank, folder) for name, train in trainings.items()}, folder / f"{rank}.pt")
    dist.destroy_process_group()


def training(**changes: Any) -> loop.Run:
    return distributed.prepare(run(**BATCHES | changes), CLIP)


def outcome(trained: loop.Run) -> Found:
    try:
        best = loop.fit(trained)
    except PipelineError as error:
        return {"error": str(error), "batch": trained.progress.batch}
    return {"weights": dict(trained.weights()), "history": trained.progress.history, "best": best.weights}


def whole(rank: int, folder: Path) -> Found:
    return outcome(training())


def resumed(rank: int, folder: Path) -> Found:
    """Cut off in the middle of the second epoch, in both processes at once."""
    states = resume.SavedStates(folder / "states", 0.0)
    cut = training(save_state=states.saver(None))
    try:
        loop.fit(dataclasses.replace(cut, save_state=cut_after(6, cut.save_state)))
    except CutError:
        dist.barrier()
    again = training()
    states.restore(again, None)
    return outcome(again) | {"from": again.progress.epoch}


def poisoned(rank: int, folder: Path) -> Found:
    """In the second process alone, the second image of its share of the second batch has a loss that is no number."""
    parts, calls = training(), []

    def loss(logits: Tensor, target: Tensor) -> Losses:
        calls.append(len(target))
        losses = parts.loss(logits, target)
        poison = torch.tensor([1.0, float("nan")]) if rank == 1 and len(calls) == 2 else torch.ones(len(target))
        return {name: values * poison for name, values in losses.items()}

    return outcome(dataclasses.replace(parts, loss=loss))


def broken_statistic(rank: int, folder: Path) -> Found:
    """In the second process alone, a number that is no weight overflows after the last batch of an epoch."""
    plain = run(**BATCHES)

    def spoil(trained: loop.Run) -> None:
        if rank == 1 and trained.progress.batch == 3:
            nn.init.constant_(plain.model.mean, torch.inf)

    return outcome(dataclasses.replace(distributed.prepare(plain, CLIP), save_state=spoil))


def test_two_processes_train_as_one(found: list[dict[str, Found]]) -> None:
    one = run(**BATCHES)
    best = loop.fit(one)
    for each in found:
        torch.testing.assert_close(each["whole"]["weights"], dict(one.weights()), rtol=0, atol=1e-5)
        torch.testing.assert_close(each["whole"]["best"], best.weights, rtol=0, atol=1e-5)
        for record, wanted in zip(each["whole"]["history"], one.progress.history, strict=True):
            assert record == pytest.approx(wanted, abs=1e-5)


def test_both_have_the_same_weights_by_the_models_own_names(found: list[dict[str, Found]]) -> None:
    first, second = (each["whole"] for each in found)
    assert first["history"] == second["history"]
    assert [*first["weights"]] == [*run().model.state_dict()]
    assert all(torch.equal(first["weights"][name], second["weights"][name]) for name in first["weights"])


def test_both_go_on_from_the_state_that_one_saved(found: list[dict[str, Found]]) -> None:
    for each in found:
        assert each["resumed"]["history"] == each["whole"]["history"]
        assert all(torch.equal(each["resumed"]["weights"][name], tensor) for name, tensor in each["whole"]["weights"].items())


def test_a_loss_that_is_not_finite_ends_both_and_is_named_where_it_is(found: list[dict[str, Found]]) -> None:
    first, second = (each["poisoned"] for each in found)
    assert first["batch"] == second["batch"] == 1
    assert "epoch 0, batch 1, images of another process. Lower optim.lr" in first["error"]
    assert "epoch 0, batch 1, images image-0-1-3. Lower optim.lr" in second["error"]


def test_a_statistic_that_is_broken_in_one_ends_both(found: list[dict[str, Found]]) -> None:
    first, second = (each["statistic"] for each in found)
    assert "not finite after epoch 0 (in another process)" in first["error"]
    assert "not finite after epoch 0 (in module.mean, mean)" in second["error"]

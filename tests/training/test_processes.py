"""A training in several processes ends in the bytes of one that computes the same parts, with batch statistics and dropout."""

import dataclasses
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch import multiprocessing as mp

from segpipe.dataset.loader import Batch, part_sizes
from segpipe.errors import PipelineError
from segpipe.images.to_tensor import unit_values
from segpipe.losses.table import Losses
from segpipe.training import accumulate, loop, processes, resume
from segpipe.training.processes import Group
from segpipe.training.validate import Scored
from tests.training.suite import batches, run
from tests.training.test_resume import CutError, bytes_of, cut_after, ended

PARTS = 4
SIZES = (9, 8, 6)
IGNORED = ((0, 0), (1, 2), (1, 3), (2, 5))
"""Parts of 2 or 3 images; one without an image that counts."""

Found = dict[str, Any]


def whole(epoch: int, first: int = 0) -> list[Batch]:
    found = batches(epoch, 0, SIZES)
    for number, place in IGNORED:
        found[number].target[place] = 255
    return found[first:]


def alone(**changes: Any) -> loop.Run:
    plain = run(batches=whole, n_batches=len(SIZES), **changes)
    return dataclasses.replace(plain, backward=accumulate.backward(PARTS, None, plain.model))


def together(group: Group, **changes: Any) -> loop.Run:
    """The same as one of the group's processes trains it."""

    def own(epoch: int, first: int) -> list[Batch]:
        return [own_rows(batch, group) for batch in whole(epoch, first)]

    plain = alone(**changes)
    return dataclasses.replace(plain, batches=own, backward=processes.backward(PARTS, None, plain.model, group))


def own_rows(batch: Batch, group: Group) -> Batch:
    parts = [*accumulate.cut(batch, PARTS)][group.rank :: group.world]
    return Batch(batch.ids, torch.cat([part.image for part in parts]), torch.cat([part.target for part in parts]))


def outcome(training: loop.Run) -> Found:
    try:
        return {"ended": ended(training)}
    except PipelineError as error:
        return {"error": str(error), "place": (training.progress.epoch, training.progress.batch)}


def work(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = f"file://{folder}/meeting{world}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world, timeout=timedelta(seconds=60))
    group = Group(rank, world)
    found = {name: train(group, folder) for name, train in TRAININGS.items()}
    torch.save(found, folder / f"{world}-{rank}.pt")
    dist.destroy_process_group()


def trained(group: Group, folder: Path) -> Found:
    return outcome(together(group))


def resumed(group: Group, folder: Path) -> Found:
    """From the state that one process left in the middle of an epoch."""
    training = together(group)
    assert resume.SavedStates(folder / "states", 0.0).restore(training, None)
    return outcome(training) | {"from": (training.progress.epoch, training.progress.batch)}


def poisoned(group: Group, folder: Path) -> Found:
    training = together(group)

    def loss(logits: Tensor, target: Tensor) -> Losses:
        calls.append(len(target))
        losses = training.loss(logits, target)
        return {name: values * (torch.nan if group.rank == 1 and len(calls) == 1 else 1.0) for name, values in losses.items()}

    calls: list[int] = []
    return outcome(dataclasses.replace(training, loss=loss))


def scored(group: Group, folder: Path) -> Found:
    asked: list[str] = []

    def score(ids: Sequence[str]) -> list[Scored]:
        asked.extend(ids)
        return [Scored(item, {"loss": float(item)}, [[int(item)]]) for item in ids]  # type: ignore[arg-type]

    found = processes.shared(score, group)(["3", "1", "2", "5", "4"])
    return {"all": [(each.id, each.losses["loss"]) for each in found], "asked": asked}


TRAININGS = {"trained": trained, "resumed": resumed, "poisoned": poisoned, "scored": scored}


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, Found]]]:
    """All of these trainings in so many processes, of which none waits for another longer than a minute."""
    world = request.param
    folder = tmp_path_factory.mktemp("processes")
    states = resume.SavedStates(folder / "states", 0.0)
    cut = alone(save_state=states.saver(None))
    with pytest.raises(CutError):
        loop.fit(dataclasses.replace(cut, save_state=cut_after(6, cut.save_state)))
    mp.start_processes(work, (world, folder), nprocs=world, start_method="forkserver")
    return {world: [torch.load(folder / f"{world}-{rank}.pt") for rank in range(world)]}


def of(found: dict[int, list[dict[str, Found]]], name: str) -> list[Found]:
    return [each[name] for world in found.values() for each in world]


def test_every_process_ends_in_the_bytes_of_one(found: dict[int, list[dict[str, Found]]]) -> None:
    wanted = ended(alone())
    assert any("running_var" in name for name in wanted[0])
    assert len(of(found, "trained")) == sum(found)
    for each in of(found, "trained"):
        assert each["ended"] == wanted


def test_each_number_of_processes_goes_on_from_a_state_of_one(found: dict[int, list[dict[str, Found]]]) -> None:
    for each in of(found, "resumed"):
        assert each["from"][0] >= 1 or each["from"][1] > 0
        assert each["ended"] == ended(alone())


def test_all_end_where_one_has_a_loss_that_is_not_finite_and_all_name_its_images(
    found: dict[int, list[dict[str, Found]]],
) -> None:
    for each in of(found, "poisoned"):
        assert each["place"] == (0, 0)
        # The second part has the fourth and fifth of nine images.
        assert "epoch 1, batch 1, images image-0-0-3, image-0-0-4. Lower optim.lr" in each["error"]


def test_each_scores_its_share_and_all_get_all(found: dict[int, list[dict[str, Found]]]) -> None:
    for world in found.values():
        assert sorted(item for each in world for item in each["scored"]["asked"]) == ["1", "2", "3", "4", "5"]
        for each in world:
            assert each["scored"]["all"] == [("3", 3.0), ("1", 1.0), ("2", 2.0), ("5", 5.0), ("4", 4.0)]


def test_parts_that_one_process_computes_have_the_statistics_of_batches_in_that_order() -> None:
    """Up to rounding what torch's own forward passes leave."""
    training, by_hand = alone(), alone().model.train()
    training.model.train()
    for module in (*training.model.modules(), *by_hand.modules()):
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    first = whole(0)[0]
    training.backward(training, first)
    for part in accumulate.cut(first, PARTS):
        by_hand(unit_values(part.image))
    for name, tensor in by_hand.state_dict().items():
        if "running" in name or "num_batches" in name:
            torch.testing.assert_close(training.model.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("images", "parts"), [(9, 4), (8, 4), (4, 4), (7, 1)])
def test_sizes_of_parts(images: int, parts: int) -> None:
    sizes = part_sizes(images, parts)
    assert sum(sizes) == images and len(sizes) == parts and max(sizes) - min(sizes) <= 1
    assert sizes == [len(part) for part in torch.zeros(images).tensor_split(parts)]


def test_bytes_differ_with_another_number_of_parts() -> None:
    """Else nothing above would be proved."""
    other = alone()
    other = dataclasses.replace(other, backward=accumulate.backward(2, None, other.model))
    assert bytes_of(loop.fit(other).weights) != ended(alone())[1]

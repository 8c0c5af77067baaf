"""Weights of other epochs: which are kept, and that an interruption loses none."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from segpipe.training import loop, resume, snapshots
from segpipe.training.snapshots import Kept
from tests.training.test_resume import CutError, bytes_of, cut_after, fresh

SCORES = st.lists(st.one_of(st.none(), st.integers(0, 3).map(float)), max_size=8)


@pytest.mark.parametrize(
    ("top", "every", "kept"),
    [
        (1, 0, set()),
        (2, 0, {1, 3}),
        (3, 0, {1, 3, 4}),
        (9, 0, {0, 1, 3, 4}),
        (1, 2, {1, 3}),
        (2, 3, {1, 2, 3}),
    ],
)
def test_the_best_few_and_each_nth_by_hand(top: int, every: int, kept: set[int]) -> None:
    assert Kept(top, every).epochs([0.1, 0.5, None, 0.5, 0.3]) == kept


@given(SCORES, st.integers(2, 4))
def test_no_epoch_comes_back_among_the_best(scores: list[float | None], top: int) -> None:
    """What was deleted is never wanted again, and what is wanted was wanted when it was there to be written."""
    wanted = [Kept(top, 0).epochs(scores[: number + 1]) for number in range(len(scores))]
    for number, (before, after) in enumerate(pairwise(wanted)):
        assert after - before <= {number + 1}
    for number, kept in enumerate(wanted):
        rest = {epoch for epoch in range(number + 1) if scores[epoch] is not None} - kept
        assert len(kept) == min(top, len(rest | kept))
        assert all(scores[good] >= scores[other] for good in kept for other in rest)  # type: ignore[operator]


@pytest.mark.parametrize(("epoch", "epochs", "name"), [(0, 5, "epoch01"), (8, 9, "epoch09"), (8, 150, "epoch009")])
def test_names_sort_as_epochs_do(epoch: int, epochs: int, name: str) -> None:
    assert snapshots.name_of(epoch, epochs) == f"{name}.safetensors"


def write(path: Path, weights: Mapping[str, Tensor], history: Sequence[loop.Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path, {"history": str(history)})


def training(folder: Path) -> loop.Run:
    """Three epochs, of which the second is the best; the best two and each second are kept; a state after each batch."""
    found = (0.3, 0.9, 0.5)
    plain = dataclasses.replace(fresh(), validate=lambda run, record: {"val_dice": found[int(record["epoch"])]})
    save_state = resume.SavedStates(folder, 0.0).saver(None)
    kept = snapshots.keeping(save_state, folder / "snapshots", Kept(2, 2), plain.score, write)
    return dataclasses.replace(plain, save_state=kept)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "snapshots").iterdir())}


def test_they_hold_the_weights_as_they_were_after_their_epoch(tmp_path: Path) -> None:
    seen: list[dict[str, bytes]] = []
    watched = training(tmp_path)
    best = loop.fit(dataclasses.replace(watched, hooks=(lambda record, speed, run: seen.append(bytes_of(run.weights())),)))
    assert [*files(tmp_path)] == ["epoch02.safetensors", "epoch03.safetensors"]
    for number in (2, 3):
        assert bytes_of(load_file(tmp_path / f"snapshots/epoch0{number}.safetensors")) == seen[number - 1]
    assert bytes_of(best.weights) == seen[1]


@pytest.mark.parametrize("calls", range(1, 10))
def test_cut_off_anywhere_the_same_files_are_left(calls: int, tmp_path: Path) -> None:
    loop.fit(training(tmp_path / "whole"))
    cut = training(tmp_path / "cut")
    with pytest.raises(CutError):
        # Cut before a state is saved: the newest snapshot is there, and the epoch is trained again.
        loop.fit(dataclasses.replace(cut, save_state=cut_after(calls, cut.save_state)))
    again = training(tmp_path / "cut")
    assert resume.SavedStates(tmp_path / "cut", 0.0).restore(again, None)
    loop.fit(again)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")

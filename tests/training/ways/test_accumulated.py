"""Accumulated gradients: the weights of whole batches, and a resume that loses no gradient."""

import dataclasses
from pathlib import Path

import pytest
import torch

from segpipe.training import loop, resume
from tests.training.test_resume import CutError, cut_after, ended
from tests.training.ways import accumulated
from tests.training.ways.suite import CLIP, averaging, batches, run


@pytest.mark.parametrize(
    ("sizes", "ignored"),
    [((8, 8), ()), ((9, 8), ()), ((8, 9), ((0, 1),)), ((9, 9), ((0, 5), (1, 0), (1, 1))), ((4, 8), ((0, 2), (0, 3)))],
    ids=["even", "5 + 4", "an ignored image", "ignored images in both", "a part without images"],
)
def test_a_batch_in_parts_trains_as_the_whole_batch(sizes: tuple[int, ...], ignored: tuple[tuple[int, int], ...]) -> None:
    whole = run(batches=batches(*sizes, ignored=ignored))
    parts = accumulated.prepare(run(batches=batches(*sizes, ignored=ignored)), 2, CLIP)
    loop.fit(whole)
    loop.fit(parts)
    torch.testing.assert_close(parts.weights(), whole.weights(), rtol=0, atol=1e-6)
    for record, wanted in zip(parts.progress.history, whole.progress.history, strict=True):
        assert record == pytest.approx(wanted, abs=1e-6)
        assert record["lr"] == wanted["lr"]


def test_the_network_never_sees_more_than_a_part() -> None:
    seen: list[int] = []
    parts = accumulated.prepare(run(batches=batches(9, 8)), 2, CLIP)
    parts.model.register_forward_pre_hook(lambda model, given: seen.append(len(given[0])))
    loop.train_epoch(parts)
    assert seen == [5, 4, 4, 4]


def training(states: resume.SavedStates, average: bool) -> loop.Run:
    """Two epochs of two batches in two parts, saved as often as can be; averaged weights as a part before or without."""
    whole = run(batches=batches(5, 4), save_state=states.saver(None))
    return accumulated.prepare(averaging(whole, 0.5) if average else whole, 2, CLIP)


@pytest.mark.parametrize("average", [False, True], ids=["alone", "with averaged weights"])
@pytest.mark.parametrize("calls", range(1, 11))
def test_cut_off_inside_a_step_or_between_two_it_ends_in_the_same_bytes(calls: int, average: bool, tmp_path: Path) -> None:
    states = resume.SavedStates(tmp_path / "cut", 0.0)
    cut = training(states, average)
    with pytest.raises(CutError):
        loop.fit(dataclasses.replace(cut, save_state=cut_after(calls, cut.save_state)))
    again = training(states, average)
    assert states.restore(again, None) == (calls > 1), "the first call comes inside a step"
    assert again.progress.batch % 2 == 0
    assert ended(again) == ended(training(resume.SavedStates(tmp_path / "whole", 0.0), average))

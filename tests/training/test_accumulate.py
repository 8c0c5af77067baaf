"""Accumulated gradients: the weights of whole batches, in the memory of a part."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from segpipe.losses.table import Losses
from segpipe.training import accumulate, loop, precision, resume
from tests.training import suite
from tests.training.test_resume import CutError, bytes_of, cut_after, ended
from tests.training.ways.suite import CLIP, averaging, batches, run


def in_parts(parts: int, **changes: Any) -> loop.Run:
    plain = run(**changes)
    return dataclasses.replace(plain, backward=accumulate.backward(parts, None, plain.model))


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize(
    ("sizes", "ignored"),
    [((8, 8), ()), ((9, 8), ()), ((8, 9), ((0, 1),)), ((9, 9), ((0, 5), (1, 0), (1, 1))), ((4, 8), ((0, 2), (0, 3)))],
    ids=["even", "uneven", "an ignored image", "ignored images in both", "a part without images"],
)
def test_a_batch_in_parts_trains_as_the_whole_batch(
    sizes: tuple[int, ...], ignored: tuple[tuple[int, int], ...], parts: int
) -> None:
    whole = run(batches=batches(*sizes, ignored=ignored))
    cut = in_parts(parts, batches=batches(*sizes, ignored=ignored))
    loop.fit(whole)
    loop.fit(cut)
    torch.testing.assert_close(cut.weights(), whole.weights(), rtol=0, atol=1e-6)
    for record, wanted in zip(cut.progress.history, whole.progress.history, strict=True):
        assert record == pytest.approx(wanted, abs=1e-6)
        assert record["lr"] == wanted["lr"]


def test_the_scaler_of_fp16_scales_each_part() -> None:
    whole, cut = run(batches=batches(8, 8)), run(batches=batches(8, 8))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    step = precision.stepper(cut.model, cut.optimizer, CLIP, scaler)
    loop.fit(whole)
    loop.fit(dataclasses.replace(cut, backward=accumulate.backward(2, scaler, cut.model), step=step))
    torch.testing.assert_close(cut.weights(), whole.weights(), rtol=0, atol=1e-6)


def test_the_network_never_sees_more_than_a_part_and_losses_keep_their_order() -> None:
    seen: list[int] = []
    cut = in_parts(2)
    cut.model.register_forward_pre_hook(lambda model, given: seen.append(len(given[0])))
    batch = next(iter(batches(9)(0, 0)))
    losses, counted = cut.backward(cut, batch)
    assert counted.tolist() == [True] * 9
    assert seen == [5, 4]
    assert not any(values.requires_grad for values in losses.values()), "the next part has the memory of this one"
    whole = loop.compute_losses(run(), batch)
    torch.testing.assert_close(losses, {name: values.detach() for name, values in whole.items()})


def test_batch_statistics_are_those_of_a_part() -> None:
    """The gradient is the mean of the parts' own, and running statistics see one part after the other."""
    plain = suite.run()
    cut = dataclasses.replace(plain, backward=accumulate.backward(2, None, plain.model))
    cut.model.eval()
    norms = [module for module in cut.model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
    by_hand = copy.deepcopy(cut.model)
    batch = suite.batches(0, 0, (4,))[0]
    cut.backward(cut, batch)
    wanted = [torch.zeros_like(weight) for weight in by_hand.parameters()]
    for part in accumulate.cut(batch, 2):
        mean = loop.compute_losses(dataclasses.replace(cut, model=by_hand), part)["loss"].mean()
        gradients = torch.autograd.grad(mean, [*by_hand.parameters()])
        wanted = [total + gradient / 2 for total, gradient in zip(wanted, gradients, strict=True)]
    torch.testing.assert_close([weight.grad for weight in cut.model.parameters()], wanted, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(cut.model.state_dict(), by_hand.state_dict(), rtol=1e-5, atol=1e-6)
    assert {int(norm.num_batches_tracked) for norm in norms if norm.num_batches_tracked is not None} == {2}
    assert {norm.momentum for norm in norms} == {0.1}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_in_any_part_stops_before_the_step(value: float) -> None:
    plain = in_parts(2, batches=batches(4, 4))
    before = bytes_of(plain.model.state_dict())

    def loss(logits: Tensor, target: Tensor) -> Losses:
        calls.append(len(target))
        losses = plain.loss(logits, target)
        return {name: values * (value if len(calls) == 2 else 1.0) for name, values in losses.items()}

    calls: list[int] = []
    with pytest.raises(loop.NotFiniteError, match=r"epoch 1, batch 1, images image-0-0-2, image-0-0-3\. Lower"):
        loop.fit(dataclasses.replace(plain, loss=loss))
    assert bytes_of(plain.model.state_dict()) == before


def training(states: resume.SavedStates, average: bool) -> loop.Run:
    """Two epochs of two batches in two parts, saved after each; averaged weights or none."""
    whole = in_parts(2, batches=batches(5, 4), save_state=states.saver(None))
    return averaging(whole, 0.5) if average else whole


@pytest.mark.parametrize("average", [False, True], ids=["alone", "with averaged weights"])
@pytest.mark.parametrize("calls", range(1, 7))
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, average: bool, tmp_path: Path) -> None:
    states = resume.SavedStates(tmp_path / "cut", 0.0)
    cut = training(states, average)
    with pytest.raises(CutError):
        loop.fit(dataclasses.replace(cut, save_state=cut_after(calls, cut.save_state)))
    again = training(states, average)
    assert states.restore(again, None)
    assert ended(again) == ended(training(resume.SavedStates(tmp_path / "whole", 0.0), average))

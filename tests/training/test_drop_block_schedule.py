"""DropBlock over a training: its rate is a function of the epoch alone, so a resume ends in the same bytes; no export drops."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from segpipe import export
from segpipe.errors import PipelineError
from segpipe.models.layers.drop_block import DropBlock
from segpipe.models.layers.style import Style
from segpipe.models.sa_unet import sa_unet
from segpipe.models.segmenter import Segmenter
from segpipe.training import encoder_schedule, loop, optim, precision, resume
from tests.inference.cards import small
from tests.training.suite import OPTIM, optim_params, run

EPOCHS = 3


def model(logits: int = 3) -> Segmenter:
    torch.manual_seed(0)
    network = sa_unet(3, logits, [4, 8], 0.3, 3, Style("relu", "batch", 0.0, "transposed"))
    return Segmenter(network, 2, [0.5] * 3, [0.3] * 3)


def drops(segmenter: nn.Module) -> list[DropBlock]:
    return [module for module in segmenter.modules() if isinstance(module, DropBlock)]


def training(**changes: Any) -> loop.Run:
    """Three epochs of two batches."""
    segmenter = model()
    optimizer = optim.build(OPTIM, segmenter)
    parts = {
        "model": segmenter,
        "optimizer": optimizer,
        "step": precision.stepper(segmenter, optimizer, 1.0, None),
        "at_epoch": encoder_schedule.at_epoch(segmenter.network, None, optim_params(), EPOCHS),
        "epochs": EPOCHS,
    }
    return run(**parts | changes)


def ended(training: loop.Run) -> tuple[dict[str, bytes], list[loop.Record]]:
    loop.fit(training)
    return {name: value.numpy().tobytes() for name, value in training.model.state_dict().items()}, training.progress.history


@pytest.mark.parametrize("before", [[], [0.0], [2.5, 0.5]])
def test_the_share_follows_from_the_epoch_alone(before: list[float]) -> None:
    segmenter = model()
    at_epoch = encoder_schedule.at_epoch(segmenter.network, None, optim_params(), EPOCHS)
    for epoch in before:
        at_epoch(epoch)
    at_epoch(1.5)
    assert [drop.progress for drop in drops(segmenter)] == 6 * [0.5]


def test_it_grows_linearly_from_0_over_the_batches() -> None:
    whole, seen = training(), []
    first = drops(whole.model)[0]
    first.register_forward_hook(lambda drop, given, output: seen.append((drop.progress, bool((output == 0).any()))))
    loop.fit(whole)
    assert [share for share, _ in seen] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert [zeros for _, zeros in seen] == [False, True, True, True, True, True]


@pytest.mark.parametrize("calls", [2, 3, 5, 7])
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, tmp_path: Path) -> None:
    keeper, cut = resume.SavedStates(tmp_path, 0.0), training()
    keep, left = keeper.saver(cut, None), [calls]

    def dying(progress: loop.Progress) -> None:
        keep(progress)
        left[0] -= 1
        if left[0] == 0:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        loop.fit(dataclasses.replace(cut, save_state=dying))
    again = training()
    assert resume.SavedStates(tmp_path, 0.0).restore(again, None)
    assert ended(again) == ended(training())


def test_the_schedule_changes_the_training() -> None:
    assert ended(training()) != ended(training(at_epoch=lambda epoch: None))


def test_a_model_in_training_is_exported_as_in_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """There DropBlock gives back what it was given (test_drop_block.py); the file itself is compared with torch elsewhere."""
    segmenter, card = model().train(), small()[1]
    exported: list[nn.Module] = []

    def refuse(given: nn.Module, *arguments: Any, **options: Any) -> None:
        exported.append(given)
        raise RuntimeError("seen")

    monkeypatch.setattr(torch.export, "export", refuse)
    with pytest.raises(PipelineError, match="seen"):
        export.to_onnx(segmenter, card)
    assert len(drops(exported[0])) == 6
    assert not any(module.training for module in exported[0].modules())

"""segpipe replay after trainings that were made to fail: what it names, what it refuses, and that it changes nothing."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from torch import Tensor
from typer.testing import CliRunner

from segpipe.cli.main import app
from segpipe.dataset.pack import Pack
from segpipe.errors import PipelineError
from segpipe.losses import table as losses
from segpipe.losses.table import Losses
from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.storage import files
from segpipe.training import encoder_schedule, failed_step
from segpipe.workflows import train, training_data

CLASS = 2
"""Of the sample's, the one that is spoilt."""


@pytest.fixture
def project(sample_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same data and folds, to be spoilt."""
    folder = tmp_path / "a project"
    shutil.copytree(sample_project, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    change(**{"runtime.workers": 0, "train.epochs": 2})
    return folder


def change(**values: Any) -> None:
    edit.write(Path("params.yaml"), values)


def spoil_loss(patch: pytest.MonkeyPatch, spoilt: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Each image's loss becomes what `spoilt` makes of it, the logits and the target."""
    before = losses.build

    def build(*given: Any) -> losses.LossFunction:
        right = before(*given)

        def loss(logits: Tensor, target: Tensor) -> Losses:
            found = right(logits, target)
            return found | {"loss": spoilt(found["loss"], logits, target)}

        return loss

    patch.setattr(losses, "build", build)


def infinite_in_class(loss: Tensor, logits: Tensor, target: Tensor) -> Tensor:
    return loss + torch.where(target == CLASS, math.inf, 0.0 * logits[:, 0]).mean(dim=(1, 2))


def break_statistic(patch: pytest.MonkeyPatch, at: float) -> None:
    """A statistic becomes infinite at a batch, as a function of the epoch alone."""

    def at_epoch(network: torch.nn.Module, *given: Any) -> Callable[[float], None]:
        norm = next(each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d))
        return lambda epoch: norm.running_var.fill_(math.inf) if epoch == at else None  # type: ignore[union-attr, return-value]

    patch.setattr(encoder_schedule, "at_epoch", at_epoch)


def fail(**values: Any) -> tuple[str, Path]:
    """The sentence that the training ends with, and the folder that it names."""
    change(**values)
    with pytest.raises(PipelineError) as caught:
        train.train(TrainKeys.of(load_params()), 0)
    (folder,) = Path(".resume").glob("not-finite-*")
    return str(caught.value), folder


def replay(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["replay", str(folder), *options])


def said(folder: Path, *options: str) -> str:
    result = replay(folder, *options)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refused(folder: Path, *options: str) -> str:
    result = replay(folder, *options)
    assert isinstance(result.exception, PipelineError), (result.output, result.exception)
    return str(result.exception)


def with_class() -> set[str]:
    """The training images that have a pixel of the class."""
    data = training_data.read_fold(0)
    pack: Pack = data.pack
    return {item for item in data.train_ids if (pack.mask(item) == CLASS).any()}


def contents(but: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file() and path.name != but}


def test_the_step_is_kept_and_its_class_and_images_are_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        spoil_loss(patch, infinite_in_class)
        sentence, folder = fail(**{"runtime.save_every": 0.0, "train.ema": 0.9, "train.accumulate": 2})
        failed = failed_step.read(folder)[0]
        before = contents("images.png")
        found = said(folder)
    assert sentence.endswith(f"it came from: segpipe replay {folder}")
    assert (failed.epoch, failed.fold, failed.broken) == (0, 0, "loss") and len(failed.images) > 1
    assert contents("images.png") == before, "states, log and models are as they were"
    assert f"epoch 1, batch {failed.batch + 1}: the loss is not finite, here as it was then" in found
    assert "where: operation where in the loss, workflows/test_replay.py:" in found
    name = training_data.read_fold(0).pack.info.classes[CLASS]
    assert f"\nclass: {name}\n" in found
    (images,) = [line for line in found.splitlines() if line.startswith("image: ")]
    guilty = images.removeprefix("image: ").split(" (")[0].split(", ")
    assert {*guilty} == {*guilty} & {*failed.images} & with_class(), "a crop may have lost it"
    assert "try: weights and logits are of usual size, so it is loss.name: " in found
    assert (folder / "images.png").read_bytes().startswith(b"\x89PNG")
    mended = said(folder)
    assert "now: the step is finite, with a loss of " in mended
    assert "result: the step is finite here; nothing that is recorded differs from then" in mended


def test_another_training_is_refused_and_names_what_differs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_loss(monkeypatch, infinite_in_class)
    _, folder = fail(**{"optim.lr": 0.5})
    change(**{"optim.lr": 0.25})
    assert "this is not the training that failed: optim.lr was 0.5 and is 0.25. " in refused(folder)
    result = replay(folder, "--anyway")
    assert result.exit_code == 0 and "not finite, here as it was then" in result.stdout
    assert "warning: this is not the step that failed: optim.lr was 0.5 and is 0.25" in result.stderr
    change(**{"model.width": 8})
    assert "its state does not fit the training here (" in refused(folder, "--anyway")
    assert "no step to replay (no file about.json)" in refused(Path(".resume"))


def test_a_training_that_had_run_away_blames_no_image(project: Path) -> None:
    steep = {"optim.name": "sgd", "optim.lr": 1000.0, "optim.weight_decay": 1000.0}
    sentence, folder = fail(**steep | {"optim.clip_norm": 0.0, "optim.warmup_epochs": 0})
    assert "not a finite number" in sentence
    found = said(folder)
    assert "so no image or class is to blame: optim.lr: 0.1 (1000 now), optim.clip_norm: 1 (0 now), or more of " in found


def test_what_half_precision_cannot_hold_is_tried_in_fp32(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_bf16(loss: Tensor, logits: Tensor, target: Tensor) -> Tensor:
        return loss / (0.0 if logits.dtype == torch.bfloat16 else 1.0)

    spoil_loss(monkeypatch, in_bf16)
    found = said(fail(**{"train.precision": "bf16"})[1])
    assert "in fp32 this step is finite\n" in found and "try: train.precision: fp32 (bf16 now)" in found


@pytest.mark.parametrize("save_every", [0.0, 600.0])
def test_broken_weights_are_searched_from_the_newest_state_before(
    project: Path, monkeypatch: pytest.MonkeyPatch, save_every: float
) -> None:
    break_statistic(monkeypatch, 1 + 1 / train.prepare(TrainKeys.of(load_params()), 0).run.n_batches)
    sentence, folder = fail(**{"runtime.save_every": save_every})
    assert "the model holds numbers that are not finite after epoch 2 (in " in sentence
    failed, state = failed_step.read(folder)
    assert failed.images == () and bool(state) == (save_every == 0)
    found = said(folder)
    assert f"trains on from epoch {2 if state else 1}, batch {2 if state else 1}, the newest state before it" in found
    assert "epoch 2, batch 2: a weight or a statistic is not finite" in found
    assert ".running_var, a statistic of " in found


def test_a_step_that_cannot_be_kept_does_not_hide_why_the_training_ended(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files.write_bytes

    def write(path: Path, content: bytes) -> None:
        if path.name == failed_step.STATE:
            raise PipelineError(f"{path}: could not be written (no space).")
        before(path, content)

    spoil_loss(monkeypatch, infinite_in_class)
    monkeypatch.setattr(files, "write_bytes", write)
    with pytest.raises(
        PipelineError, match=r"the loss is not a finite number .* could not be kept to be looked into: .*no space"
    ):
        train.train(TrainKeys.of(load_params()), 0)

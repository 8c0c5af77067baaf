"""The gate before the long run: planted faults are each found with their sentence, and a healthy training is let through."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from segpipe import paths
from segpipe.dataset import normalise, pack
from segpipe.dataset.pack import Pack
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.losses import table as losses
from segpipe.losses.table import Classes
from segpipe.models.table import MODELS
from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.params.schema import LossParams
from segpipe.params.stage_keys import SanityKeys
from segpipe.training import optim, precision
from segpipe.workflows import sanity_variants
from segpipe.workflows.sanity import sanity
from stages import convert, download, split
from stages import sanity as stage
from tests import plain_params
from tests.structure.imports import ROOT

SETTINGS: dict[str, Any] = {
    "data.sample.n_images": 40,
    "data.sample.size": 64,
    "input.crop": 64,
    "model.width": 8,
    "model.depth": 3,
    "optim.lr": 0.003,
    "runtime.workers": 0,
    "runtime.device": "cpu",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample, split."""
    folder = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copy(ROOT / "runtime.lock", folder)
        plain_params.write(folder)
        (folder / "kept_folds.csv").touch()
        edit.write(Path("params.yaml"), SETTINGS)
        for each in (download, convert, split):
            each.main()
    return folder


@pytest.fixture
def project(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same data and folds, to be spoilt."""
    folder = tmp_path / "project"
    shutil.copytree(whole, folder)
    monkeypatch.chdir(folder)
    return folder


def checked(**changes: Any) -> dict[str, list[str]]:
    """What is found with these values; raises PipelineError with the problems."""
    edit.write(paths.PARAMS, {name.replace("__", "."): value for name, value in changes.items()})
    sanity(SanityKeys.of(load_params()))
    found: dict[str, list[str]] = json.loads((paths.SANITY / "result.json").read_text())
    return found


def refused(**changes: Any) -> str:
    with pytest.raises(PipelineError) as caught:
        checked(**changes)
    assert not paths.SANITY_PASSED.exists(), "no training starts"
    found = json.loads((paths.SANITY / "result.json").read_text())
    assert found["problems"] == str(caught.value).splitlines()[:-1]
    assert "data/sanity/batch.png shows the images and masks. To train all the same, write sanity.steps: 0." in str(caught.value)
    return str(caught.value)


def test_a_healthy_training_may_start_and_there_are_pictures(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage.main()
    said = capsys.readouterr()
    assert said.err == ""
    assert "its classes are told apart by 0." in said.out and "standard errors less" in said.out
    assert said.out.splitlines()[-2:] == ["result: data/sanity", "next:   dvc repro train"]
    batch, prediction = (cv2.imread(f"data/sanity/{name}.png") for name in ("batch", "prediction"))
    assert batch.shape == (7 * 64 + 6 * 4, 2 * 64 + 4, 3), "25 images in four batches"
    assert np.array_equal(prediction[:, : 2 * 64 + 4], batch), "truth beside prediction"
    passed = paths.SANITY_PASSED.read_bytes()
    contents = {path.name: path.read_bytes() for path in paths.SANITY.iterdir()}
    sanity(SanityKeys.of(load_params()))
    assert {path.name: path.read_bytes() for path in paths.SANITY.iterdir()} == contents, "the same bytes again"
    edit.write(paths.PARAMS, {"sanity.steps": 0})
    assert sanity(SanityKeys.of(load_params())) == ["nothing was checked: sanity.steps is 0"]
    assert paths.SANITY_PASSED.read_bytes() == passed, "or a training would run again"
    assert [path.name for path in paths.SANITY.iterdir()] == ["result.json"]


SLOW = [pytest.param(loss, marks=pytest.mark.slow) for loss in ("focal", "dice", "focal_tversky", "dice_pooled")]


@pytest.mark.parametrize("loss", ["dice_ce", "cross_entropy", "lovasz", *SLOW])
def test_no_loss_gives_a_false_alarm(project: Path, loss: str) -> None:
    found = checked(loss__name=loss)
    assert found["problems"] == [] == found["warnings"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_no_architecture_gives_a_false_alarm(project: Path, name: str) -> None:
    found = checked(model__name=name, model__encoder="resnet18", model__width=16, model__depth=4)
    assert found["problems"] == [] == found["warnings"]


def spoil_masks(monkeypatch: pytest.MonkeyPatch, change: Callable[[Pack, str], NDArray[np.uint8]]) -> None:
    own = Pack.mask

    def mask(pack: Pack, item: str) -> NDArray[np.uint8]:
        with monkeypatch.context() as patch:
            patch.setattr(Pack, "mask", own)
            return change(pack, item)

    monkeypatch.setattr(Pack, "mask", mask)


def test_masks_of_other_images(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [*folds.read(paths.FOLDS)]
    spoil_masks(monkeypatch, lambda pack, item: pack.mask(ids[(ids.index(item) + 1) % len(ids)]))
    assert "the masks do not lie on what the images show" in refused()


def test_masks_shifted_by_half(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_masks(monkeypatch, lambda pack, item: np.roll(pack.mask(item), 32, axis=(0, 1)))
    assert "They belong to other images, or are shifted, turned or mirrored" in refused()


def test_masks_that_do_not_follow_their_images(project: Path) -> None:
    """Flips and turns of their own: the classic mistake of an augmentation that draws twice."""
    said = refused(augment__flip_vertical=0.5, augment__affine=1.0, augment__rotate=90.0, augment__synchronised=False)
    assert "the masks do not lie on what the images show" in said
    assert "That is what augment.synchronised: false does. Write true." in said


@pytest.mark.parametrize(
    ("factor", "name"),
    [(1000, "adamw"), *(pytest.param(1e-5, name, marks=pytest.mark.slow) for name in ("adamw", "sgd"))],
)
def test_a_learning_rate_that_is_far_off(project: Path, factor: float, name: str) -> None:
    said = refused(optim__lr=0.003 * factor, optim__name=name)
    assert "one batch is not learned: " in said
    rates = r"0\.00[13]" if name == "adamw" else r"0\.0?1"
    assert re.search(rf"With optim\.lr: {rates} they are by 0\.\d+ after 30: write that\.", said), said


def test_values_that_are_not_normalised(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "statistics", lambda *given: ([0.0] * 3, [1 / 255 / 4] * 3))
    said = refused()
    assert "input.normalise: dataset gives the network values of mean " in said
    assert "from about 0 and 1. Write percentile." in said


def test_what_keeps_a_step_from_being_made_has_its_sentence(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate comes before the training, and so meets it first."""
    with pytest.raises(PipelineError, match="batch normalisation saw a single value"):
        checked(train__batch_size=1, input__crop=16, model__depth=4)

    def no_memory(*given: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99999999 bytes")

    monkeypatch.setattr(sanity_variants, "overfit", no_memory)
    with pytest.raises(PipelineError, match=r"out of memory in epoch 1, batch 1 of 4"):
        checked(train__batch_size=8, input__crop=64, model__depth=3)


def test_images_that_show_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Pack.image
    monkeypatch.setattr(Pack, "image", lambda pack, item: np.zeros_like(before(pack, item)))
    assert "each image of the batch has one value only" in refused(augment__preset="plain")


def test_everything_frozen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = optim.build

    def frozen(params: Any, model: torch.nn.Module, encoder: Any = None) -> torch.optim.Optimizer:
        return before(params, model.requires_grad_(False), encoder)

    monkeypatch.setattr(optim, "build", frozen)
    with pytest.raises(PipelineError, match=r"no weight of the network can learn: all are frozen"):
        checked()


def test_an_optimizer_that_moves_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "stepper", lambda *given: lambda: None)
    assert "no weight of the network moves" in refused()


def test_a_loss_of_the_wrong_sign(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = losses.build

    def built(params: LossParams, classes: Classes) -> losses.LossFunction:
        right = before(params, classes)
        return lambda logits, target: {name: -values for name, values in right(logits, target).items()}

    monkeypatch.setattr(losses, "build", built)
    assert "while pixels are predicted as what they are not" in refused()


def test_a_class_that_no_training_image_has(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = folds.read(paths.FOLDS)
    opened = pack.open_pack(paths.PREPARED)
    column = pack.pixel_columns(opened.info)[2]
    held = opened.index[column] > 0
    folds.write(paths.FOLDS, {item: "test" if held[item] else part for item, part in parts.items()})
    found = checked()
    name = opened.info.classes[2]
    assert f"no training image of fold 0 has a pixel of {name}: no model can learn it" in found["warnings"][0]
    assert f"warning: no training image of fold 0 has a pixel of {name}" in capsys.readouterr().err


def test_a_class_without_weight(project: Path) -> None:
    weights = [1.0] * len(json.loads((paths.PREPARED / "dataset.json").read_text())["classes"])
    found = checked(loss__name="cross_entropy", loss__class_weights="given", loss__weights=[*weights[:-1], 0.0])
    assert "the loss has no gradient in the pixels of " in found["warnings"][0]


@pytest.mark.slow
def test_weights_that_decay_faster_than_they_learn(project: Path) -> None:
    assert "With optim.weight_decay: 0.01" in refused(optim__weight_decay=300.0)


def test_too_few_images_to_ask_whether_masks_fit_are_said_to_be_so(project: Path) -> None:
    found = checked(train__limit_images=8)
    assert found["warnings"] == [] == found["problems"]
    assert found["lines"][-1].startswith("not checked whether masks fit the images: fewer than 12 of the first batches")


def test_batches_of_one_class_are_said_not_to_be_checked(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_masks(monkeypatch, lambda pack, item: np.zeros_like(pack.mask(item)))
    found = checked()
    assert found["problems"] == []
    assert "hold background alone: not checked whether classes are told apart and masks fit" in found["warnings"][-1]

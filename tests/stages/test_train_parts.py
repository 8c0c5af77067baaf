"""What a training's fingerprint covers: whatever can change a byte of it makes it another training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from segpipe.dataset import pack, presets
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.models.layers.resnet_encoder import ResNetEncoder
from segpipe.params.load import load_params
from segpipe.params.schema import Params
from segpipe.reproducibility import code_hash
from segpipe.storage.files import sha256_of
from segpipe.training import device, loop
from stages import train_parts
from tests.dataset.packs import made, noise
from tests.structure.imports import ROOT

EVERY = load_params(ROOT / "params.yaml")
CPU = torch.device("cpu")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data and folds, and the code where the stage looks for it."""
    monkeypatch.chdir(tmp_path)
    for package in code_hash.PACKAGES:
        (tmp_path / package).symlink_to(ROOT / package)
    fill(tmp_path, seed=0)
    return tmp_path


def fill(folder: Path, seed: int) -> None:
    images = {name: (noise(seed + number), np.ones((24, 32), np.uint8)) for number, name in enumerate("abcd")}
    made(folder / "data", images)
    folds.write(train_parts.FOLDS, {"a": "0", "b": "1", "c": "1", "d": "test"})


def fingerprint(every: Params = EVERY, fold: int = 0, versions: dict[str, str] | None = None, **others: Any) -> str:
    task = train_parts.task_of(every, fold, others.get("device", CPU))
    return train_parts.card_of(task, versions or {"torch": "2"}, others.get("weights")).fingerprint


def with_value(section: str, key: str, value: Any) -> Params:
    if not key:
        return EVERY.model_copy(update={section: value})
    return EVERY.model_copy(update={section: getattr(EVERY, section).model_copy(update={key: value})})


def test_the_same_training_has_the_same(project: Path) -> None:
    assert fingerprint() == fingerprint()


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("seed", "", 43),
        ("threads", "", 3),
        ("input", "crop", 64),
        ("augment", "rotate", 16.0),
        ("model", "width", 8),
        ("loss", "dice_weight", 0.25),
        ("optim", "lr", 0.1),
        ("train", "epochs", 3),
        ("infer", "overlap", 0.5),
    ],
)
def test_another_value_that_decides_makes_another(project: Path, section: str, key: str, value: Any) -> None:
    assert fingerprint(with_value(section, key, value)) != fingerprint()


def with_preset(**keys: Any) -> Params:
    return EVERY.model_copy(update={"augment": EVERY.augment.model_copy(update=keys)})


def test_the_values_of_a_preset_decide_and_not_those_that_it_overrules(project: Path) -> None:
    light = with_preset(preset="light")
    assert fingerprint(light) != fingerprint()
    assert fingerprint(with_preset(preset="light", rotate=99.0)) == fingerprint(light)
    task = train_parts.task_of(light, 0, CPU)
    assert train_parts.card_of(task, {}, None).training["params"]["augment"]["rotate"] == presets.LIGHT["rotate"]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("runtime", "workers", 0), ("runtime", "save_every", 1.0), ("tracking", "n_images", 0), ("report", "n_examples", 0)],
)
def test_what_decides_nothing_does_not(project: Path, section: str, key: str, value: Any) -> None:
    assert fingerprint(with_value(section, key, value)) == fingerprint()


def test_the_path_of_first_weights_does_not_but_their_hash_does(project: Path) -> None:
    here, there = (with_value("model", "weights", path) for path in ("/here/w.pth", "/there/w.pth"))
    assert fingerprint(here, weights="1" * 64) == fingerprint(there, weights="1" * 64) != fingerprint(here, weights="2" * 64)


def test_fold_versions_device_and_encoder_make_another(project: Path) -> None:
    found = [
        fingerprint(),
        fingerprint(fold=1),
        fingerprint(versions={"torch": "3"}),
        fingerprint(device=torch.device("cuda")),
        fingerprint(weights="1" * 64),
    ]
    assert len(set(found)) == len(found)


def test_code_and_vector_units_make_another(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    with monkeypatch.context() as patch:
        patch.setattr(code_hash, "code_hash", lambda root, modules: "another")
        assert fingerprint() != before
    with monkeypatch.context() as patch:
        patch.setattr(device, "instruction_set", lambda: "another")
        assert fingerprint() != before
    assert fingerprint() == before


def test_data_and_folds_make_another(project: Path, tmp_path: Path) -> None:
    before = fingerprint()
    folds.write(train_parts.FOLDS, {"a": "0", "b": "1", "c": "0", "d": "test"})
    assert fingerprint() != before
    fill(tmp_path, seed=9)
    assert fingerprint() != before
    assert pack.read_info(train_parts.PREPARED).n_images == 4


def ignore(folder: Path, *names: str) -> None:
    """The same images, of which these are ignored wholly."""
    masks = {name: np.full((24, 32), 255 if name in names else 1, np.uint8) for name in "abcd"}
    made(folder / "data", {name: (noise(number), masks[name]) for number, name in enumerate("abcd")})


def test_images_that_are_ignored_wholly_are_told(project: Path) -> None:
    assert train_parts.about_ignored(train_parts.task_of(EVERY, 0, CPU)) == []
    ignore(project, "c", "d")
    assert train_parts.about_ignored(train_parts.task_of(EVERY, 0, CPU)) == [
        "every pixel is ignored in 1 of the 2 training images (c): they change no weight"
    ]
    ignore(project, "a", "c")
    assert train_parts.about_ignored(train_parts.task_of(EVERY, 0, CPU))[1] == (
        "every pixel is ignored in 1 of the 1 validation images (a): "
        "no epoch is better than another, and the weights of the last are kept"
    )


def test_a_training_part_of_such_images_alone_is_refused(project: Path) -> None:
    ignore(project, "b", "c")
    with pytest.raises(
        PipelineError, match="fold 0: every pixel of every training image is ignored, so there is nothing to learn"
    ):
        train_parts.task_of(EVERY, 0, CPU)
    assert train_parts.task_of(EVERY, 1, CPU).train_ids == ["a"]


def with_encoder(path: Path, **optim: Any) -> Params:
    """A ResNet U-Net that starts from a file of random weights."""
    source = ResNetEncoder("resnet18", 3)
    save_file(source.state_dict(), path)
    model = {"name": "resnet_unet", "width": 4, "weights": str(path), "weights_sha256": sha256_of(path)}
    changes = {
        "model": EVERY.model.model_copy(update=model),
        "optim": EVERY.optim.model_copy(update=optim),
        "input": EVERY.input.model_copy(update={"crop": 32}),
        "runtime": EVERY.runtime.model_copy(update={"workers": 0}),
    }
    return EVERY.model_copy(update=changes)


def test_a_training_freezes_the_encoder_that_it_was_given_and_says_so(project: Path) -> None:
    every = with_encoder(project / "w.safetensors", encoder_frozen=2, encoder_rate=0.1)
    task = train_parts.task_of(every, 0, CPU)
    segmenter, sha256 = train_parts.segmenter_of(task)
    assert sha256 == sha256_of(project / "w.safetensors")
    assert train_parts.card_of(task, {}, sha256).training["encoder_weights"] == sha256
    assert train_parts.about_encoder(task, segmenter) == [
        "encoder: frozen for 2 of 25 epochs, learns at 0.1 of the rate",
        "advice: input.normalise is dataset, but the encoder's weights were most likely trained on imagenet or centred",
    ]
    run = train_parts.run_of(task, segmenter, None, ())
    encoder = segmenter.network.get_submodule("encoder")
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    loop.train_epoch(run)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    run.enter(2.0)
    assert all(weight.requires_grad for weight in encoder.parameters())
    assert [group["share"] for group in run.optimizer.param_groups] == [0.1, 1.0]


def test_without_weights_there_is_nothing_to_say(project: Path) -> None:
    task = train_parts.task_of(EVERY, 0, CPU)
    assert train_parts.about_encoder(task, train_parts.segmenter_of(task)[0]) == []


def test_the_weights_of_the_classes_are_told_recorded_and_make_another(project: Path) -> None:
    assert train_parts.weights_sentence(train_parts.task_of(EVERY, 0, CPU)) == ""
    every = with_value("loss", "class_weights", "median")
    task = train_parts.task_of(every, 0, CPU)
    names = task.data.info.classes
    assert train_parts.weights_sentence(task) == f"{names[0]} 1, {names[1]} 1; no training image holds {names[0]}"
    assert train_parts.card_of(task, {}, None).training["class_weights"] == [1, 1]
    assert train_parts.classes_of(task).weights == (1, 1)
    assert fingerprint(every) != fingerprint()

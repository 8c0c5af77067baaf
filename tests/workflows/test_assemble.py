"""What a training's fingerprint covers: whatever can change a byte of it makes it another training."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from segpipe import paths
from segpipe.dataset import class_weights, pack, presets
from segpipe.dataset.split import folds
from segpipe.diagnostics import memory
from segpipe.errors import PipelineError
from segpipe.losses import table as losses
from segpipe.models import whole_model
from segpipe.models.layers.resnet_encoder import ResNetEncoder
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility import code_hash
from segpipe.storage.files import sha256_of
from segpipe.tracking import mlflow_runs
from segpipe.training import loop, optim
from segpipe.workflows import model_card as model_cards
from segpipe.workflows import train
from segpipe.workflows.assemble import Training, assemble, batch_ids, training_crops
from segpipe.workflows.model_card import model_card
from segpipe.workflows.training_data import image_warnings, read_fold
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.structure.imports import ROOT

PARAMS = TrainKeys.of(plain_params.PARAMS)
CPU = torch.device("cpu")
HELD = 2 * 24 * 32 * 4
"""Bytes of the two decoded training images, RGB, and their masks."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data and folds."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, seed=0)
    return tmp_path


def fill(folder: Path, seed: int) -> None:
    images = {name: (noise(seed + number), np.ones((24, 32), np.uint8)) for number, name in enumerate("abcd")}
    made(folder / "data", images)
    folds.write(paths.FOLDS, {"a": "0", "b": "1", "c": "1", "d": "test"})


def training_of(params: TrainKeys = PARAMS, fold: int = 0) -> Training:
    return assemble(params, read_fold(fold, params.train.limit_images), CPU, {"torch": "2"})


def fingerprint(params: TrainKeys = PARAMS, fold: int = 0, versions: dict[str, str] | None = None, **others: Any) -> str:
    resolved = params.model_copy(update={"augment": presets.resolved(params.augment)})
    arguments = (others.get("device", CPU), versions or {"torch": "2"}, others.get("class_weights", ()), others.get("weights"))
    return model_card(resolved, read_fold(fold), *arguments).fingerprint


def with_value(section: str, key: str, value: Any) -> TrainKeys:
    if not key:
        return PARAMS.model_copy(update={section: value})
    return PARAMS.model_copy(update={section: getattr(PARAMS, section).model_copy(update={key: value})})


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
        ("train", "seed", 1),
        ("infer", "overlap", 0.5),
    ],
)
def test_another_value_that_decides_makes_another(project: Path, section: str, key: str, value: Any) -> None:
    assert fingerprint(with_value(section, key, value)) != fingerprint()


def test_another_seed_of_the_training_changes_every_draw_and_no_image(project: Path) -> None:
    fill_more = {f"i{number}": (noise(number), np.ones((24, 32), np.uint8)) for number in range(40)}
    made(project / "data", fill_more)
    folds.write(paths.FOLDS, {name: "0" if number < 20 else "1" for number, name in enumerate(fill_more)})
    one, other = training_of(), training_of(with_value("train", "seed", 1))
    assert one.data.train_ids == other.data.train_ids and one.data.validation_ids == other.data.validation_ids
    assert one.run.seed == PARAMS.seed != other.run.seed
    weights = [next(each.segmenter.network.parameters()) for each in (one, other)]
    assert not torch.equal(*weights)
    assert [batch_ids(one, 1, n) for n in range(3)] != [batch_ids(other, 1, n) for n in range(3)]
    crops = [training_crops(each.params, each.data, each.cache) for each in (one, other)]
    assert any(not np.array_equal(*(each.draw(epoch, "i20")[0] for each in crops)) for epoch in range(8))


def with_preset(**keys: Any) -> TrainKeys:
    return PARAMS.model_copy(update={"augment": PARAMS.augment.model_copy(update=keys)})


def test_the_values_of_a_preset_decide_and_not_those_that_it_overrules(project: Path) -> None:
    light = with_preset(preset="light")
    assert fingerprint(light) != fingerprint()
    assert fingerprint(with_preset(preset="light", rotate=99.0)) == fingerprint(light)
    training = training_of(light)
    assert training.card.training["params"]["augment"]["rotate"] == training.params.augment.rotate == presets.LIGHT["rotate"]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("runtime", "workers", 0), ("runtime", "save_every", 1.0), ("runtime", "cache_gib", 0.0), ("tracking", "n_images", 0)],
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
        patch.setattr(model_cards, "instruction_set", lambda precision: "another")
        assert fingerprint() != before
    assert fingerprint() == before


def test_data_and_folds_make_another(project: Path, tmp_path: Path) -> None:
    before = fingerprint()
    folds.write(paths.FOLDS, {"a": "0", "b": "1", "c": "0", "d": "test"})
    assert fingerprint() != before
    fill(tmp_path, seed=9)
    assert fingerprint() != before
    assert pack.read_info(paths.PREPARED).n_images == 4


def ignore(folder: Path, *names: str) -> None:
    """The same images, of which these are ignored wholly."""
    masks = {name: np.full((24, 32), 255 if name in names else 1, np.uint8) for name in "abcd"}
    made(folder / "data", {name: (noise(number), masks[name]) for number, name in enumerate("abcd")})


def test_images_that_are_ignored_wholly_are_told(project: Path) -> None:
    assert image_warnings(read_fold(0), PARAMS.input.model_copy(update={"crop": 16})) == []
    ignore(project, "c", "d")
    assert image_warnings(read_fold(0), PARAMS.input.model_copy(update={"crop": 16})) == [
        "every pixel is ignored in 1 of the 2 training images (c): they change no weight"
    ]
    ignore(project, "a", "c")
    assert image_warnings(read_fold(0), PARAMS.input.model_copy(update={"crop": 16}))[1] == (
        "every pixel is ignored in 1 of the 1 validation images (a): "
        "no epoch is better than another, and the weights of the last are kept"
    )


def test_a_training_part_of_such_images_alone_is_refused(project: Path) -> None:
    ignore(project, "b", "c")
    with pytest.raises(
        PipelineError, match="fold 0: every pixel of every training image is ignored, so there is nothing to learn"
    ):
        read_fold(0)
    assert read_fold(1).train_ids == ["a"]


def with_encoder(path: Path, **optim: Any) -> TrainKeys:
    """A ResNet U-Net that starts from a file of random weights."""
    source = ResNetEncoder("resnet18", 3)
    save_file(source.state_dict(), path)
    model = {"name": "resnet_unet", "width": 4, "weights": str(path), "weights_sha256": sha256_of(path)}
    changes = {
        "model": PARAMS.model.model_copy(update=model),
        "optim": PARAMS.optim.model_copy(update=optim),
        "input": PARAMS.input.model_copy(update={"crop": 32}),
        "runtime": PARAMS.runtime.model_copy(update={"workers": 0}),
    }
    return PARAMS.model_copy(update=changes)


def test_a_training_freezes_the_encoder_that_it_was_given_and_says_so(project: Path) -> None:
    training = training_of(with_encoder(project / "w.safetensors", encoder_frozen=2, encoder_rate=0.1))
    assert training.card.training["encoder_weights"] == sha256_of(project / "w.safetensors")
    assert train.encoder_notes(training) == [
        "encoder: frozen for 2 of 25 epochs, learns at 0.1 of the rate",
        "advice: input.normalise is dataset, but the encoder's weights were most likely trained on imagenet or centred",
    ]
    run, encoder = training.run, training.encoder
    assert encoder
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    loop.train_epoch(run)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    run.at_epoch(2.0)
    assert all(weight.requires_grad for weight in encoder.parameters())
    assert [group["lr_scale"] for group in run.optimizer.param_groups] == [0.1, 1.0]


def test_without_weights_there_is_nothing_to_say(project: Path) -> None:
    assert train.encoder_notes(training_of()) == []


def test_a_cache_that_holds_not_all_images_is_told(project: Path) -> None:
    # Two training images of 24 x 32 pixels, 5 bytes each.
    for gib, said in ((1.0, ""), (0.0, ""), (4000 / 2**30, "1 of 2 training images are kept decoded, in 0.00 GiB; ")):
        assert train.cache_sentence(training_of(with_value("runtime", "cache_gib", gib))).startswith(said)
        assert bool(train.cache_sentence(training_of(with_value("runtime", "cache_gib", gib)))) == bool(said)


def test_images_are_kept_where_the_model_trains_if_they_leave_it_room(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = with_value("augment", "library", "torchvision")
    monkeypatch.setattr(memory, "available_memory", lambda device: 2 * HELD)
    training = training_of(params)
    assert train.cache_sentence(training) == "all 2 training images are kept decoded, and changed, in the memory of cpu"
    assert not training.cache.slots
    monkeypatch.setattr(memory, "available_memory", lambda device: 2 * HELD - 1)
    with pytest.raises(PipelineError, match=r"keeps the 2 decoded training images in the memory of cpu.*Write albumentations"):
        training_of(params)
    training_of()


def test_a_training_that_changes_images_where_it_trains_repeats_itself(project: Path) -> None:
    params = with_value("augment", "library", "torchvision")
    found = []
    for workers in (0, 2):
        run = training_of(params.model_copy(update={"runtime": params.runtime.model_copy(update={"workers": workers})})).run
        record, _ = loop.train_epoch(run)
        found.append((record["train_loss"], [tensor.clone() for tensor in run.weights().values()]))
    (loss, weights), (again, others) = found
    assert loss == again
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))
    # The same seeds draw other changes there.
    assert loop.train_epoch(training_of().run)[0]["train_loss"] != loss
    assert fingerprint(params) != fingerprint()


@pytest.mark.parametrize("rare", [0.0, 1.0])
def test_the_images_of_a_batch_are_known_without_reading_one(project: Path, rare: float) -> None:
    augment = PARAMS.augment.model_copy(update={"rare_classes": rare, "object_crop": rare})
    training = training_of(with_value("train", "batch_size", 1).model_copy(update={"augment": augment}))
    read = [[batch.ids for batch in training.run.batches(epoch, 0)] for epoch in range(8)]
    assert [[batch_ids(training, epoch, number) for number in range(2)] for epoch in range(8)] == read
    assert len({tuple(ids) for ids in read}) > 1


def test_a_batch_in_parts_trains_and_parts_without_an_image_are_refused(project: Path) -> None:
    assert fingerprint(with_value("train", "accumulate", 2)) != fingerprint()
    training = training_of(with_value("train", "accumulate", 2))
    sizes: list[int] = []
    training.run.model.register_forward_pre_hook(lambda model, given: sizes.append(len(given[0])))
    loop.train_epoch(training.run)
    assert sizes == [1, 1]
    with pytest.raises(PipelineError, match=r"3 parts a batch, but 2 training images make batches of 2\. Write 2 or fewer"):
        training_of(with_value("train", "accumulate", 3))
    # An epoch of steps has full batches, of more than one pass where the images are fewer.
    steps = with_value("train", "accumulate", 3)
    full = steps.model_copy(update={"train": steps.train.model_copy(update={"steps_per_epoch": 2})})
    sizes.clear()
    training = training_of(full)
    training.run.model.register_forward_pre_hook(lambda model, given: sizes.append(len(given[0])))
    loop.train_epoch(training.run)
    assert sum(sizes) == 2 * full.train.batch_size and len(sizes) == 6


def test_the_weights_of_the_classes_are_told_recorded_and_make_another(project: Path) -> None:
    assert train.class_weights_sentence(training_of()) == ""
    params = with_value("loss", "class_weights", "median")
    training = training_of(params)
    names = training.data.pack.info.classes
    assert train.class_weights_sentence(training) == f"{names[0]} 1, {names[1]} 1; no training image holds {names[0]}"
    assert training.card.training["class_weights"] == [1, 1]
    assert training.classes.weights == (1, 1)
    assert fingerprint(params, class_weights=(1.0, 1.0)) == training.card.fingerprint != fingerprint()


def test_each_part_is_built_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            built.append(name)
            return function(*given, **named)

        return call

    for module, name in ((whole_model, "build"), (losses, "build"), (class_weights, "weights"), (optim, "build")):
        monkeypatch.setattr(module, name, counted(f"{module.__name__}.{name}", getattr(module, name)))
    params = with_value("loss", "class_weights", "median")
    params = params.model_copy(update={"train": params.train.model_copy(update={"epochs": 1, "limit_images": 2})})
    params = params.model_copy(update={"runtime": params.runtime.model_copy(update={"workers": 0})})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project / 'mlflow.db'}")
    monkeypatch.setattr(mlflow_runs, "start", lambda *given: Untracked())
    shutil.copy(ROOT / "runtime.lock", project)
    train.train(params, 0)
    assert sorted(built) == sorted(set(built)), "a part was built twice"
    assert len(built) == 4


class Untracked:
    """A tracker that tracks nothing."""

    def __getattr__(self, name: str) -> Callable[..., int]:
        return lambda *given, **named: -1

"""params.yaml: complete, read alike by every YAML, and each mistake answered by one sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.params.schema import LossMix
from tests import plain_params
from tests.structure.imports import ROOT

FILE = ROOT / "params.yaml"
PRIVATE = {"train__strategy": "private", "input__normalise": "centred"}
FEDERATED = {"train__strategy": "federated"}
VOC = {"data__source": "voc"}
VOC_CLASSES = load_params(FILE).data.voc.classes
MERGED = {"data__class_map": {"cat": "pet", "dog": "pet", "tvmonitor": "__ignore__"}}


def changed(folder: Path, **values: Any) -> Path:
    """params.yaml with other values; keys are written section__key, and a value of ... takes the key out."""
    content = yaml.safe_load(plain_params.TEXT)
    for key, value in values.items():
        *sections, last = key.split("__")
        section = content
        for name in sections:
            section = section[name]
        if value is ...:
            del section[last]
        else:
            section[last] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def message(path: Path) -> str:
    with pytest.raises(PipelineError) as caught:
        load_params(path)
    return str(caught.value)


def test_the_projects_own_file_is_valid() -> None:
    assert load_params(FILE).loss.dice_weight == 0.5


def test_pyyaml_and_ruamel_read_it_alike() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert YAML(typ="safe").load(text) == yaml.safe_load(text)


def test_it_is_complete_and_stays_readable() -> None:
    def count(section: Any) -> int:
        return sum(map(count, section.values())) if isinstance(section, dict) else 1

    keys = count(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    assert keys < 180


def test_a_float_that_pyyaml_reads_as_text_is_a_float(tmp_path: Path) -> None:
    path = changed(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("lr: 0.002", "lr: 1e-4"), encoding="utf-8")
    assert load_params(path).optim.lr == 1e-4


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"loss__dice_wieght": 1}, "loss.dice_wieght: no such key; did you mean dice_weight?"),
        ({"optim__lr": -1.0}, "optim.lr: -1.0 will not do. Input should be greater than 0."),
        ({"optim__lr": 1e39}, "optim.lr: 1e+39 will not do. Input should be less than or equal to 1000."),
        ({"optim__weight_decay": 1e39}, "optim.weight_decay: 1e+39 will not do. Input should be less than or equal to 1000."),
        ({"model__name": "unet3"}, "model.name: 'unet3' will not do."),
        ({"model__name": "attention_unet", "model__depth": 1}, "model.depth: 1 is too small for attention_unet, which needs 2."),
        ({"augment__preset": "strong"}, "augment.preset: 'strong' will not do. Input should be 'custom', 'plain', 'light'"),
        ({"augment__scale_max": 0.5}, "augment.scale_max: 0.5 will not do. Input should be greater than or equal to 1."),
        ({"augment__scale": 0.2}, "augment.scale: no such key"),
        ({"seed": ...}, "seed: is missing."),
        (
            {"model__name": "resnet_unet", "model__encoder": "mobilenet_v2"},
            "model.encoder: 'mobilenet_v2' is none of the encoders that resnet_unet takes. "
            "Write one of resnet18, resnet34, resnet50.",
        ),
        (
            {"model__name": "pretrained_attention_r2unet", "model__encoder": "resnet101"},
            "model.encoder: 'resnet101' is none of the encoders that pretrained_attention_r2unet takes. ",
        ),
        ({"input__crop": 100}, "input.crop: 100 is not a multiple of 16, the stride of model.name unet. Write 112."),
        (
            {"model__name": "smp", "model__architecture": "PAN", "input__crop": 96},
            "input.crop: 96 is not a multiple of 128, the stride of smp's PAN. Write 128.",
        ),
        (
            {"model__name": "smp", "model__architecture": "PAN", "infer__tile": 544},
            "infer.tile: 544 is not a multiple of 128, the stride of smp's PAN. Write 640.",
        ),
        (
            {"model__name": "smp", "model__architecture": "FPN", "input__crop": 80},
            "input.crop: 80 is not a multiple of 32, the stride of smp's FPN. Write 96.",
        ),
        ({"data__path": "../mine"}, 'data.path: the sample is made in data/raw, but this says "../mine". Write data/raw.'),
        ({"data__source": "masks", "data__path": "~/mine"}, 'data.path: "~/mine" would mean another folder'),
        ({"folds": []}, "folds: "),
        ({"data__voc__classes": ["a", "b", "a"]}, "data.voc.classes: a stands there twice. Name each class once."),
        ({"folds": [0, 0]}, "folds: a fold is named twice."),
        ({"train__precision": "fp16", "runtime__device": "cpu"}, "train.precision: fp16 needs a GPU"),
        ({"train__accumulate": 9}, "train.accumulate: 9 parts of a batch of 8 images (train.batch_size) would leave some empty"),
        ({"train__accumulate": 2, "loss__name": "dice_pooled"}, "train.accumulate: dice_pooled is one number of a whole batch"),
        (
            {"train__accumulate": 2, "loss__name": "mix", "loss__mix__dice_pooled": 0.5},
            "which its parts cannot add up to. Write 1, or take dice in its place (loss.name, loss.mix).",
        ),
        ({**FEDERATED, "input__normalise": "percentile"}, "percentile is a median over the images of all sites. Write dataset"),
        ({**FEDERATED, "train__ema": 0.9}, "train.ema: 0.9 averages the steps of one training, and here are many. Write 0."),
        (
            {**FEDERATED, "train__validate_images": 5},
            "train.validate_images: 5 is a choice among the images of all sites. Write 0.",
        ),
        (
            {**FEDERATED, "train__accumulate": 2, "runtime__processes": 2},
            "federated, but runtime.processes: 2, and its sites train one after another. Write 1.",
        ),
        (
            {**FEDERATED, "train__epochs": 10, "federated__local_epochs": 3},
            "train.epochs: 10 is no multiple of federated.local_epochs, 3. Write 9.",
        ),
        ({**PRIVATE, "loss__class_weights": "log"}, "log counts the pixels of private images. Write given or none."),
        ({**PRIVATE, "loss__class_weights": "median"}, "median counts the pixels of private images. Write given or none."),
        ({**PRIVATE, "input__normalise": "dataset"}, "input.normalise: dataset is computed from private images. Write centred"),
        ({**PRIVATE, "input__normalise": "percentile"}, "percentile is computed from private images. Write centred, imagenet"),
        (
            {**PRIVATE, "loss__name": "dice_pooled"},
            "dice_pooled (loss.name, loss.mix) is one number of a whole batch, and no image",
        ),
        ({**PRIVATE, "loss__name": "mix", "loss__mix__dice_pooled": 0.5}, "and no image's own. Take dice in its place."),
        ({**PRIVATE, "train__steps_per_epoch": 9}, "train.steps_per_epoch: 9 is not how its batches are drawn. Write 0."),
        ({**FEDERATED, "train__steps_per_epoch": 9}, "train.steps_per_epoch: 9 would count those of all sites together."),
        ({**PRIVATE, "train__early_stop": 3}, "train.early_stop: 3 lets private validation images decide when to stop. Write 0."),
        ({**PRIVATE, "optim__schedule": "plateau"}, "plateau lets private validation images decide the learning rate. Write cos"),
        ({**PRIVATE, "train__save_top_k": 2}, "train.save_top_k: 2 lets private validation images choose epochs. Write 1."),
        ({**PRIVATE, "train__precision": "fp16"}, "fp16 scales gradients, which clipping would undo. Write fp32 or bf16."),
        ({**PRIVATE, "runtime__processes": 2, "train__accumulate": 2}, "2 would each draw noise of their own. Write 1."),
        ({**PRIVATE, "dp__target_epsilon": 0}, "dp.noise_multiplier is 0, and so is dp.target_epsilon, by which it would be ch"),
        ({"optim__encoder_frozen": 2}, "optim.encoder_frozen: 2, but model.weights is none, so the encoder starts from nothing"),
        ({"optim__encoder_rate": 0}, "its random weights would never learn. Write 1.0, or bring weights by model.weights"),
        ({"optim__encoder_statistics": "keep"}, "it came with no statistics. Write learn, or bring weights"),
        ({"optim__encoder_frozen": 1, "model__weights": "imagenet"}, "1, but model.name unet takes no weights, so"),
        (
            {"optim__encoder_frozen": 25, "model__weights": "imagenet", "model__name": "resnet_unet"},
            "optim.encoder_frozen: 25 of the 25 epochs of train.epochs, so the encoder would never learn. Write fewer",
        ),
        ({"optim__lr": float("nan")}, "optim.lr: nan will not do."),
        (
            {
                "model__name": "smp",
                "model__architecture": "DPT",
                "model__encoder": "tu-vit_small_patch14_dinov2",
                "input__crop": 128,
            },
            "input.crop: 128 is not a multiple of 14, the stride of smp's DPT with the encoder 'tu-vit_small_patch14_dinov2'. "
            "Write 140.",
        ),
        (
            {
                "model__name": "smp",
                "model__architecture": "DPT",
                "model__encoder": "tu-vit_small_patch14_dinov2",
                "input__crop": 4096,
            },
            # 4102 would be the next one, and above what is allowed.
            "Write 4088.",
        ),
        ({"loss__name": "mix", "loss__mix": dict.fromkeys(LossMix.model_fields, 0)}, "loss.mix: every loss has the weight 0."),
        ({"loss__mix__dice": -1}, "loss.mix.dice: -1 will not do. Input should be greater than or equal to 0."),
        ({"loss__mix__focall": 1}, "loss.mix.focall: no such key; did you mean focal?"),
        ({"loss__class_weights": "given", "loss__weights": [0, 0]}, "loss.weights: every class has the weight 0."),
        ({"loss__class_weights": "given", **VOC}, "loss.weights: 2 numbers for the 21 classes of data.voc. Write one a class"),
        ({"loss__class_weights": "given", **VOC, **MERGED}, "loss.weights: 2 numbers for the 19 classes of data.voc."),
        (
            {"model__name": "resnet_unet", "model__weights": "bundled"},
            "model.weights: no bundled weights fit resnet_unet with the encoder 'resnet18'. Write model.name "
            "pretrained_attention_r2unet or laplacian_fpn or smp with one of the encoders tu-efficientnet_lite0, "
            "tu-efficientnet_lite1, tu-efficientnet_lite2, or imagenet, a file or none.",
        ),
        (
            {"model__name": "smp", "model__encoder": "tu-efficientnet_lite3", "model__weights": "bundled"},
            "model.weights: no bundled weights fit smp with the encoder 'tu-efficientnet_lite3'. Write model.name ",
        ),
        ({"loss__tversky_beta": 0}, "loss.tversky_beta: 0 will not do. Input should be greater than 0."),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path: Path, values: dict[str, Any], sentence: str) -> None:
    assert sentence in message(changed(tmp_path, **values))


def test_weights_that_nobody_reads_are_not_counted(tmp_path: Path) -> None:
    given = {"loss__class_weights": "given", "data__class_map": dict.fromkeys(VOC_CLASSES[1:], "thing")}
    assert load_params(changed(tmp_path, **VOC, **given)).loss.weights == (1, 1)
    assert load_params(changed(tmp_path, **VOC)).loss.weights == (1, 1)
    assert load_params(changed(tmp_path, loss__mix=dict.fromkeys(LossMix.model_fields, 0))).loss.name == "dice_ce"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = message(changed(tmp_path, loss__dice_weight=2, optim__lr=0, zzz=1))
    assert len(text.splitlines()) == 3


def test_all_mistakes_of_the_model_are_told_at_once(tmp_path: Path) -> None:
    text = message(
        changed(tmp_path, model__name="resnet_unet", model__encoder="x\ny", model__width=[8, 8], model__weights_sha256="0")
    )
    assert [line.split(":")[1].strip() for line in text.splitlines()] == ["model.weights_sha256", "model.encoder", "model.width"]


def test_a_misspelt_key_is_one_mistake(tmp_path: Path) -> None:
    path = changed(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("dice_weight", "dice_wieght"), encoding="utf-8")
    assert message(path) == f"{path}: loss.dice_wieght: no such key; did you mean dice_weight?"


@pytest.mark.parametrize("name", ["on", "1", "no"])
def test_a_name_in_the_class_map_that_yaml_takes_for_something_else(name: str, tmp_path: Path) -> None:
    path = changed(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("class_map: {}", f"class_map:\n    {name}: cat\n    dog: cat"), encoding="utf-8")
    assert message(path).startswith(f"{path}: data.class_map: YAML reads a name there as ")
    path.write_text(text.replace("class_map: {}", f'class_map:\n    "{name}": cat\n    dog: cat'), encoding="utf-8")
    assert load_params(path).data.class_map == {name: "cat", "dog": "cat"}


def test_no_file_and_no_yaml(tmp_path: Path) -> None:
    assert "no such file" in message(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1", encoding="utf-8")
    assert "cannot be read as YAML" in message(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("", encoding="utf-8")
    assert "params.yaml is empty: it holds no key. Bring it back with `git checkout" in message(tmp_path / "params.yaml")


@pytest.mark.parametrize("section", ["loss", "train"])
def test_a_section_without_its_keys_is_told(section: str, tmp_path: Path) -> None:
    path = changed(tmp_path, **{section: None})
    assert message(path) == f"{path}: {section}: None is no section. Write its keys below it, each in a line, indented."


def test_a_yaml_tag_is_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"seed: !!python/object/apply:os.mknod ['{tmp_path / 'marker'}']\n", encoding="utf-8")
    assert "cannot be read as YAML" in message(path)
    assert not (tmp_path / "marker").exists()


def test_sections_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_params(FILE).loss.dice_weight = 1.0  # type: ignore[misc]

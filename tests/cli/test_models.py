"""segpipe models: a table that a person and a program can read, and a sentence for what is wrong."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from segpipe.cli.main import app
from segpipe.diagnostics import architecture_costs, memory
from segpipe.diagnostics.dry_run import TrainingShape
from segpipe.errors import PipelineError
from segpipe.models import table
from segpipe.models.segmenter import Segmenter
from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.params.schema import Params
from segpipe.storage.files import write_json
from segpipe.workflows import model_costs
from tests import plain_params
from tests.models.small_transformers import DINOV2, make_small
from tests.structure.imports import ROOT

WIDTHS = [4, 8]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a params.yaml of small models, and a table of two architectures, of which the second does not fit them."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    plain_params.write(tmp_path)
    change(tmp_path, depth=1, width=WIDTHS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(table, "MODELS", ("unet", "resnet_unet"))
    yield tmp_path
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def change(project: Path, **keys: Any) -> None:
    """Writes other values into the model section."""
    edit.write(project / "params.yaml", {f"model.{key}": value for key, value in keys.items()})


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["models", "--crop", "32", "--batch", "3", *options])


def error_of(*options: str) -> str:
    done = run(*options)
    assert isinstance(done.exception, PipelineError), done.output
    return str(done.exception)


def unet_parameters(channels: int, n_logits: int) -> int:
    """By hand, from the paper's figure 1: 3 x 3 convolutions without bias, a scale and a shift each; 2 x 2 up, with bias."""

    def double(before: int, own: int) -> int:
        return 9 * before * own + 9 * own * own + 2 * 2 * own

    down = sum(double(before, own) for before, own in zip([channels, *WIDTHS], WIDTHS, strict=False))
    up = sum(4 * 2 * own * own + own + double(2 * own, own) for own in WIDTHS[:-1])
    return down + up + WIDTHS[0] * n_logits + n_logits


def unet_multiply_adds(channels: int, n_logits: int, side: int) -> int:
    """By hand, likewise: each weight of a convolution counts once a pixel."""
    pixels = [(side // 2**level) ** 2 for level in range(len(WIDTHS))]
    down = sum(
        area * 9 * (before * own + own * own) for area, before, own in zip(pixels, [channels, *WIDTHS], WIDTHS, strict=False)
    )
    # A transposed convolution of stride 2 reads a pixel for each four that it gives.
    up = sum(area * (2 * own * own + 9 * (2 * own * own + own * own)) for area, own in zip(pixels, WIDTHS[:-1], strict=False))
    return down + up + pixels[0] * WIDTHS[0] * n_logits


def test_the_table_can_be_read_and_a_row_that_cannot_be_built_says_why(project: Path) -> None:
    done = run("--memory", "1")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert "largest batch: within 1.0 GiB, given by --memory" in lines
    head = next(number for number, line in enumerate(lines) if line.startswith("  model "))
    row = re.split(r"\s{2,}", lines[head + 1])
    assert row[0] == "> unet"
    for cell, form in zip(row[1:], (r"[\d.]+ M", r"[\d.e-]+ G", r"\d+ MiB", r"[\d.]+ ms", r"\d+"), strict=True):
        assert re.fullmatch(form, cell)
    assert re.fullmatch(r"  resnet_unet( +-){5}", lines[head + 2])
    assert "resnet_unet: model.width: 2 numbers for 5 levels of resnet_unet. Write one number or 5." in lines
    assert lines[-2] == "result: 1 of 2 architectures fit these settings"
    assert lines[-1].startswith("next:   ") and "dvc exp run -S model.name=" in lines[-1]


def test_the_numbers_are_those_by_hand_and_the_largest_batch_fits_by_the_same_measure(project: Path) -> None:
    told = json.loads(run("--json", "--memory", "0.01").stdout)
    assert (told["channels"], told["classes"], told["crop"], told["batch_size"]) == (3, 5, 32, 3)
    unet, resnet = told["models"]
    assert (unet["name"], unet["configured"], resnet["configured"]) == ("unet", True, False)
    assert unet["parameters"] == unet_parameters(3, 5)
    assert unet["multiply_adds"] == unet_multiply_adds(3, 5, 32)
    assert unet["forward_seconds"] > 0
    params = params_of(project)
    built = table.build(params.model, 3, 5)
    segmenter = Segmenter(built.network, built.stride, [0.0] * 3, [1.0] * 3).to(memory_format=torch.channels_last)
    how, largest = TrainingShape(32, 3, 5, True, params.loss, params.optim, params.train), unet["largest_batch"]
    peaks = [max(memory.timeline(segmenter, how, size)) for size in (3, largest, largest + 1)]
    assert unet["peak_bytes"] == peaks[0]
    assert peaks[1] <= round(0.01 * 2**30) < peaks[2]


def test_one_architecture_is_told_layer_by_layer(project: Path) -> None:
    done = run("unet", "--memory", "0.00001")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    first, total = lines[1].split(), next(line for line in lines if line.startswith("sum")).split()
    assert first[:4] == ["encoder.blocks.0.0", "Conv2d", "4x32x32", "108"]
    assert int(total[1].replace(",", "")) == unet_parameters(3, 5)
    assert any(line.startswith("encoder.pool") and "MaxPool2d" in line for line in lines)
    assert any("none fits" in line for line in lines)
    assert lines[-2] == "result: unet, stride 2: the sides of crops and tiles are multiples of it"
    assert lines[-1] == "next:   dvc exp run -S model.name=unet"


def test_channels_and_classes_are_those_of_the_data_that_lies_there(project: Path) -> None:
    (project / "data" / "prepared").mkdir(parents=True)
    info = {"classes": ["a", "b"], "has_background": False, "channels": 5, "bits": 8, "n_images": 1}
    write_json(project / "data" / "prepared" / "dataset.json", info)
    told = json.loads(run("--json").stdout)
    assert (told["source"], told["channels"], told["classes"]) == ("data/prepared", 5, 2)
    assert told["models"][0]["parameters"] == unet_parameters(5, 1)


def test_an_encoder_that_is_no_resnet_gives_way_in_rows_that_need_one_unless_it_is_asked_for(project: Path) -> None:
    change(project, depth=4, width=4, encoder="mobilenet_v2")
    params = params_of(project)
    other = architecture_costs.with_name(params.model, "resnet_unet")
    assert other.encoder == "resnet18"
    assert architecture_costs.notes(params.model, other, 32, 64) == (
        "encoder resnet18, since it does not take model.encoder mobilenet_v2",
    )
    asked = params.model_copy(update={"model": params.model.model_copy(update={"name": "resnet_unet"})})
    found = row_of(asked, "resnet_unet")
    assert isinstance(found, architecture_costs.Failed)
    assert found.reason.startswith("model.encoder: 'mobilenet_v2' is none of the encoders that resnet_unet takes.")


def test_trained_weights_are_not_read(project: Path) -> None:
    change(project, weights="nowhere.pth", weights_sha256="0" * 64)
    assert architecture_costs.with_name(params_of(project).model, "unet").weights == "none"


def test_a_crop_that_gets_padded_is_told(project: Path) -> None:
    model = params_of(project).model
    assert architecture_costs.notes(model, model, 8, 36) == ("crops are padded to 40 pixels, a multiple of its stride 8",)
    assert architecture_costs.notes(model, model, 4, 36) == ()


def params_of(project: Path) -> Params:
    return load_params(project / "params.yaml")


def row_of(params: Params, name: str) -> architecture_costs.Row | architecture_costs.Failed:
    shape, _ = model_costs.training_shape(params)
    return architecture_costs.row(params.model, name, shape, params.input.normalise, 2**30, torch.device("cpu"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["ResNet-Unett"], "there is no model ResNet-Unett. Did you mean resnet_unet? There are: unet, resnet_unet."),
        (["xyz"], "there is no model xyz. There are: unet, resnet_unet."),
        (["--memory", "0"], "--memory: 0.0 GiB will not do. Write a number above 0."),
        (["--memory", "nan"], "--memory: nan GiB will not do. Write a number above 0."),
    ],
)
def test_a_wrong_option_is_a_sentence(project: Path, options: list[str], sentence: str) -> None:
    assert error_of(*options) == sentence


def test_a_system_that_does_not_say_what_it_has_is_told_by_the_option(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda device: None)
    assert error_of("unet") == "this system does not say how much memory it has. Give it by --memory GIB."


def test_without_params_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert error_of() == "params.yaml: no such file. Run this in the folder that holds params.yaml."


@pytest.mark.slow
def test_every_architecture_has_its_row_at_the_projects_own_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(ROOT)
    told = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert [each["name"] for each in told["models"]] == list(table.MODELS)
    assert [each for each in told["models"] if "reason" in each] == []


@pytest.mark.slow
def test_a_vision_transformer_has_a_row_and_layers_at_the_stride_of_its_patch(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small(monkeypatch)
    monkeypatch.setattr(table, "MODELS", ("smp",))
    model = {"model.name": "smp", "model.architecture": "DPT", "model.encoder": DINOV2}
    edit.write(project / "params.yaml", model | {"input.crop": 42, "infer.tile": 42})
    told = json.loads(run("smp", "--crop", "42", "--json").stdout)
    (row,) = told["models"]
    assert (row["stride"], row["notes"]) == (14, [f"DPT with the encoder {DINOV2}"])
    assert sum(layer["parameters"] for layer in told["layers"]) == row["parameters"]
    assert row["multiply_adds"] > 0 and row["peak_bytes"] > 4 * row["parameters"]

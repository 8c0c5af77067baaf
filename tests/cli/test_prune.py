"""segpipe prune: a table with scores where the data is, a smaller file that every other command reads, and sentences."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from segpipe.cli.main import app
from segpipe.dataset.pack import open_pack
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.inference.predict import predict_logits
from segpipe.models import model_file
from segpipe.models.pruning import pruned
from segpipe.models.segmenter import classes_of
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.scores.counts import confusion, scores
from segpipe.storage.files import sha256_of
from tests.dataset.packs import made, noise
from tests.inference.cards import small
from tests.models.test_pruning import trained
from tests.training.suite import CPU

CLASSES = ("background", "class 1", "class 2")
SIZE = ["--size", "32"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, folds and three models that were trained on them: whole.safetensors, mean..., none..."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    made(
        tmp_path / "data",
        {name: (noise(number), rng.integers(0, 3, (24, 32), np.uint8)) for number, name in enumerate("abc")},
        CLASSES,
    )
    folds.write(Path("data/folds/folds.csv"), {"a": "0", "b": "1", "c": "0"})
    told = {"data": data_hash(Path("data/prepared")), "folds": sha256_of(Path("data/folds/folds.csv"))}
    for mode in ("last", "mean", "none"):
        segmenter, card = trained(mode)
        model_file.save(Path(f"{mode}.safetensors"), segmenter, replace(card, training=card.training | told))
    return tmp_path


def prune(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["prune", *arguments])


def rows(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    table = result.output[result.output.index("depth ") : result.output.index("result: ")]
    return [re.split(r"  +", line) for line in table.splitlines()]


def by_hand(depth: int) -> list[str]:
    """Dice and mIoU of fold 0's two images, from the pruned model's own predictions."""
    part, card = pruned(*model_file.load(Path("last.safetensors")), depth)
    data = open_pack(Path("data/prepared"))
    counts = []
    for item in ("a", "c"):
        logits = predict_logits(part, data.image(item), card.infer, card.long_side, CPU)
        counts.append(confusion(data.mask(item), classes_of(logits).numpy(), 3))
    found = scores(counts, has_background=True)
    return [f"{found['dice']:.4f}", f"{found['miou']:.4f}"]


def test_the_table_tells_costs_and_scores_of_each_depth(project: Path) -> None:
    result = prune("last.safetensors", *SIZE)
    assert "of one image of 32 x 32 pixels on the CPU; scores of the 2 validation images of fold 0" in result.output
    heading, *found = rows(result)
    assert heading == ["depth", "parameters", "multiply-adds", "ms", "dice", "miou"]
    assert [row[0] for row in found] == ["1", "2", "3"]
    for depth, row in enumerate(found, start=1):
        part, _ = pruned(*model_file.load(Path("last.safetensors")), depth)
        assert row[1] == f"{sum(weight.numel() for weight in part.parameters()):,}"
        assert row[4:] == by_hand(depth)
    assert found[0][2] == f"{multiply_adds_of_depth_1():,}"
    assert "result: 3 depths\nnext:   segpipe prune last.safetensors --depth DEPTH --out FILE" in result.output


def multiply_adds_of_depth_1() -> int:
    """Widths 4 and 6 at 32 x 32 pixels: two blocks of the encoder, the enlarging, one node, one head of three logits."""
    top, below = 32 * 32, 16 * 16
    return top * 9 * (3 * 4 + 4 * 4) + below * 9 * (4 * 6 + 6 * 6) + top * 6 * 4 + top * 9 * (8 * 4 + 4 * 4) + top * 4 * 3


def test_a_model_that_predicts_by_its_mean_is_shown_as_it_is_too(project: Path) -> None:
    found = rows(prune("mean.safetensors", *SIZE))
    assert [row[0] for row in found[1:]] == ["1", "2", "3", "3, mean"]
    assert found[3][1] == found[4][1]
    assert found[3][4:] != found[4][4:]


def test_without_the_data_it_says_so_and_shows_the_costs(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = prune("../last.safetensors", *SIZE)
    assert "no scores, since data/prepared and data/folds are not here: run this in the project's folder" in result.output
    assert [len(row) for row in rows(result)] == [4, 4, 4, 4]


def test_other_data_gives_no_scores(project: Path) -> None:
    folds.write(Path("data/folds/folds.csv"), {"a": "1", "b": "0", "c": "0"})
    result = prune("last.safetensors", *SIZE)
    assert "no longer what the model was trained on: `dvc checkout`" in result.output
    assert [len(row) for row in rows(result)] == [4, 4, 4, 4]


def test_the_smaller_file_is_a_model_for_every_command(project: Path) -> None:
    result = prune("mean.safetensors", "--depth", "2", "--out", "deep/small.safetensors")
    assert result.exit_code == 0, result.output
    assert (
        "result: deep/small.safetensors (depth 2 of 3)\nnext:   segpipe predict IMAGE --model deep/small.safetensors"
        in result.output
    )
    said = CliRunner().invoke(app, ["info", "deep/small.safetensors"])
    assert "to depth 2, from 3 that params names" in said.output
    predicted = CliRunner().invoke(app, ["predict", "data/files", "--model", "deep/small.safetensors", "--device", "cpu"])
    assert predicted.exit_code == 0, predicted.output
    assert len(rows(prune("deep/small.safetensors", *SIZE))) == 3
    before = Path("deep/small.safetensors").read_bytes()
    prune("mean.safetensors", "--depth", "2", "--out", "again.safetensors")
    assert Path("again.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["last.safetensors", "--depth", "4", "--out", "x"], "--depth 4: the model has the depths 1 to 3."),
        (["last.safetensors", "--depth", "2"], "--depth and --out belong together"),
        (["last.safetensors", "--out", "x"], "--depth and --out belong together"),
        (["last.safetensors", "--depth", "2", "--out", "./last.safetensors"], "is the model itself, which would be lost"),
        (["none.safetensors"], "Train with model.deep_supervision last or mean."),
        (["unet.safetensors"], "the model is a unet; only a U-Net++ can be pruned."),
        (["nothing.safetensors"], "nothing.safetensors: no such model."),
        (["model.onnx"], "model.onnx: an ONNX model cannot be pruned"),
    ],
)
def test_mistakes_have_their_sentence(project: Path, arguments: list[str], sentence: str) -> None:
    model_file.save(Path("unet.safetensors"), *small())
    result = prune(*arguments)
    assert isinstance(result.exception, PipelineError)
    assert sentence in str(result.exception)
    assert not Path("x").exists()

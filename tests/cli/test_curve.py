"""segpipe curve: parts that are trained once, a table, a picture, an answer, and nothing else that has changed."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from segpipe import paths
from segpipe.cli.main import app
from segpipe.dataset.split import folds
from segpipe.models import model_file
from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.scores.counts import scores
from segpipe.storage.csv_table import csv_rows
from segpipe.training import loop
from segpipe.workflows import curve as workflow
from segpipe.workflows.assemble import scorer
from segpipe.workflows.train import prepare
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.structure.imports import ROOT

SMALL = {
    "input.crop": 16,
    "model.width": 4,
    "model.depth": 1,
    "train.epochs": 2,
    "train.batch_size": 2,
    "runtime.workers": 0,
    "train.monitor": "dice",
    "split.join_duplicates": False,
}
NAMES = "abcdefghij"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose fold is trained: a square of light on noise is the object."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    folder = tmp_path_factory.mktemp("curve")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DVC_ROOT", str(folder))
        shutil.copy(ROOT / "runtime.lock", folder)
        plain_params.write(folder)
        edit.write(folder / "params.yaml", SMALL)
        made(folder / "data", {name: drawn(number) for number, name in enumerate(NAMES)})
        folds.write(Path("data/folds/folds.csv"), dict(zip(NAMES, "0011111111", strict=True)))
        training = prepare(TrainKeys.of(load_params()), 0)
        training.segmenter.load_state_dict(loop.fit(training.run).weights)
        card = replace(training.card, training=training.card.training | {"epochs": 2})
        model_file.save(paths.model_file(0), training.segmenter, card)
        yield folder
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
    image, mask = noise(number) // 2, np.zeros((24, 32), np.uint8)
    mask[4:16, 2 + number : 14 + number] = 1
    image[mask == 1] += 120
    return image, mask


def curve(*options: str) -> Result:
    result = CliRunner().invoke(app, ["curve", *options])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "curve" not in path.relative_to(folder).parts
    }


def test_it_trains_growing_parts_answers_and_changes_nothing_else(project: Path) -> None:
    before = files(project)
    result = curve("--shares", "0.25,0.5,1")
    assert files(project) == before
    lines = result.stdout.splitlines()
    assert [line for line in lines if line.startswith("part ")] == [
        f"part {number} of 3: {images} of 8 training images" for number, images in ((1, 2), (2, 4), (3, 8))
    ]
    # The whole is the very training that models/fold0 has.
    assert sum(line == "trained before: models/fold0/model.safetensors" for line in lines) == 1
    rows = csv_rows(Path("curve/curve.csv"))
    assert [(row["images"], row["epochs"], row["steps"]) for row in rows] == [("2", "8", "8"), ("4", "4", "8"), ("8", "2", "8")]
    assert Path("curve/curve.png").read_bytes().startswith(b"\x89PNG")
    assert any("It cannot be told" in line or "More images helped" in line for line in lines)
    assert lines[-2] == "result: curve/curve.png, curve/curve.csv"
    segmenter, _ = model_file.load(paths.model_file(0))
    scored = prepare(TrainKeys.of(load_params()), 0)
    scored.segmenter.load_state_dict(segmenter.state_dict())
    counts = [each.counts for each in scorer(scored)(scored.data.validation_ids)]
    assert float(rows[-1]["value"]) == scores(counts, has_background=True)["dice"]


def test_what_is_done_is_not_trained_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curve("--shares", "0.25,1")
    table = Path("curve/curve.csv").read_bytes()
    monkeypatch.setattr(workflow, "_fitted", None)
    assert curve("--shares", "0.25,1").stdout.count("known from before") == 2
    assert Path("curve/curve.csv").read_bytes() == table
    for kept in Path("curve/points").iterdir():
        kept.write_text(kept.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    with pytest.raises(TypeError, match="not callable"):
        CliRunner().invoke(app, ["curve", "--shares", "0.25"], catch_exceptions=False)
    shutil.rmtree("curve")


def test_a_part_that_was_interrupted_goes_on_to_the_same(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree("curve", ignore_errors=True)
    edit.write(Path("params.yaml"), {"runtime.save_every": 0})
    curve("--shares", "0.5")
    (whole,) = (json.loads(path.read_text(encoding="utf-8")) for path in Path("curve/points").iterdir())
    shutil.rmtree("curve")
    fit = workflow.loop.fit

    def killed(run: workflow.loop.Run) -> workflow.loop.Best:
        def hook(*about: object) -> None:
            raise KeyboardInterrupt

        return fit(workflow.replace(run, hooks=(*run.hooks, hook)))

    monkeypatch.setattr(workflow.loop, "fit", killed)
    assert CliRunner().invoke(app, ["curve", "--shares", "0.5"]).exit_code != 0
    monkeypatch.setattr(workflow.loop, "fit", fit)
    assert "goes on at epoch 2, batch 1" in curve("--shares", "0.5").stdout
    assert [json.loads(path.read_text(encoding="utf-8")) for path in Path("curve/points").iterdir()] == [whole]
    assert not list(Path("curve/states").glob("*/*"))
    shutil.rmtree("curve")


def test_as_many_epochs_where_that_is_asked_for(project: Path) -> None:
    curve("--shares", "0.5,1", "--same-epochs")
    rows = csv_rows(Path("curve/curve.csv"))
    assert [(row["epochs"], row["steps"]) for row in rows] == [("2", "4"), ("2", "8")]
    shutil.rmtree("curve")


def test_validation_images_that_belong_together_count_as_one(project: Path) -> None:
    written = Path("data/folds/folds.csv").read_bytes()
    setting = workflow._setting(load_params(), 0, same_epochs=False)
    assert setting.judge.groups is None
    folds.write(Path("data/folds/folds.csv"), folds.read(Path("data/folds/folds.csv")), {"a": "a", "b": "a"})
    setting = workflow._setting(load_params(), 0, same_epochs=False)
    assert setting.judge.groups == ["a", "a"]
    Path("data/folds/folds.csv").write_bytes(written)


def test_a_way_of_training_that_it_does_not_know_is_refused(project: Path) -> None:
    edit.write(Path("params.yaml"), {"train.strategy": "private", "input.normalise": "centred", "model.norm": "group"})
    result = CliRunner().invoke(app, ["curve"])
    edit.write(Path("params.yaml"), {"train.strategy": "single", "input.normalise": "dataset", "model.norm": "batch"})
    assert "train.strategy single" in str(result.exception)

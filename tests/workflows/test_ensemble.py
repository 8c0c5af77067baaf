"""Stage ensemble: the mean probability by hand, the models that evaluate scored and no others, and nothing for one fold."""

import csv
import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segpipe import evaluation, paths
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.models.segmenter import Segmenter
from segpipe.params import edit
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.scores.counts import Confusion, confusion
from segpipe.storage.files import sha256_of
from segpipe.workflows import own_model, predictor
from stages import ensemble
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.inference.cards import small
from tests.structure.imports import ROOT

CLASSES = ("background", "object")
PARTS = {"a": "0", "b": "1", "c": "2", "d": "test", "e": "test"}
OBJECT = {"d": 200, "e": 100}
"""Of the 768 pixels of each test image."""


class Constant(nn.Module):
    """The same probability everywhere."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.logit = math.log(probability / (1 - probability))

    def forward(self, images: Tensor) -> Tensor:
        return torch.full((len(images), 1, *images.shape[2:]), self.logit)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, folds and params.yaml, and no model."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "runtime.lock", tmp_path)
    masks = {name: np.zeros((24, 32), np.uint8) for name in PARTS}
    for name, count in OBJECT.items():
        masks[name].flat[:count] = 1
    made(tmp_path / "data", {name: (noise(number), masks[name]) for number, name in enumerate(PARTS)}, CLASSES)
    folds.write(paths.FOLDS, PARTS)
    return tmp_path


def ask(*trained: int) -> None:
    changes = {"runtime.workers": 0, "runtime.device": "cpu", "folds": [*trained]}
    Path("params.yaml").write_text(edit.edited(plain_params.TEXT, changes)[0])


def trained(*numbers: int) -> None:
    """A model of each fold, and that evaluate has scored it."""
    for fold in numbers:
        segmenter, card = small(2, seed=fold + 2)
        training = {"data": data_hash(paths.PREPARED), "folds": sha256_of(paths.FOLDS), "params": {"threads": 1}}
        card = replace(card, classes=CLASSES, fold=fold, training=training)
        model_file.save(paths.model_file(fold), segmenter, card)
        paths.history_file(fold).write_text("epoch\n0\n")
        scored = sha256_of(paths.model_file(fold))
        evaluation.write_origin(paths.eval_folder(fold), fold, "print", training, scored, paths.history_file(fold))


def counted() -> Confusion:
    found = np.zeros((2, 2), np.int64)
    for row in csv.DictReader((paths.ENSEMBLE / "counts.csv").open(encoding="utf-8")):
        found[int(row["truth"]), int(row["prediction"])] += int(row["pixels"])
        assert row["part"] == "test"
    return found


@pytest.mark.parametrize(("of_each", "mean"), [((0.9, 0.2), 0.55), ((0.9, 0.05), 0.475), ((0.3, 0.45, 0.9), 0.55)])
def test_two_of_three_may_be_outvoted_by_the_mean_of_their_probabilities(
    project: Path, monkeypatch: pytest.MonkeyPatch, of_each: tuple[float, ...], mean: float
) -> None:
    numbers = tuple(range(len(of_each)))
    trained(*numbers)
    ask(*numbers)
    load = model_file.load

    def constant(path: Path) -> tuple[Segmenter, model_file.Card]:
        card = load(path)[1]
        return Segmenter(Constant(of_each[card.fold]), 1, [0.5] * 3, [0.25] * 3), card

    monkeypatch.setattr(own_model.model_file, "load", constant)
    ensemble.main()
    everywhere = int(mean > 0.5)
    pixels = np.array([2 * 768 - 300, 300])
    assert counted()[:, everywhere].tolist() == pixels.tolist() and counted()[:, 1 - everywhere].tolist() == [0, 0]
    details = json.loads((paths.ENSEMBLE / "details.json").read_text())["test"]
    ((count, right, confidence),) = [row for row in details["reliability"] if row[0]]
    assert (count, right) == (2 * 768, pixels[everywhere])
    # In levels of 65,535.
    assert confidence / count / 65535 == pytest.approx(max(mean, 1 - mean), abs=1e-4)


def test_it_is_what_predict_gives_and_folds_of_the_past_are_not_in_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(0, 1, 2)
    ask(0, 2)
    ensemble.main()
    assert "removed data/eval/fold1: this fold is not in `folds`" in capsys.readouterr().out
    assert not paths.eval_folder(1).exists() and paths.model_file(1).exists()
    members = json.loads((paths.ENSEMBLE / "members.json").read_text())
    assert members == {str(fold): sha256_of(paths.model_file(fold)) for fold in (0, 2)}

    def by_predict(*numbers: int) -> list[list[int]]:
        model = predictor.load_all([paths.model_file(fold) for fold in numbers], "cpu")
        masks = {name: np.zeros((24, 32), np.uint8) for name in OBJECT}
        for name, count in OBJECT.items():
            masks[name].flat[:count] = 1
        images = {name: noise([*PARTS].index(name)) for name in OBJECT}
        total: Confusion = sum(confusion(masks[name], model.predict(images[name]).ids, 2) for name in OBJECT)
        return [[int(cell) for cell in row] for row in total]

    found = counted().tolist()
    assert found == by_predict(0, 2)
    assert found not in (by_predict(0), by_predict(2), by_predict(0, 1, 2))


def test_a_model_that_evaluate_did_not_score_is_refused(project: Path) -> None:
    trained(0, 1)
    ask(0, 1)
    paths.model_file(1).write_bytes(paths.model_file(0).read_bytes())
    with pytest.raises(PipelineError, match=r"data/eval/fold1 has no scores of models/fold1/model\.safetensors as it is now"):
        ensemble.main()
    paths.model_file(1).unlink()
    with pytest.raises(PipelineError, match=r"models/fold1/model\.safetensors: is not there\. Run `dvc repro train@1`"):
        ensemble.main()
    assert not paths.ENSEMBLE.exists()


def test_one_fold_starts_no_torch(project: Path) -> None:
    ask(0)
    code = "import sys; from stages.ensemble import main; main(); print('HEAVY', {'torch', 'pandas'} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[0] == "no ensemble: fold 0 alone is trained, so there is nothing to average"
    assert ran.stdout.splitlines()[-1] == "HEAVY set()"
    assert json.loads((paths.ENSEMBLE / "members.json").read_text()) == {}

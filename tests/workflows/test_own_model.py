"""Stages evaluate and export take no model of other data: its scores would be numbers about nothing."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segpipe import paths
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.storage.files import sha256_of
from stages import evaluate, export
from tests.dataset.packs import made, noise
from tests.inference.cards import small
from tests.structure.imports import ROOT

MODEL = paths.model_file(0)
STAGES: dict[str, Callable[[], None]] = {"evaluate": lambda: evaluate.main(0), "export": export.main}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, folds and params.yaml, and no model."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "runtime.lock"):
        shutil.copy(ROOT / name, name)
    images = {name: (noise(number), noise(number)[:, :, 0] % 3) for number, name in enumerate("abc")}
    made(tmp_path / "data", images, ("background", "class 1", "class 2"))
    folds.write(paths.FOLDS, {"a": "0", "b": "1", "c": "test"})
    return tmp_path


def save(**changes: object) -> None:
    segmenter, card = small()
    training = card.training | {"data": data_hash(paths.PREPARED), "folds": sha256_of(paths.FOLDS)}
    model_file.save(MODEL, segmenter, replace(card, training=training | changes.pop("training", {}), **changes))  # type: ignore


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"classes": ("background", "cat", "dog")}, "the classes background, cat, dog there, background, class 1, class 2 here"),
        ({"training": {"data": "0" * 64}}, "data of the hash 000000000000 there"),
        ({"training": {"folds": "0" * 64}}, "folds of the hash 000000000000 there"),
        ({"bits": 16}, "RGB 16-bit images there, RGB 8-bit ones here"),
        ({"fold": 1}, "fold 1 there, fold 0 here"),
    ],
)
def test_a_model_of_other_data_is_refused(stage: str, changes: dict[str, object], reason: str, project: Path) -> None:
    save(**changes)
    with pytest.raises(PipelineError) as caught:
        STAGES[stage]()
    assert str(caught.value).startswith(f"{MODEL} was trained on something else")
    assert reason in str(caught.value)
    assert not [*project.glob("data/eval/*"), *project.glob("models/export/*")]


def test_its_own_model_is_scored_and_an_image_that_is_ignored_wholly_is_in_no_mean(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = {"a": noise(0)[:, :, 0] % 3, "b": noise(1)[:, :, 0] % 3, "c": np.full((24, 32), 255, np.uint8)}
    made(project / "data", {name: (noise(number), mask) for number, (name, mask) in enumerate(masks.items())}, small()[1].classes)
    save()
    Path("models/fold0/history.csv").write_text("epoch\n0\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project / 'mlflow.db'}")
    monkeypatch.setattr("segpipe.tracking.mlflow_runs.reopen", lambda experiment, fingerprint: Quiet())
    evaluate.main(0)
    said = capsys.readouterr().out
    assert "val: 1 images; miou 0." in said
    assert "test: 1 images\n" in said
    rows = Path("data/eval/fold0/per_image.csv").read_text().splitlines()
    assert rows[2] == "test,c" + "," * 14


class Quiet:
    """A tracker that tracks nothing."""

    def metrics(self, values: dict[str, float]) -> None:
        assert all(np.isfinite([*values.values()]))

"""A training can be started from anywhere: the how-to's lines, run as they stand there, and the stage, to the same bytes."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from segpipe import paths
from segpipe.models import model_file
from segpipe.params import edit
from segpipe.training import snapshots
from segpipe.workflows import model_info
from stages import train
from tests.structure.imports import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/train-from-python.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_lines_of_the_how_to_train_what_the_stage_trains(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)
    monkeypatch.setenv("DVC_ROOT", str(sample_project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{sample_project / 'mlflow.db'}")
    train.main(0)
    by_stage = Path("models/fold0/model.safetensors").read_bytes()
    shutil.rmtree("models")
    names: dict[str, Any] = {}
    exec(BLOCKS[0], names)
    assert Path("models/fold0/model.safetensors").read_bytes() == by_stage
    assert names["trained"].model.read_bytes() == by_stage
    for block in BLOCKS[1:]:
        exec(block, names)
    assert len(names["seen"]) == 1 and names["best"].epoch == 0


def test_another_value_is_another_training(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)
    names: dict[str, Any] = {}
    exec(BLOCKS[0].replace("trained = train(params, fold=0)", "").split("print")[0] + BLOCKS[1], names)
    same = names["prepare"](names["params"], 0).card
    assert names["training"].card.fingerprint != same.fingerprint
    assert names["training"].card.training["params"]["train"]["epochs"] == 1


def test_snapshots_are_models_and_an_earlier_trainings_are_gone(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)
    monkeypatch.setenv("DVC_ROOT", str(sample_project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{sample_project / 'mlflow.db'}")
    edit.write(Path("params.yaml"), {"train.epochs": 3, "train.snapshot_every": 2, "train.save_top_k": 2})
    old = paths.snapshots_folder(0) / "epoch99.safetensors"
    old.parent.mkdir(parents=True)
    old.touch()
    train.main(0)
    names = {path.name for path in old.parent.iterdir()}
    assert "epoch02.safetensors" in names and 2 <= len(names) <= 3 and old.name not in names
    segmenter, card = model_file.load(old.parent / "epoch02.safetensors")
    assert dict(model_info.lines(card.to_dict()))["epochs"] == "a snapshot of number 2"
    best = model_file.load(paths.model_file(0))
    kept = model_file.load(paths.snapshots_folder(0) / snapshots.name_of(best[1].training["best_epoch"], 3))[0]
    assert all(torch.equal(kept.state_dict()[name], tensor) for name, tensor in best[0].state_dict().items())
    assert segmenter.state_dict().keys() == kept.state_dict().keys()

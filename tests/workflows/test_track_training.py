"""MLflow and TensorBoard get each epoch's numbers as history.csv has them, and pictures now and then; no byte changes by it."""

import csv
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from segpipe.console.stop_signals import Stopped
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training.loop import Speed
from segpipe.workflows import track_training
from segpipe.workflows.train import prepare, train
from tests.tracking.test_event_files import pictures, rounded, scalars

needs_tensorboard = pytest.mark.skipif(find_spec("tensorboard") is None, reason="the extra tensorboard is not installed")
SPEEDS = {"images_per_s", "data_wait", "train_s"}
"""What MLflow has and history.csv has not: it would be another one each time."""


@pytest.fixture(autouse=True)
def inside(sample_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample's project, with an MLflow and event files of the test's own."""
    monkeypatch.chdir(sample_project)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


class Kept:
    """Stands for a run of MLflow, whose database takes seconds to make: the folders of the files that it was given."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def content(self, name: str, content: bytes, folder: str) -> None:
        self.folders.append(folder)


def params(tracking: dict[str, Any], **changes: Any) -> TrainKeys:
    found = TrainKeys.of(load_params())
    sections = {"tracking": found.tracking.model_copy(update=tracking), "train": found.train.model_copy(update=changes)}
    return found.model_copy(update=sections)


def told_of(kept: Kept) -> track_training.Told:
    return track_training.Told(kept, -1, None)  # type: ignore[arg-type]


def model() -> bytes:
    return Path("models/fold0/model.safetensors").read_bytes()


def history() -> dict[str, list[tuple[int, float]]]:
    """The columns of history.csv as points of a curve."""
    with Path("models/fold0/history.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in rows[0] if name != "epoch"]
    return {name: [(int(row["epoch"]), float(row[name])) for row in rows if row[name]] for name in names}


def of_mlflow(root: Path, names: list[str]) -> dict[str, list[tuple[int, float]]]:
    client = MlflowClient(f"sqlite:///{root}/mlruns/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("segpipe").experiment_id])
    return {name: [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, name)] for name in names}


@needs_tensorboard
def test_stopped_in_between_all_three_have_the_same_rows_and_the_bytes_are_those_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"epochs": 4, "ema": 0.9, "validate_every": 2}
    train(params({}, **changes), 0)
    without = model()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "watched"))
    watched = params({"tensorboard": True, "images_every": 2, "n_images": 2}, **changes)
    log = track_training._log_pictures

    def stop(*arguments: Any) -> None:
        log(*arguments)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(track_training, "_log_pictures", stop)
        train(watched, 0)
    train(watched, 0)
    assert model() == without
    (folder,) = (tmp_path / "watched" / "tensorboard_logs").iterdir()
    found, rows = scalars(folder), history()
    of_run = of_mlflow(tmp_path / "watched", [*found])
    assert found == rounded(of_run)
    assert {name: points for name, points in of_run.items() if name not in SPEEDS} == rows
    assert {tag.split("/")[0]: [step for step, _ in points] for tag, points in pictures(folder).items()} == {
        "predictions": [1, 3],
        "best": [3],
    }
    kept = (tmp_path / "watched" / "mlruns" / "artifacts").rglob("*.png")
    by_folder: dict[str, list[bytes]] = {}
    for path in sorted(kept):
        by_folder.setdefault(path.parent.name, []).append(path.read_bytes())
    assert {name: len(found) for name, found in by_folder.items()} == {"epoch02": 2, "epoch04": 2, "predictions": 2}
    # The last epoch is the best: its pictures are of the averaged weights, as those of the written model are.
    assert by_folder["epoch04"] == by_folder["predictions"] != by_folder["epoch02"]


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_pictures_leave_the_training_as_they_found_it(ema: float) -> None:
    training = prepare(params({"images_every": 1, "n_images": 1}, ema=ema), 0)
    kept, run = Kept(), training.run
    run.model.train()
    torch.manual_seed(1)
    before = [each.training for each in run.model.modules()], torch.get_rng_state(), [*map(torch.clone, run.weights().values())]
    track_training.picture_hook(told_of(kept), training)({"epoch": 0}, Speed(1, 0, 1), run)
    assert [each.training for each in run.model.modules()] == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert all(map(torch.equal, run.weights().values(), before[2]))
    assert kept.folders == ["predictions/epoch01"]


def test_an_image_that_cannot_be_predicted_costs_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = prepare(params({"images_every": 1}), 0)

    def broken(*arguments: Any) -> None:
        raise PipelineError("the logits are not finite numbers.")

    monkeypatch.setattr(track_training, "predict_classes", broken)
    track_training.picture_hook(told_of(Kept()), training)({"epoch": 0}, Speed(1, 0, 1), training.run)
    assert "warning: no sample predictions of epoch 1: the logits are not finite" in capsys.readouterr().err


def test_it_is_asked_for_and_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segpipe.tracking.event_files.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("segpipe.workflows.train.prepare", lambda *arguments: pytest.fail("it began"))
    with pytest.raises(PipelineError, match=r"tracking\.tensorboard: the package tensorboard is not installed"):
        train(params({"tensorboard": True}), 0)

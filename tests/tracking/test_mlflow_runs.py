"""MLflow: runs with all they should carry, found again by their fingerprint, and a failure that costs one warning."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from segpipe.tracking import mlflow_runs


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")


def only_run(store: MlflowClient) -> Any:
    experiment = store.get_experiment_by_name("test")
    (run,) = store.search_runs([experiment.experiment_id])
    return run


def test_a_run_carries_what_it_is_given(store: MlflowClient, tmp_path: Path) -> None:
    tracker = mlflow_runs.start("test", "unet fold 0", {mlflow_runs.FINGERPRINT: "abc"})
    tracker.params({"seed": 42, "loss": {"name": "dice", "dice_weight": 0.5}})
    tracker.metrics({"train_loss": 1.0, "val_dice": 0.25}, 0)
    tracker.metrics({"train_loss": 0.5, "val_dice": 0.5}, 1)
    tracker.content("a.png", b"123", "predictions")
    tracker.end()
    again = mlflow_runs.reopen("test", "abc")
    again.metrics({"test.dice": 0.75})
    run = only_run(store)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "42", "loss.name": "dice", "loss.dice_weight": "0.5"}
    assert run.data.metrics == {"train_loss": 0.5, "val_dice": 0.5, "test.dice": 0.75}
    assert [point.value for point in store.get_metric_history(run.info.run_id, "train_loss")] == [1.0, 0.5]
    assert next((tmp_path / "mlruns" / "artifacts").rglob("a.png")).read_bytes() == b"123"


def test_a_server_that_never_answers_is_told_of_once_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = mlflow_runs.start("test", "x", {})
    tracker.metrics({"a": 1.0})
    tracker.params({"seed": 1})
    assert tracker.last_step("a") == -1
    tracker.end()
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("warning: MLflow's server does not answer: ") and first.endswith("What is logged waits for it.")
    assert last == "warning: MLflow's server did not come back: 4 entries are not tracked."
    mlflow_runs.reopen("test", "abc").metrics({"a": 1.0})
    assert capsys.readouterr().err.count("Nothing more is tracked.") == 1


def test_an_mlflow_that_cannot_be_imported_warns_once(
    store: MlflowClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = mlflow_runs.start("test", "x", {})
    monkeypatch.setitem(sys.modules, "mlflow.entities", None)
    tracker.metrics({"a": 1.0})
    tracker.params({"seed": 1})
    assert capsys.readouterr().err.count("warning: MLflow does not work: ") == 1
    monkeypatch.undo()
    assert only_run(store).data.metrics == {}


def test_a_database_that_cannot_be_opened_is_told_of_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """MLflow itself would try ten times, 100 seconds in all."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("mlflow.store.db.utils.time.sleep", lambda seconds: pytest.fail("it waits"))
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_bytes(b"no database" * 100)
    mlflow_runs.start("test", "x", {}).metrics({"a": 1.0})
    assert capsys.readouterr().err == "warning: MLflow does not work: file is not a database. Nothing more is tracked.\n"


def test_a_full_temporary_folder_stops_no_training(
    store: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = mlflow_runs.start("test", "x", {})
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    tracker.content("a.png", b"123", "predictions")
    assert capsys.readouterr().err.count("warning: MLflow does not work: ") == 1


def test_no_such_run_is_a_warning(store: MlflowClient, capsys: pytest.CaptureFixture[str]) -> None:
    mlflow_runs.reopen("test", "never").metrics({"a": 1.0})
    assert "warning: MLflow has no run of this training" in capsys.readouterr().err


def test_two_processes_may_make_the_database_at_once(store: MlflowClient) -> None:
    code = "from segpipe.tracking import mlflow_runs; t = mlflow_runs.start('test', 'x', {}); t.metrics({'a': 1.0}); t.end()"
    both = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert all("warning" not in process.communicate()[1] for process in both)
    assert len(store.search_runs([store.get_experiment_by_name("test").experiment_id])) == 2


def test_an_interrupted_run_goes_on_and_a_finished_one_does_not(store: MlflowClient) -> None:
    tags = {mlflow_runs.FINGERPRINT: "abc"}
    first = mlflow_runs.start("test", "unet fold 0", tags)
    first.metrics({"train_loss": 1.0}, 0)
    first.metrics({"train_loss": 0.5}, 1)
    first.end("KILLED")
    other = mlflow_runs.start("test", "unet fold 0", {mlflow_runs.FINGERPRINT: "def"})
    assert other.last_step("train_loss") == -1
    again = mlflow_runs.start("test", "unet fold 0", tags)
    assert again.last_step("train_loss") == 1
    again.end()
    assert mlflow_runs.start("test", "unet fold 0", tags, interrupted=True).last_step("train_loss") == 1
    again.end()
    assert mlflow_runs.start("test", "unet fold 0", tags).last_step("train_loss") == -1
    assert len(store.search_runs([store.get_experiment_by_name("test").experiment_id])) == 3


def test_runs_of_a_study_stand_below_its_own(store: MlflowClient, tmp_path: Path) -> None:
    for name in ("a", "b"):
        mlflow_runs.start("test", name, {mlflow_runs.FINGERPRINT: name}, study="dice_weight").end()
    mlflow_runs.start("test", "alone", {mlflow_runs.FINGERPRINT: "c"}).end()
    experiment = store.get_experiment_by_name("test")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    runs = {run.info.run_name: run for run in store.search_runs([experiment.experiment_id])}
    assert sorted(runs) == ["a", "alone", "b", "study dice_weight"]
    parent = runs["study dice_weight"]
    assert parent.info.status == "FINISHED"
    assert {runs[name].data.tags["mlflow.parentRunId"] for name in ("a", "b")} == {parent.info.run_id}
    assert "mlflow.parentRunId" not in runs["alone"].data.tags
    page = tmp_path / "index.html"
    page.write_text("a page", encoding="utf-8")
    mlflow_runs.study_files("test", "dice_weight", [page])
    assert [each.path for each in store.list_artifacts(parent.info.run_id, "study")] == ["study/index.html"]


def test_what_trainings_took_is_added_up(store: MlflowClient) -> None:
    for name, seconds in (("a", (1.0, 2.0)), ("b", (5.0, 6.0))):
        tracker = mlflow_runs.start("test", name, {mlflow_runs.FINGERPRINT: name})
        for epoch, value in enumerate(seconds):
            tracker.metrics({"train_s": value}, epoch)
    assert mlflow_runs.mean_total("test", ["a", "b"], "train_s") == 7.0
    assert mlflow_runs.mean_total("test", ["a"], "train_s") == 3.0
    assert mlflow_runs.mean_total("test", ["a", "c"], "train_s") is None
    assert mlflow_runs.mean_total("test", ["a"], "data_wait") is None


def test_what_another_has_made_in_the_meantime_is_taken(store: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """As two projects on one server meet: both find no experiment, and no run of the study."""
    mlflow_runs.start("test", "a", {mlflow_runs.FINGERPRINT: "a"}, study="dice").end()
    experiment = store.get_experiment_by_name("test").experiment_id
    (parent,) = store.search_runs([experiment], "tags.`segpipe.study` = 'dice'")
    looked = {"get_experiment_by_name": 0, "search_runs": 0}

    def blind_at_first(name: str, nothing: Any, when: str) -> None:
        answer = getattr(MlflowClient, name)

        def look(self: MlflowClient, *arguments: Any, **options: Any) -> Any:
            asked = when in str(arguments)
            looked[name] += asked
            return nothing if asked and looked[name] == 1 else answer(self, *arguments, **options)

        monkeypatch.setattr(MlflowClient, name, look)

    blind_at_first("get_experiment_by_name", None, "test")
    blind_at_first("search_runs", [], "dice")
    mlflow_runs.start("test", "b", {mlflow_runs.FINGERPRINT: "b"}, study="dice").end()
    found = store.search_runs([experiment])
    assert sorted(run.info.run_name for run in found) == ["a", "b", "study dice"]
    runs = {run.info.run_name: run for run in found}
    assert runs["b"].data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert looked == {"get_experiment_by_name": 2, "search_runs": 2}

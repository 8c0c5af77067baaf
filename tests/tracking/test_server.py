"""A real MLflow server on this machine, stopped in the middle of a run and started again: nothing of the run is lost."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient

from segpipe.tracking import mlflow_runs

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """What starts the server, always at the same port and with the same store; MLFLOW_TRACKING_URI says where."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    started = []

    def start() -> "subprocess.Popen[bytes]":
        command = [
            "--backend-store-uri",
            f"sqlite:///{tmp_path / 'server.db'}",
            "--artifacts-destination",
            str(tmp_path / "kept"),
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        for _ in range(1800):
            try:
                with urlopen(f"{uri}/health", timeout=1):
                    return process
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    yield start
    for process in started:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """The server and its workers."""
    if process.poll() is None:
        subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=False, capture_output=True)
        process.wait()


@pytest.mark.slow
def test_a_server_that_comes_back_has_the_whole_run(
    server: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mlflow_runs, "RETRY_S", 0.0)
    monkeypatch.setattr(mlflow_runs, "RARE", 0)
    first = server()
    tracker = mlflow_runs.start("test", "unet fold 0", {mlflow_runs.FINGERPRINT: "abc"})
    tracker.metrics({"train_loss": 1.0}, 0)
    stop(first)
    for epoch in (1, 2):
        tracker.metrics({"train_loss": 1.0 / (epoch + 1)}, epoch)
    tracker.content("a.png", b"123", "predictions")
    said = capsys.readouterr()
    assert said.err.count("warning: MLflow's server does not answer: ") == 1 and said.out == ""
    server()
    tracker.metrics({"train_loss": 0.25}, 3)
    assert capsys.readouterr().out == "MLflow answers again, and has all that was logged meanwhile.\n"
    tracker.end()
    client = MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("test").experiment_id])
    points = client.get_metric_history(run.info.run_id, "train_loss")
    assert [(point.step, point.value) for point in points] == [(0, 1.0), (1, 0.5), (2, 1.0 / 3), (3, 0.25)]
    assert [each.path for each in client.list_artifacts(run.info.run_id, "predictions")] == ["predictions/a.png"]
    assert run.info.status == "FINISHED"


LOGS = """
import sys
from segpipe.tracking import mlflow_runs
tracker = mlflow_runs.start("test", sys.argv[1], {mlflow_runs.FINGERPRINT: sys.argv[1]}, study="dice")
tracker.params({"loss": {"dice_weight": 0.5}})
for epoch in range(20):
    tracker.metrics({"train_loss": float(epoch)}, epoch)
    tracker.content(f"{epoch}.png", sys.argv[1].encode(), "predictions")
tracker.end()
"""


@pytest.mark.slow
def test_two_projects_at_once_make_one_experiment_and_keep_their_runs_apart(server: Start) -> None:
    """Neither the experiment nor the study's own run is there when both ask for it."""
    server()
    both = [subprocess.Popen([sys.executable, "-c", LOGS, name], stderr=subprocess.PIPE, text=True) for name in ("a", "b")]
    assert [process.communicate()[1] for process in both] == ["", ""]
    client = MlflowClient()
    (experiment,) = [each for each in client.search_experiments() if each.name == "test"]
    found = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name for run in found) == ["a", "b", "study dice"]
    runs = {run.info.run_name: run for run in found}
    for name in ("a", "b"):
        run_id = runs[name].info.run_id
        assert [point.value for point in client.get_metric_history(run_id, "train_loss")] == [float(epoch) for epoch in range(20)]
        assert len(client.list_artifacts(run_id, "predictions")) == 20
        assert runs[name].info.status == "FINISHED" and runs[name].data.tags[mlflow_runs.FINGERPRINT] == name
    parents = {run.data.tags.get("mlflow.parentRunId") for name, run in runs.items() if name in ("a", "b")}
    assert parents == {runs["study dice"].info.run_id}

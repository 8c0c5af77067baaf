"""A stage that Ctrl-C or SIGTERM stops says where it goes on, is KILLED in MLflow, and ends in the same bytes."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from stages import train
from tests.pipeline.conftest import set_params
from tests.workflows.stage_process import train_one_epoch


@pytest.fixture
def project(sample_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A training of some seconds, as the current folder."""
    folder = shutil.copytree(sample_project, tmp_path / "project")
    set_params(folder, {"train": {"epochs": 12}, "runtime": {"workers": 1, "save_every": 3600}})
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    # Who runs the tests in the background may have Ctrl-C ignored, which processes hand on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def status() -> str:
    client = MlflowClient(f"sqlite:///{Path.cwd()}/mlruns/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("segpipe").experiment_id])
    return str(run.info.status)


def stopped(number: signal.Signals) -> tuple[int, str, str]:
    """Exit code and what was said by a training that gets the signal after its first epoch."""
    process, said = train_one_epoch()
    # To the group, with the loader's workers, as a terminal sends it.
    os.killpg(process.pid, number)
    errors = process.communicate(timeout=60)[1]
    return process.returncode, said, errors


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_stopped_twice_it_is_as_if_nothing_had_been(capfd: pytest.CaptureFixture[str]) -> None:
    place = ""
    for number, code, name in ((signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")):
        ended, said, errors = stopped(number)
        assert ended == code, errors
        assert f"goes on at {place}" in said or not place
        assert f"stopped by {name}: the state is saved, and the same command goes on at epoch " in errors
        assert "Traceback" not in errors and "Error" not in errors
        assert status() == "KILLED"
        place = errors.partition("goes on at ")[2].splitlines()[0]
    train.main(0)
    assert f"goes on at {place}: the state was saved by the same code" in capfd.readouterr().out
    assert status() == "FINISHED"
    found = {path.name: path.read_bytes() for path in Path("models/fold0").iterdir()}
    train.main(0)
    assert "goes on at" not in capfd.readouterr().out
    assert {path.name: path.read_bytes() for path in Path("models/fold0").iterdir()} == found

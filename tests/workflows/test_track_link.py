"""A run of MLflow and the models that DVC keeps find each other, by the training and not by a name."""

from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.experiments.dvc_experiments import content_of
from segpipe.experiments.outputs import commit_of
from segpipe.storage.yaml_mapping import read as read_yaml
from segpipe.tracking import mlflow_runs
from segpipe.workflows.track_link import link
from tests.experiments.scored import experiment, new_repository


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment whose training MLflow knows, and one that it does not know."""
    folder = new_repository(tmp_path / "project")
    experiment(folder, "known", 0.8, 0)
    experiment(folder, "restored", 0.9, 1)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


def test_both_ways(project: Path) -> None:
    tracker = mlflow_runs.start("segpipe", "a run's name", {mlflow_runs.FINGERPRINT: "known"})
    tracker.end()
    first, second = link("known")
    md5 = content_of(commit_of("known"), Path("dvc.lock"))["stages"]["train@0"]["outs"][0]["md5"]
    assert first.startswith("known at ") and first.endswith(f": models/fold0, in DVC as {md5}, training known")
    assert second.startswith("  MLflow run a run's name (")
    assert md5 != read_yaml(project / "dvc.lock")["stages"]["train@0"]["outs"][0].get("md5")
    mlflow_runs.start("segpipe", "again", {mlflow_runs.FINGERPRINT: "known"}).end()
    for name in (second.rpartition("(")[2].rstrip(")"), "again"):
        title, *models = link(name)
        assert title.startswith("MLflow run ") and models == [f"  {first}"]
    assert len(link("known")) == 3, "two runs of one training are two lines"


def test_what_has_no_other_side_says_so(project: Path) -> None:
    assert "no run in MLflow: DVC restored the training from its cache" in link("restored")[1]
    mlflow_runs.start("segpipe", "gone", {mlflow_runs.FINGERPRINT: "of no model"}).end()
    assert "in no revision at hand" in link("gone")[1]
    mlflow_runs.start("segpipe", "no training", {}).end()
    for name in ("no training", "o'clock"):
        with pytest.raises(
            PipelineError, match=r"no experiment, branch, tag or commit.* Nor does MLflow's experiment segpipe have"
        ):
            link(name)

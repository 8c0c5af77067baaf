"""From an MLflow run to the revisions that hold its model, and from a revision to its runs: by the training's fingerprint."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segpipe import paths
from segpipe.console.progress import track
from segpipe.errors import PipelineError
from segpipe.experiments.dvc_experiments import experiments
from segpipe.experiments.outputs import WORKSPACE, Fetch, commit_of, opened
from segpipe.params.load import load_params
from segpipe.storage.yaml_mapping import read as read_yaml
from segpipe.tracking import mlflow_runs
from segpipe.tracking.mlflow_runs import RunFacts


@dataclass(frozen=True)
class Trained:
    """A fold's model in a revision: the training's fingerprint, and DVC's hash of models/foldN, empty where dvc.lock has none."""

    revision: str
    commit: str
    fold: int
    fingerprint: str
    md5: str


def link(name: str) -> list[str]:
    """A line for each run or model that belongs to `name`. Raises PipelineError where it is neither a run nor a revision."""
    experiment = load_params().tracking.experiment
    if run := mlflow_runs.find(experiment, name):
        return [f"MLflow run {run.name} ({run.id}), fingerprint {run.fingerprint[:16]}", *_models_of(run)]
    try:
        commit = commit_of(name)
    except PipelineError as error:
        raise PipelineError(f"{error} Nor does MLflow's experiment {experiment} have such a run.") from None
    return [line for trained in _trained(name, commit) for line in _runs_of(trained, experiment)]


def _models_of(run: RunFacts) -> Iterator[str]:
    """The revisions that hold the model, told as they can be brought here."""
    names = {WORKSPACE: "", "HEAD": commit_of("HEAD")} | {name: own[0].commit for name, own in experiments().items()}
    found = []
    for name, commit in track(list(names.items()), "reading revisions", after_s=1.0):
        try:
            found += [each for each in _trained(name, commit) if each.fingerprint == run.fingerprint]
        except PipelineError:
            continue  # Without results, it holds no model.
    yield from (f"  {_where(each)}" for each in found)
    if not found:
        yield "  its model is in no revision at hand: the workspace, HEAD and all experiments were looked at"


def _runs_of(trained: Trained, experiment: str) -> Iterator[str]:
    yield _where(trained)
    runs = mlflow_runs.with_fingerprint(experiment, trained.fingerprint)
    yield from (f"  MLflow run {each.name} ({each.id})" for each in runs)
    if not runs:
        yield "  no run in MLflow: DVC restored the training from its cache, or it was trained elsewhere"


def _where(trained: Trained) -> str:
    at = f" at {trained.commit[:7]}" if trained.commit else ""
    kept = f", in DVC as {trained.md5}" if trained.md5 else ""
    return f"{trained.revision}{at}: {paths.model_folder(trained.fold).as_posix()}{kept}, training {trained.fingerprint[:16]}"


def _trained(name: str, commit: str) -> list[Trained]:
    """The models of a revision's folds. Raises PipelineError where it has no results."""
    with opened(name, commit) as fetch:
        root = fetch([paths.PARAMS, paths.LOCK])
        stages = read_yaml(root / paths.LOCK).get("stages", {})
        folds = read_yaml(root / paths.PARAMS).get("folds", [])
        return [Trained(name, commit, fold, _fingerprint(fetch, name, fold), _md5(stages, fold)) for fold in folds]


def _fingerprint(fetch: Fetch, name: str, fold: int) -> str:
    path = paths.eval_folder(fold) / "run.json"
    try:
        return str(json.loads((fetch([path]) / path).read_text(encoding="utf-8"))["fingerprint"])
    except (OSError, ValueError, KeyError):
        raise PipelineError(f"{name}: no {path.as_posix()} that says which training it is of. Run `dvc repro` there.") from None


def _md5(stages: Mapping[str, Any], fold: int) -> str:
    outs = stages.get(f"train@{fold}", {}).get("outs", [])
    return next((str(out.get("md5", "")) for out in outs if out.get("path") == paths.model_folder(fold).as_posix()), "")

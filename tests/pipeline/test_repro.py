"""`dvc repro` from annotations to the report, again for nothing, again by force, and again elsewhere."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from segpipe.scores.counts import scores
from segpipe.storage.files import sha256_of
from tests.pipeline.conftest import dvc, git, live_lock, new_repository, ran, set_params

EVERY = ["download", "convert", "split", "sanity", "train@0", "evaluate@0", "ensemble", "export", "report"]


def results(folder: Path) -> dict[str, str]:
    """The hash of each output and each metrics file, and last that of the lock itself."""
    outs = {out["path"]: out["md5"] for entry in live_lock(folder).values() for out in entry["outs"]}
    return outs | {"dvc.lock": sha256_of(folder / "dvc.lock")}


def test_it_ends_in_a_report_and_numbers(repository: Path) -> None:
    summary = json.loads((repository / "metrics" / "summary.json").read_text())
    assert 0 <= summary["test"]["dice"] <= 1
    assert 0 <= summary["test"]["colour_dice"] <= 1
    assert "<html" in (repository / "reports" / "index.html").read_text(encoding="utf-8")
    assert (repository / "models" / "export" / "model.onnx").is_file()


def test_the_best_epochs_scores_are_those_of_evaluate_to_the_last_digit(repository: Path) -> None:
    epochs = list(csv.DictReader((repository / "data" / "eval" / "fold0" / "history.csv").open(encoding="utf-8")))
    best = max(epochs, key=lambda row: float(row["val_dice"]))
    counts = np.zeros((5, 5), int)
    for row in csv.DictReader((repository / "data" / "eval" / "fold0" / "counts.csv").open(encoding="utf-8")):
        if row["part"] == "val":
            counts[int(row["truth"]), int(row["prediction"])] = int(row["pixels"])
    found = scores([counts], has_background=True)
    assert [found[name] for name in ("miou", "dice", "pixel_accuracy")] == [
        float(best[f"val_{name}"]) for name in ("miou", "dice", "pixel_accuracy")
    ]


def test_git_sees_the_lock_and_the_metrics_and_no_data(repository: Path) -> None:
    tracked = git(repository, "ls-files").splitlines()
    assert {"dvc.lock", "metrics/summary.json", "metrics/per_class.csv"} <= set(tracked)
    assert [name for name in tracked if name.startswith(("data/", "models/", "reports/", "mlruns/"))] == []


def test_nothing_to_do_runs_nothing(repository: Path) -> None:
    assert ran(dvc(repository, "repro")) == []


@pytest.mark.slow
def test_by_force_it_gives_the_same_bytes(repository: Path) -> None:
    before = results(repository)
    # Other workers, another hash seed and another locale must not matter either.
    set_params(repository, {"runtime": {"workers": 2}})
    done = dvc(repository, "repro", "--force", PYTHONHASHSEED="7", LC_ALL="C")
    git(repository, "checkout", "--quiet", "params.yaml")
    assert ran(done) == ["code", *EVERY]
    assert results(repository) == before


@pytest.mark.slow
def test_elsewhere_it_gives_the_same_lock(repository: Path, tmp_path: Path) -> None:
    """As test_kills shows at every `make test`, for a pipeline that was killed and went on."""
    other = new_repository(tmp_path / "quite another folder")
    # What is tracked, and whether it is, must not matter either.
    dvc(other, "repro", MLFLOW_TRACKING_URI="nowhere://")
    assert live_lock(other) == live_lock(repository)
    assert results(other) == results(repository)


@pytest.mark.slow
def test_two_folds_and_back_to_one_leave_nothing_behind(repository: Path, tmp_path: Path) -> None:
    clone = with_cache(repository, tmp_path / "clone")
    set_params(clone, {"folds": [0, 1]})
    assert ran(dvc(clone, "repro")) == ["split", "sanity", "train@1", "evaluate@1", "ensemble", "export", "report"]
    summary = json.loads((clone / "metrics" / "summary.json").read_text(encoding="utf-8"))
    assert "dice_std" in summary["test"] and summary["ensemble"]["dice"] is not None
    git(clone, "checkout", "--quiet", "params.yaml")
    dvc(clone, "repro")
    assert live_lock(clone) == live_lock(repository)
    assert git(clone, "status", "--porcelain", "metrics") == ""


def test_a_clone_that_pulls_runs_nothing(repository: Path, tmp_path: Path) -> None:
    dvc(repository, "push", "--remote", remote(repository, tmp_path))
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    clone = tmp_path / "clone"
    dvc(clone, "pull", "--remote", remote(clone, tmp_path))
    assert ran(dvc(clone, "repro")) == []


def with_cache(repository: Path, folder: Path) -> Path:
    """A clone with DVC's cache, in which nothing has to run."""
    git(repository, "clone", "--quiet", ".", str(folder))
    git(folder, "config", "user.name", "tester")
    git(folder, "config", "user.email", "tester@localhost")
    shutil.copytree(repository / ".dvc" / "cache", folder / ".dvc" / "cache")
    dvc(folder, "checkout")
    return folder


def remote(folder: Path, place: Path) -> str:
    dvc(folder, "remote", "add", "--local", "--force", "shelf", str(place / "shelf"))
    return "shelf"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"optim": {"lr": -1.0}}, "optim.lr: -1.0 will not do. Input should be greater than 0."),
        ({"data": {"source": "masks", "path": "data/source"}}, "data/source"),
    ],
)
def test_a_mistake_ends_in_one_sentence(repository: Path, tmp_path: Path, values: dict[str, object], sentence: str) -> None:
    other = new_repository(tmp_path / "wrong")
    set_params(other, values)
    result = dvc(other, "repro", check=False)
    assert result.returncode != 0
    assert sentence in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr

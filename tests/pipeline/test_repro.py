"""`dvc repro` from annotations to the report, again for nothing, again by force, and again elsewhere."""

import json
import shutil
from pathlib import Path

import pytest

from segpipe.files import sha256_of
from tests.pipeline.conftest import dvc, git, live_lock, new_repository, ran, set_params

EVERY = ["download", "convert", "split", "train@0", "evaluate@0", "export", "report"]


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


def test_git_sees_the_lock_and_the_metrics_and_no_data(repository: Path) -> None:
    tracked = git(repository, "ls-files").splitlines()
    assert {"dvc.lock", "metrics/summary.json", "metrics/per_class.csv"} <= set(tracked)
    assert [name for name in tracked if name.startswith(("data/", "models/", "reports/", "mlruns/"))] == []


def test_nothing_to_do_runs_nothing(repository: Path) -> None:
    assert ran(dvc(repository, "repro")) == []


def test_by_force_it_gives_the_same_bytes(repository: Path) -> None:
    before = results(repository)
    # Other workers, another hash seed and another locale must not matter either.
    set_params(repository, {"runtime": {"workers": 2}})
    done = dvc(repository, "repro", "--force", PYTHONHASHSEED="7", LC_ALL="C")
    git(repository, "checkout", "--quiet", "params.yaml")
    assert ran(done) == EVERY
    assert results(repository) == before


def test_elsewhere_it_gives_the_same_lock(repository: Path, tmp_path: Path) -> None:
    other = new_repository(tmp_path / "quite another folder")
    dvc(other, "repro")
    assert live_lock(other) == live_lock(repository)
    assert results(other) == results(repository)


def test_a_clone_that_pulls_runs_nothing(repository: Path, tmp_path: Path) -> None:
    dvc(repository, "push", "--remote", remote(repository, tmp_path))
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    clone = tmp_path / "clone"
    dvc(clone, "pull", "--remote", remote(clone, tmp_path))
    assert ran(dvc(clone, "repro")) == []


def remote(folder: Path, place: Path) -> str:
    dvc(folder, "remote", "add", "--local", "--force", "shelf", str(place / "shelf"))
    return "shelf"


def test_a_new_dice_weight_reruns_training_and_what_follows(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    clone = tmp_path / "clone"
    git(clone, "config", "user.name", "tester")
    git(clone, "config", "user.email", "tester@localhost")
    shutil.copytree(repository / ".dvc" / "cache", clone / ".dvc" / "cache")
    dvc(clone, "checkout")
    done = dvc(clone, "exp", "run", "-S", "loss.dice_weight=0.3")
    assert ran(done) == ["train@0", "evaluate@0", "export", "report"]
    changes = json.loads(dvc(clone, "metrics", "diff", "--json").stdout)
    assert changes["metrics/summary.json"]["test.dice"]["diff"] != 0
    shown = dvc(clone, "exp", "show", "--csv", "--only-changed").stdout
    assert "test.dice" in shown
    assert "loss.dice_weight" in shown


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

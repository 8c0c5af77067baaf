"""A fold whose training would be another is refused before any fold is recorded."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segpipe import paths
from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.workflows import adopt
from tests.inference.cards import PARAMS, small

OUTCOME = {"best_epoch": 0, "epochs": 1, "first_steps": "abc"}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The models of two folds, trained by the code `old`, and what their files hold."""
    monkeypatch.chdir(tmp_path)
    for fold in (0, 1):
        segmenter, card = small(seed=fold)
        model_file.save(paths.model_file(fold), segmenter, replace(card, fold=fold, training=training("old")))
    monkeypatch.setattr(adopt, "load_params", lambda: PARAMS.model_copy(update={"folds": (0, 1)}))
    monkeypatch.setattr(adopt, "_dvc", lambda *arguments: None)
    monkeypatch.setattr(adopt, "_checkout", lambda commit, folder: Path("old"))
    monkeypatch.setattr(adopt.mlflow_runs, "reopen", lambda *which: Quiet())
    return contents()


class Quiet:
    """A tracker that tracks nothing."""

    def tags(self, values: dict[str, str]) -> None:
        pass


def training(code: str) -> dict[str, Any]:
    return {"params": {"threads": 1}, "code": code} | OUTCOME


def contents() -> list[bytes]:
    return [paths.model_file(fold).read_bytes() for fold in (0, 1)]


def trace_of(different: set[int]) -> Any:
    """A trace of two hashes, of which the new code has another one in these folds."""

    def traced(folder: Path, fold: int, steps: int, images: int, file: Path) -> dict[str, Any]:
        code = "old" if folder == Path("old") else "new"
        _, card = small()
        card = replace(card, fold=fold, fingerprint=code * 10, training={"params": {"threads": 1}, "code": code})
        second = "2" if code == "new" and fold in different else "1"
        return {"card": card.to_dict(), "entries": [["epoch 0", "loss", "1"], ["epoch 0", "weights", second]]}

    return traced


def test_all_folds_are_recorded_with_the_new_codes_hash(models: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopt, "traced", trace_of(set()))
    assert adopt.adopt(None, "HEAD", 2) == (0, 1)
    for fold in (0, 1):
        card = model_file.load(paths.model_file(fold))[1]
        assert (card.training["code"], card.training["epochs"], card.fingerprint) == ("new", 1, "new" * 10)


def test_nothing_is_recorded_where_one_fold_is_refused(models: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopt, "traced", trace_of({1}))
    with pytest.raises(PipelineError, match=r"models/fold1/model\.safetensors cannot be adopted: epoch 0: weights differs"):
        adopt.adopt(None, "HEAD", 2)
    assert contents() == models


def commit(*options: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "old", *options], check=True)


def test_a_commit_without_files_and_one_that_is_not_there_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    commit("--allow-empty")
    with pytest.raises(PipelineError, match=r"HEAD has no files\. Name the commit whose dvc\.lock holds this model"):
        adopt._checkout("HEAD", tmp_path / "empty")
    for unknown in ("", "HEAD~1"):
        with pytest.raises(PipelineError, match=f"git knows no {unknown} here: fatal: not a valid object name"):
            adopt._checkout(unknown, tmp_path / "none")


def test_code_of_before_there_were_traces_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("of before")
    for command in (("init", "--quiet"), ("add", "README.md")):
        subprocess.run(["git", *command], check=True)
    commit()
    with pytest.raises(PipelineError, match=r"the code of HEAD is too old .*segpipe/workflows/trace\.py\. Run `dvc repro`"):
        adopt._checkout("HEAD", tmp_path / "old")

"""What an experiment is compared by: the code that its stages ran, the files they read, and the outputs of live stages.

That experiments of DVC's own are kept or run again, tests/workflows/test_study.py has.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from segpipe.experiments import up_to_date
from segpipe.reproducibility import code_hash
from tests.experiments.projects import commit, git
from tests.structure.imports import ROOT

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def test_code_is_compared_by_what_each_stage_ran() -> None:
    split = code_hash.code_hash(code_hash.ROOTS, ["stages.split"])
    stages = {
        "split": {"params": {"code.json": {"stages.split": split}}},
        "train@0": {"params": {"code.json": {"stages.train": "another", "models.gone": "before"}, "params.yaml": {"seed": 1}}},
        "code": {},
    }
    assert up_to_date._changed_code({"stages": stages}) == ["stages.train"]


def test_files_that_stages_read_count_and_others_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "--quiet")
    for key in ("user.name", "user.email"):
        git(tmp_path, "config", key, "tester")
    folders = ("segpipe/losses", "docs", "data/images")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "README.md").touch()
    commit(tmp_path)
    before = git(tmp_path, "rev-parse", "HEAD").strip()
    for name in ("segpipe/losses/dice.py", "docs/page.md", "params.yaml", "README.md", "code.json", "dvc.lock"):
        (tmp_path / name).write_text("other\n", encoding="utf-8")
    commit(tmp_path)
    params = PARAMS | {"data": PARAMS["data"] | {"path": "data/images"}}
    assert up_to_date._changed_files(before, "HEAD", PIPELINE, params) == []
    seen = ["data/images/1.png", "data/source.dvc", "dvc.yaml", "kept_folds.csv", "run", "runtime.lock"]
    for name in seen:
        (tmp_path / name).write_text("other\n", encoding="utf-8")
    commit(tmp_path)
    assert up_to_date._changed_files(before, "HEAD", PIPELINE, params) == seen
    assert up_to_date._changed_files("0" * 40, "HEAD", PIPELINE, params) == ["the commit it started from"]


def test_stages_are_those_that_dvc_makes_of_the_folds() -> None:
    names = up_to_date._names(PIPELINE, PARAMS | {"folds": [0, 3]})
    assert {"train@0", "train@3", "evaluate@0", "evaluate@3", "export", "code"} <= names and "train@1" not in names


def test_dead_stages_need_no_outputs_and_every_file_of_a_folder_counts(tmp_path: Path) -> None:
    held, gone = "a" * 32, "b" * 32
    folder = f"{'c' * 32}.dir"
    (tmp_path / "aa").mkdir()
    (tmp_path / "aa" / held[2:]).touch()
    (tmp_path / "cc").mkdir()
    (tmp_path / "cc" / folder[2:]).write_text(json.dumps([{"md5": held, "relpath": "x"}, {"md5": gone, "relpath": "y"}]))
    outs = {"export": held, "train@0": folder, "evaluate@0": gone, "train@9": gone}
    lock = {"stages": {name: {"outs": [{"path": f"of {name}", "md5": md5}]} for name, md5 in outs.items()}}
    missing = up_to_date._missing(PIPELINE, lock, PARAMS | {"folds": [0]}, tmp_path)
    assert [*missing] == ["of train@0", "of evaluate@0"]

"""The stage as it is run: what it writes, that it is exact, and what it refuses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segpipe import gate
from segpipe.errors import PipelineError
from segpipe.gate import Form, Gate
from segpipe.tracking import mlflow_runs
from stages import report
from tests.report.projects import finished, trained_with, write_params, write_run
from tests.structure.imports import ROOT

WRITTEN = (
    "metrics/summary.json",
    "metrics/curves.csv",
    "metrics/per_class.csv",
    "metrics/confusion.csv",
    "reports/suspects.csv",
    "reports/index.html",
)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    monkeypatch.chdir(folder)
    report.main()
    return {name: (folder / name).read_bytes() for name in WRITTEN}


def test_all_files_and_the_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = run(finished(tmp_path), monkeypatch)
    summary = json.loads(files["metrics/summary.json"])
    assert set(summary) == {"val", "test"}
    assert summary["test"]["colour_dice"] == 1.0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == f"result: reports/index.html (test Dice {summary['test']['dice']:.2f}, colours alone 1.00)"
    assert lines[-1] == "next:   open it in a browser; dvc exp run -S loss.dice_weight=0.7"


def test_an_export_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished(tmp_path)
    assert b"Exported model" not in run(folder, monkeypatch)["reports/index.html"]
    (folder / "models/export").mkdir(parents=True)
    (folder / "models/export/model.onnx").write_bytes(b"x" * 250_000)
    forms = (Form("as predicted", 4, 1280, 1e-6, 0.0),)
    gate.write(folder / "models/export/gate.json", Gate("test", 4, 4, forms, {"dice": (0.5, 0.5)}), {"tolerance": 0.001}, 20)
    assert b"0.2 MB" in run(folder, monkeypatch)["reports/index.html"]


def test_another_folder_and_another_process_give_the_same_bytes_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for the sheet of augmented samples, though albumentations would import it."""
    folder = finished(tmp_path / "first", folds=(0, 1))
    write_run(folder / "data/eval/fold0", 0, params=trained_with("standard"))
    shutil.copytree(folder, tmp_path / "second place")
    heavy = "{'torch'}"
    code = f"import sys; from stages.report import main; main(); print('HEAVY', {heavy} & set(sys.modules))"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "second place", env=env, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "HEAVY set()"
    files = run(folder, monkeypatch)
    files["reports/augmentation.png"] = (folder / "reports/augmentation.png").read_bytes()
    for name, content in files.items():
        assert (tmp_path / "second place" / name).read_bytes() == content, name


def test_the_page_shows_a_presets_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished(tmp_path)
    write_run(folder / "data/eval/fold0", 0, params=trained_with("multi_scale"))
    html = run(folder, monkeypatch)["reports/index.html"].decode("utf-8")
    for key, value in (("preset", "multi_scale"), ("scale_max", "2"), ("rotate", "0")):
        assert f"<dt>{key}</dt><dd><code>{value}</code></dd>" in html


def test_stale_folds_go_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished(tmp_path, folds=(0, 1))
    write_params(folder, (1,))
    run(folder, monkeypatch)
    assert [path.name for path in (folder / "data/eval").iterdir()] == ["fold1"]
    assert "removed data/eval/fold0: this fold is not in `folds`" in capsys.readouterr().out


def test_a_missing_fold_is_refused_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished(tmp_path)
    write_params(folder, (0, 1))
    with pytest.raises(PipelineError, match="fold 1 has no results"):
        run(folder, monkeypatch)
    assert not (folder / "metrics").exists()


def test_the_page_goes_to_each_folds_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished(tmp_path, folds=(0, 1))
    for fold in (0, 1):
        write_run(folder / f"data/eval/fold{fold}", fold)
    sent: list[tuple[str, ...]] = []

    class Tracker:
        def __init__(self, *which: str) -> None:
            self.which = which

        def file(self, path: Path, where: str) -> None:
            sent.append((*self.which, path.as_posix(), where))

    monkeypatch.setattr(mlflow_runs, "reopen", Tracker)
    run(folder, monkeypatch)
    assert sent == [("segpipe", f"print{fold}", "reports/index.html", "report") for fold in (0, 1)]

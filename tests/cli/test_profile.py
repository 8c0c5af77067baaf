"""segpipe profile: a table whose numbers are where they belong, a trace, and nothing else that has changed."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from segpipe.cli.main import app
from segpipe.dataset import pack
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.inference import scoring
from segpipe.params import edit
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.structure.imports import ROOT

SLEPT = 0.15
SMALL = {
    "input.crop": 16,
    "model.width": 4,
    "model.depth": 1,
    "train.epochs": 4,
    "train.batch_size": 2,
    "train.validate_every": 2,
    "runtime.workers": 0,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with data and folds, a model, a saved state, and a file that somebody else wrote into `profiles`."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    shutil.copy(ROOT / "runtime.lock", tmp_path)
    plain_params.write(tmp_path)
    edit.write(tmp_path / "params.yaml", SMALL)
    made(tmp_path / "data", {name: (noise(number), np.ones((24, 32), np.uint8)) for number, name in enumerate("abcdefgh")})
    folds.write(Path("data/folds/folds.csv"), dict(zip("abcdefgh", "00111111", strict=True)))
    for file in (".dvc/config", "models/fold0/model.safetensors", ".resume/train-0-1/1.state", "profiles/fold0-001.json.gz"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(file)
    yield tmp_path
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def profile(*options: str) -> Result:
    return CliRunner().invoke(app, ["profile", "--steps", "2", *options])


def rows(result: Result) -> dict[str, list[str]]:
    """The cells of the table's rows by their part."""
    assert result.exit_code == 0, (result.output, result.exception)
    lines = result.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("part "))
    found = [re.split(r" {2,}", line) for line in lines[start + 1 : lines.index("", start)]]
    return {name: cells for name, *cells in found}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def slow(work: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        time.sleep(SLEPT)
        return work(*given)

    return call


def test_it_measures_writes_a_trace_and_changes_nothing_else(project: Path) -> None:
    before = files(project)
    result = profile()
    found = rows(result)
    assert "an epoch has 3 steps of 2 images, 2 are measured" in result.stdout
    assert [*found][:5] == ["reading", "decoding", "augmenting", "first batch", "waiting for data"]
    assert [*found][-3:] == ["validation", "saving", "an epoch"]
    assert {"copying", "forward", "loss", "backward", "step"} <= found.keys()
    # Six images, all kept decoded: a quarter of them in each of four epochs; two are validated in every second one.
    assert [found[part][1:3] for part in ("decoding", "augmenting", "step", "validation")] == [
        ["image", "1.5"],
        ["image", "6"],
        ["step", "3"],
        ["image", "1"],
    ]
    page = (ROOT / "docs/how-to/profile-a-training.md").read_text(encoding="utf-8")
    assert all(re.search(rf"^\| [^|]*\b{part}\b[^|]* \|", page, re.MULTILINE) for part in [*found][:-1]), "unexplained"
    shares = [float(cells[-1].removesuffix("%")) for part, cells in found.items() if cells[-1] != "beside" and part != "an epoch"]
    assert sum(shares) == pytest.approx(100, abs=0.6)
    assert "result: profiles/fold0-002.json.gz: 3 steps, operation by operation\nnext:   open it at" in result.stdout
    after = files(project)
    assert after.pop("profiles/fold0-002.json.gz")
    assert after == before


def test_an_epoch_of_steps_has_its_own_counts(project: Path) -> None:
    edit.write(project / "params.yaml", {"train.steps_per_epoch": 2})
    result = profile()
    found = rows(result)
    assert "an epoch has 2 steps of 2 images, 2 are measured" in result.stdout
    # Four images of six, all kept decoded: within four epochs each is decoded once.
    assert [found[part][2] for part in ("decoding", "augmenting", "step")] == ["1.5", "4", "2"]
    # In two epochs not all of them are seen, and what is seen is decoded then.
    edit.write(project / "params.yaml", {"train.epochs": 2, "train.steps_per_epoch": 1})
    assert [rows(profile())[part][2] for part in ("decoding", "augmenting", "step")] == ["2", "2", "1"]


@pytest.mark.parametrize(
    ("module", "name", "part"), [(pack, "decode_image", "decoding"), (scoring, "predict_classes", "validation")]
)
def test_a_slow_part_is_slow_in_its_own_row(
    project: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, part: str
) -> None:
    monkeypatch.setattr(module, name, slow(getattr(module, name)))
    found = rows(profile())
    # A state waits for the disk, which others use too; the start of a validation decodes its first image.
    others = ("an epoch", "saving", "start of a validation")
    taken = {row: float(cells[0]) for row, cells in found.items() if row not in others}
    # An image that is validated is decoded, too.
    own = {"decoding", "validation"} if part == "decoding" else {"validation"}
    assert {row for row, milliseconds in taken.items() if milliseconds >= 1000 * SLEPT} == own


def test_what_is_not_kept_decoded_is_waited_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "decode_image", slow(pack.decode_image))
    edit.write(Path("params.yaml"), {"runtime.cache_gib": 0.0})
    result = profile()
    found = rows(result)
    assert float(found["waiting for data"][0]) >= 2 * 1000 * SLEPT
    assert found["decoding"][2] == "6"
    assert "spent by the loop itself, which is its waiting for data" in result.stdout
    assert re.search(r"advice: the loop waits for data for \d+% of an epoch: runtime.cache_gib: 0.1 would keep", result.stdout)


def test_changes_on_the_device_are_measured_there(project: Path) -> None:
    edit.write(Path("params.yaml"), {"augment.library": "torchvision", "train.ema": 0.9, "train.accumulate": 2})
    result = profile("--fold", "1", "--out", "elsewhere")
    assert rows(result)["decoding"][2] == "0.5"
    assert "augmenting on cpu between the steps" in result.stdout
    assert [path.name for path in Path("elsewhere").iterdir()] == ["fold1-001.json.gz"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fold", "7"], "there is no fold 7; there are 0, 1. Write one of those."),
        (["--out", "params.yaml"], "--out params.yaml: is a file. Name a folder"),
        (["--out", "models/fold0"], "--out models/fold0: is what the pipeline makes"),
    ],
)
def test_mistakes_have_their_sentence(project: Path, options: list[str], sentence: str) -> None:
    before = files(project)
    result = profile(*options)
    assert isinstance(result.exception, PipelineError)
    assert sentence in str(result.exception)
    assert files(project) == before

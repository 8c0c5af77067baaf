"""Each key that dvc.yaml lists for a stage is read by it: found by running every stage once and writing down what is read."""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from pydantic import BaseModel

from segpipe.params import stage_keys
from segpipe.params.schema import DataParams, Source
from segpipe.params.stage_keys import NEVER_A_RESULT, Keys
from stages import convert, download, ensemble, evaluate, export, report, sanity, split, train
from tests.annotations.formats.masks import folders
from tests.pipeline.conftest import set_params
from tests.structure.imports import ROOT

SMALL = {
    "threads": 1,
    "folds": [0, 1],
    "data": {"sample": {"n_images": 10, "size": 64}},
    "input": {"crop": 32},
    "model": {"name": "unet", "weights": "none", "width": 2, "depth": 1},
    "train": {"epochs": 1, "batch_size": 4},
    "optim": {"lr": 0.01},
    "runtime": {"device": "cpu", "workers": 0},
}
PRIVATE = {"train": {"strategy": "private"}, "dp": {"target_delta": 0.01}}
FEDERATED = {"train": {"strategy": "federated"}, "federated": {"sites": "group"}}


def ensemble_of_two() -> None:
    """With another fold's model beside the one that is there."""
    train.main(1)
    evaluate.main(1)
    ensemble.main()


STAGES = {
    "download": download.main,
    "convert": convert.main,
    "split": split.main,
    "sanity": sanity.main,
    "train": lambda: train.main(0),
    "evaluate": lambda: evaluate.main(0),
    "ensemble": ensemble_of_two,
    "export": export.main,
    "report": report.main,
}
SOURCES = set(get_args(Source))


@contextlib.contextmanager
def recorded() -> Iterator[set[tuple[str, str]]]:
    """What is read of a stage's keys meanwhile: the class, and the name of the field."""
    read: set[tuple[str, str]] = set()
    original = BaseModel.__getattribute__

    def note(self: BaseModel, name: str) -> Any:
        if not name.startswith("_") and name in type(self).model_fields:
            read.add((type(self).__name__, name))
        return original(self, name)

    with pytest.MonkeyPatch.context() as patch:
        for each in (Keys, DataParams):
            patch.setattr(each, "__getattribute__", note, raising=False)
        yield read


@pytest.fixture(scope="module")
def read_by(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[tuple[str, str]]]:
    """What each stage reads, run one after the other on a small sample."""
    sample, masks = project(tmp_path_factory.mktemp("sample"), SMALL), tmp_path_factory.mktemp("masks")
    folders.folder(masks / "own", **dict.fromkeys("abcd", folders.blocks(0, 1, side=16)))
    project(masks, {"data": {"source": "masks", "path": str(masks / "own")}})
    found = {name: run(sample, main) for name, main in STAGES.items()}
    # Some keys of the data are for masks, or for data of one's own.
    found |= {name: found[name] | run(masks, STAGES[name]) for name in ("download", "convert")}
    # And some of a training are for another way of training.
    for other in (PRIVATE, FEDERATED):
        set_params(sample, other)
        found |= {name: found[name] | run(sample, STAGES[name]) for name in ("sanity", "train")}
        in_groups(sample / "data" / "prepared" / "index.csv")
    return found


def in_groups(index: Path) -> None:
    """Every image is of one group or of another."""
    table = pd.read_csv(index)
    table["group"] = ["ab"[row % 2] for row in range(len(table))]
    table.to_csv(index, index=False)


def project(folder: Path, changes: dict[str, Any]) -> Path:
    """Our own project's params.yaml with these changes, before its first stage."""
    for name in ("params.yaml", "runtime.lock"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "kept_folds.csv").touch()
    set_params(folder, changes)
    return folder


def run(folder: Path, main: Callable[[], None]) -> set[tuple[str, str]]:
    """What the stage reads."""
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        patch.setenv("DVC_ROOT", str(folder))
        with recorded() as read:
            main()
    return read


@pytest.mark.parametrize("stage", STAGES)
def test_each_key_of_a_stage_is_read(stage: str, read_by: dict[str, set[tuple[str, str]]]) -> None:
    assert wanted(getattr(stage_keys, f"{stage.title()}Keys")) <= read_by[stage]


def wanted(keys: type[BaseModel]) -> set[tuple[str, str]]:
    """The fields of a stage's keys, those of parts of sections and of `data` too, without the blocks of the sources."""
    found = set()
    for name, field in keys.model_fields.items():
        if name not in NEVER_A_RESULT | SOURCES:
            found.add((keys.__name__, name))
            section = field.annotation
            if isinstance(section, type) and issubclass(section, Keys | DataParams):
                found |= wanted(section)
    return found

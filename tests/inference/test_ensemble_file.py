"""data/ensemble: read for several folds with a test part, refused where it is of other models, and asked for by no one else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from segpipe import evaluation
from segpipe.dataset.split import folds as splits
from segpipe.errors import PipelineError
from segpipe.evaluation import FoldResults
from segpipe.inference import ensemble_file
from segpipe.inference.ensemble_file import EnsembleResults
from tests.report.projects import CLASSES, finished


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("project"), folds=(0, 1))


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    """A copy of its data/ensemble."""
    return Path(shutil.copytree(project / "data/ensemble", tmp_path / "ensemble"))


def read(project: Path, folder: Path, folds: tuple[int, ...] = (0, 1)) -> EnsembleResults | None:
    parts = splits.read(project / "data/folds/folds.csv")
    results: list[FoldResults] = evaluation.read(project / "data/eval", folds, parts, len(CLASSES))
    return ensemble_file.read(folder, results, parts, len(CLASSES))


def test_what_was_written_is_read(project: Path, folder: Path) -> None:
    found = read(project, folder)
    assert found is not None and found.folds == (0, 1) and set(found.scores.counts) == {"test"}
    # Right but for the last image, which was taken for background.
    right = np.array(list(found.scores.dice["test"].values()))
    assert right.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert not (folder / "predictions.zip").exists()


def test_one_fold_asks_for_nothing(project: Path, tmp_path: Path) -> None:
    assert read(project, tmp_path / "nowhere", (1,)) is None
    assert ensemble_file.reason_for_none((1,), {"a": "test"}) == "fold 1 alone is trained, so there is nothing to average"
    assert "no test part" in ensemble_file.reason_for_none((0, 1), {"a": "0", "b": "1"})
    assert ensemble_file.reason_for_none((0, 1), {"a": "0", "b": "test"}) == ""


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("members.json", None, r"no members\.json\. Run `dvc repro ensemble`"),
        ("counts.csv", None, r"no counts\.csv\. Run `dvc repro ensemble`"),
        ("members.json", "{}", "is of other models than data/eval. Run `dvc repro ensemble`"),
        ("members.json", '{"0": "model0", "1": "another"}', "is of other models than data/eval"),
        ("members.json", '{"0": "model0", "1": "model1", "2": "model2"}', "is of other models than data/eval"),
        ("members.json", "{", r"not whole \(.*Run `dvc repro --force ensemble`"),
        ("details.json", "{}", r"not whole \('test'\)"),
        ("class_pixels.csv", "part,image,class,true,predicted,right\n", r"not whole \(class_pixels\.csv does not add up"),
    ],
)
def test_what_is_missing_broken_or_of_other_models_is_refused(
    project: Path, folder: Path, name: str, content: str | None, problem: str
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(PipelineError, match=problem):
        read(project, folder)


def test_that_of_another_split_is_refused(project: Path, folder: Path) -> None:
    text = (folder / "per_image.csv").read_text()
    (folder / "per_image.csv").write_text(text.replace("image03", "image99"))
    with pytest.raises(PipelineError, match="its images are not those of data/folds"):
        read(project, folder)


def test_there_being_none_is_written_too(tmp_path: Path) -> None:
    ensemble_file.write_none(tmp_path)
    assert json.loads((tmp_path / "members.json").read_text()) == {}

"""kept_folds.csv under DVC: a dependency of split that split itself rewrites."""

from pathlib import Path

import pytest
import yaml

from segpipe.dataset.split import folds
from tests.pipeline.conftest import dvc, git, new_repository, ran, set_params

KEPT, FOLDS = "kept_folds.csv", "data/folds/folds.csv"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose data grew from 16 images to 24, split and committed at both."""
    folder = new_repository(tmp_path_factory.mktemp("kept") / "first")
    # Only the stages up to split: the outs of those behind it would be missing at each checkout.
    stages = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    pipeline = {"stages": {name: stages[name] for name in ("code", "download", "convert", "split")}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline), encoding="utf-8")
    for number in (16, 24):
        set_params(folder, {"data": {"sample": {"n_images": number}}})
        dvc(folder, "repro", "split")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"{number} images")
    return folder


def test_a_second_run_runs_nothing_and_leaves_git_clean(grown: Path) -> None:
    assert ran(dvc(grown, "repro", "split")) == []
    assert git(grown, "status", "--short") == ""
    assert len((grown / KEPT).read_bytes().splitlines()) == 2 + 24


def test_a_fresh_clone_makes_the_same_bytes(grown: Path, tmp_path: Path) -> None:
    git(grown.parent, "clone", "--quiet", str(grown), str(tmp_path / "clone"))
    assert "split" in ran(dvc(tmp_path / "clone", "repro", "--force", "split"))
    assert git(tmp_path / "clone", "status", "--short") == ""
    assert (tmp_path / "clone" / FOLDS).read_bytes() == (grown / FOLDS).read_bytes()


def test_the_run_cache_gives_each_memory_its_own_folds(grown: Path) -> None:
    new = folds.read(grown / FOLDS)
    git(grown, "checkout", "--quiet", "HEAD~1")
    assert ran(dvc(grown, "repro", "split")) == []
    old = folds.read(grown / FOLDS)
    git(grown, "checkout", "--quiet", "main")
    assert ran(dvc(grown, "repro", "split")) == []
    assert folds.read(grown / FOLDS) == new and {item: new[item] for item in old} == old
    # Dealt afresh: the old images may lie elsewhere, and no cached run with another memory takes its place.
    (grown / KEPT).write_bytes(b"")
    assert ran(dvc(grown, "repro", "split")) == ["split"]
    git(grown, "checkout", "--quiet", ".")
    dvc(grown, "checkout")
    assert ran(dvc(grown, "repro", "split")) == []


def test_experiments_keep_their_memory_to_themselves(grown: Path) -> None:
    before = (grown / KEPT).read_bytes()
    dvc(grown, "exp", "run", "--temp", "--name", "apart", "-S", "seed=7", "split")
    assert (grown / KEPT).read_bytes() == before and git(grown, "status", "--short") == ""
    dvc(grown, "exp", "apply", "apart")
    assert b"seed 7," in (grown / KEPT).read_bytes()
    assert ran(dvc(grown, "repro", "split")) == []
    git(grown, "checkout", "--quiet", ".")
    dvc(grown, "checkout")
    assert (grown / KEPT).read_bytes() == before

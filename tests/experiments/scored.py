"""A repository whose experiments have results that were written by hand: DVC and Git are real, and nothing has run."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from dvc.repo import Repo

from segpipe.dataset.split import folds as splits
from segpipe.storage.files import write_text
from tests.experiments.projects import begin, commit, git
from tests.report import projects

PIPELINE = {
    "stages": {
        "convert": {"cmd": "true", "outs": ["data/prepared"]},
        "split": {"cmd": "true", "outs": ["data/folds"]},
        "train": {"matrix": {"fold": "${folds}"}, "cmd": "true", "outs": ["models/fold${item.fold}"]},
        "evaluate": {
            "matrix": {"fold": "${folds}"},
            "cmd": "true",
            "params": ["loss", "train", "infer"],
            "outs": ["data/eval/fold${item.fold}"],
        },
    }
}


def new_repository(folder: Path) -> Path:
    """One with the results of a model; they are committed to Git and to DVC."""
    folder.mkdir(parents=True)
    projects.finished(folder, n_test=9, n_images=15)
    write_text(folder / "models/fold0/model.safetensors", "the first")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE), encoding="utf-8")
    (folder / ".gitignore").write_text("/data\n/models\n", encoding="utf-8")
    begin(folder)
    keep(folder)
    return folder


def keep(folder: Path) -> None:
    """The results as they lie there, to DVC's cache, and all else to Git."""
    # DVC looks for stages where the process is.
    with contextlib.chdir(folder), Repo() as repo:
        repo.commit(force=True)
    commit(folder)


def experiment(folder: Path, name: str, right: float, seed: int, train_seed: int | None = None, **changes: Any) -> None:
    """An experiment of this name: `right` of each image's pixels are right, `seed` says which, and keys have other values.

    `changes` are sections of params.yaml; train.seed is `seed` unless it is given.
    """
    base = git(folder, "rev-parse", "main").strip()
    git(folder, "checkout", "--quiet", "--detach", "main")
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    own_seed = seed if train_seed is None else train_seed
    for section, keys in (changes | {"train": {"seed": own_seed} | changes.get("train", {})}).items():
        params[section] |= keys
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    write_predictions(folder, right, seed)
    projects.write_run(folder / "data/eval/fold0", 0, fingerprint=name)
    write_text(folder / "models/fold0/model.safetensors", name)
    keep(folder)
    git(folder, "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
    git(folder, "checkout", "--quiet", "main")


def write_predictions(folder: Path, right: float, seed: int) -> None:
    """data/eval/fold0 of a model that calls this share of each image's pixels what they are, and the rest another class."""
    parts = splits.read(folder / "data/folds/folds.csv")
    masks = {item: projects.mask(number, 3) for number, item in enumerate(parts)}
    rng = np.random.default_rng(seed)

    def seen(item: str, number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        wrong = rng.random(masks[item].shape) > right + 0.01 * rng.standard_normal()
        return np.where(wrong, (masks[item] + 1) % 3, masks[item]).astype(np.uint8)

    shutil.rmtree(folder / "data/eval")
    projects.write_results(folder / "data/eval/fold0", 0, parts, masks, 3, seen)

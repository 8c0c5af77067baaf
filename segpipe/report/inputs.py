"""data/eval as the report reads it: each fold's counts, image scores, curves, predictions, and what made them."""

import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segpipe import zips
from segpipe.csv_table import csv_rows
from segpipe.dataset import folds as splits
from segpipe.errors import PipelineError
from segpipe.place import Place
from segpipe.scores import Confusion

VAL, TEST = "val", "test"


@dataclass(frozen=True)
class FoldResults:
    """One fold. `counts` and `dice` (by image id) hold each part that has images, in the order of per_image.csv.

    `history` has a row an epoch, its numbers as they stand in the file. `run` is run.json, empty where there is none.
    `predictions` says where the PNG of PART/ID lies.
    """

    fold: int
    counts: dict[str, Confusion]
    dice: dict[str, dict[str, float | None]]
    history: list[dict[str, str]]
    run: dict[str, Any]
    predictions: dict[str, Place]


def remove_others(folder: Path, folds: Sequence[int]) -> list[str]:
    """Deletes the results of folds that are no longer asked for, and returns their names.

    DVC leaves them on the disk, and the hash of data/eval would differ from that of a fresh clone.
    """
    wanted = {f"fold{fold}" for fold in folds}
    stale = [path for path in sorted(folder.glob("fold*")) if re.fullmatch(r"fold\d+", path.name) and path.name not in wanted]
    for path in stale:
        shutil.rmtree(path)
    return [path.name for path in stale]


def read(folder: Path, folds: Sequence[int], parts: dict[str, str], n_classes: int) -> list[FoldResults]:
    """The results of each fold, in the order of `folds`; `parts` is folds.csv.

    Raises PipelineError where a fold has none, or they are broken or of another split.
    """
    return [_read_fold(folder / f"fold{fold}", fold, parts, n_classes) for fold in folds]


def _read_fold(folder: Path, fold: int, parts: dict[str, str], n_classes: int) -> FoldResults:
    run = folder / "run.json"
    try:
        counts = _counts(folder / "counts.csv", n_classes)
        dice = _image_dice(folder / "per_image.csv")
        history = csv_rows(folder / "history.csv")
        predictions = zips.places(folder / "predictions.zip")
        made_by = json.loads(run.read_text(encoding="utf-8")) if run.exists() else {}
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise PipelineError(f"{folder.as_posix()}: no {name}, so fold {fold} has no results. {_remedy(fold)}") from None
    except (KeyError, IndexError, ValueError, zipfile.BadZipFile) as error:
        raise PipelineError(f"{folder.as_posix()}: not whole ({error}). {_remedy(fold, '--force ')}") from None
    wanted = {VAL: set(splits.train_and_validation(parts, fold)[1]), TEST: set(splits.test(parts))}
    if any(set(dice.get(part, {})) != ids for part, ids in wanted.items()):
        raise PipelineError(f"{folder.as_posix()}: its images are not those of data/folds. {_remedy(fold)}")
    return FoldResults(fold, counts, dice, history, made_by, predictions)


def _remedy(fold: int, option: str = "") -> str:
    return f"Run `dvc repro {option}evaluate@{fold}`."


def _counts(path: Path, n_classes: int) -> dict[str, Confusion]:
    """counts.csv as one matrix a part."""
    found: dict[str, Confusion] = {}
    rows = csv_rows(path)
    for row in rows:
        counts = found.setdefault(row["part"], np.zeros((n_classes, n_classes), np.int64))
        counts[int(row["truth"]), int(row["prediction"])] = int(row["pixels"])
    if len(rows) != len(found) * n_classes**2:
        raise ValueError("counts.csv is about other classes")
    return found


def _image_dice(path: Path) -> dict[str, dict[str, float | None]]:
    """The Dice of each part's images, None where an image has no object."""
    found: dict[str, dict[str, float | None]] = {}
    for row in csv_rows(path):
        found.setdefault(row["part"], {})[row["id"]] = float(row["dice"]) if row["dice"] else None
    return found

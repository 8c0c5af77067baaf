"""A revision's results as comparisons take them: its parameters, and each image's pixels by each fold's model."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpipe import evaluation, paths
from segpipe.dataset import pack
from segpipe.errors import PipelineError
from segpipe.evaluation import PartScores
from segpipe.experiments.outputs import WORKSPACE, commit_of, opened
from segpipe.params.overrides import leaves
from segpipe.scores.intervals import Pixels
from segpipe.storage.csv_table import csv_rows
from segpipe.storage.yaml_mapping import read as read_yaml

SEEDS = ("seed", "train.seed")
"""Keys that make another run of the same setting, where data and folds are the same all the same."""
NO_SETTING = ("runtime.", "tracking.", "report.", "export.")
"""Beginnings of keys that no score depends on."""
SHOWN = 3
TABLES = ("per_image.csv", "class_pixels.csv", "counts.csv", "details.json", "run.json", "history.csv")


@dataclass(frozen=True)
class Scored:
    """The images of a part: ids, what tells an image and its mask from others, groups, and (n, F, K) pixels of F folds."""

    ids: Sequence[str]
    content: Sequence[str]
    groups: Sequence[str]
    pixels: Pixels


@dataclass(frozen=True)
class Outcome:
    """What `name`, a revision or the workspace, came to. `setting` holds what decides scores but seeds, by dotted name.

    `params` holds all of params.yaml by dotted name. `trainings` are the fingerprints of the folds' trainings, `histories` each
    fold's epochs, `tables` each fold's scores, `parts` the scored images by part.
    """

    name: str
    commit: str
    folds: Sequence[int]
    params: Mapping[str, Any]
    setting: Mapping[str, Any]
    seeds: tuple[Any, ...]
    classes: Sequence[str]
    has_background: bool
    trainings: tuple[str, ...]
    histories: Sequence[Sequence[Mapping[str, str]]]
    tables: Sequence[PartScores]
    parts: Mapping[str, Scored]


def read(name: str) -> Outcome:
    """Raises PipelineError for a name that is no revision, and where its results are missing or not whole."""
    commit = commit_of(name)
    data = [paths.PREPARED / "index.csv", paths.PREPARED / "dataset.json", paths.FOLDS]
    with opened(name, commit) as fetch:
        folds = _folds(read_yaml(fetch([paths.PARAMS]) / paths.PARAMS), name)
        tables = [paths.eval_folder(fold) / table for fold in folds for table in TABLES]
        try:
            return _read(fetch([paths.LOCK, *data, *tables]), name, commit, folds)
        except FileNotFoundError as error:
            raise PipelineError(f"{WORKSPACE}: no {error.filename}. Run `dvc repro`.") from None
        except (KeyError, IndexError, TypeError, ValueError) as error:
            what = " ".join(str(error).split())
            raise PipelineError(f"{name}: its results are not whole, or of other data ({what}). Run `dvc repro` there.") from None


def _read(root: Path, name: str, commit: str, folds: Sequence[int]) -> Outcome:
    params = {key: _number(value) for key, value in leaves(read_yaml(root / paths.PARAMS))}
    _require_made_by(params, read_yaml(root / paths.LOCK), folds, name)
    info, index = pack.read_info(root / paths.PREPARED), pack.read_index(root / paths.PREPARED)
    runs = [json.loads((root / paths.eval_folder(fold) / "run.json").read_text(encoding="utf-8")) for fold in folds]
    of_folds = [evaluation.read_tables(root / paths.eval_folder(fold), len(info.classes)) for fold in folds]
    together = {row["id"]: row["group"] for row in csv_rows(root / paths.FOLDS)}
    parts = {}
    for part in (evaluation.VAL, evaluation.TEST):
        if there := [([*found.dice[part]], found.pixels[part]) for found in of_folds if part in found.pixels]:
            ids, pixels = evaluation.of_folds(there)
            rows = index.loc[ids]
            content = [f"{image}{mask}" for image, mask in zip(rows["image_sha256"], rows["mask_sha256"], strict=True)]
            parts[part] = Scored(ids, content, [together[item] for item in ids], pixels)
    decides = {key: value for key, value in params.items() if key not in SEEDS and not key.startswith(NO_SETTING)}
    # Other code is another setting, and so are other versions: both may change what the same parameters give.
    decides |= {"code": runs[0].get("code"), "versions": runs[0].get("versions")}
    return Outcome(
        name=name,
        commit=commit,
        folds=folds,
        params=params,
        setting=decides,
        seeds=tuple(params.get(key, 0) for key in SEEDS),
        classes=info.classes,
        has_background=info.has_background,
        trainings=tuple(run["fingerprint"] for run in runs),
        histories=[csv_rows(root / paths.eval_folder(fold) / "history.csv") for fold in folds],
        tables=of_folds,
        parts=parts,
    )


def _require_made_by(params: Mapping[str, Any], lock: Mapping[str, Any], folds: Sequence[int], name: str) -> None:
    """Raises PipelineError where params.yaml was edited after the results were made: they are another setting's."""
    stages = [f"{stage}@{fold}" for fold in folds for stage in ("train", "evaluate")]
    held = [lock.get("stages", {}).get(stage, {}).get("params", {}).get(paths.PARAMS.as_posix(), {}) for stage in stages]
    made_by = {key: _number(value) for of_stage in held for key, value in leaves(of_stage)}
    if other := sorted(key for key, value in made_by.items() if key not in params or params[key] != value):
        raise PipelineError(
            f"{name}: params.yaml was changed after its results were made ({', '.join(other[:SHOWN])}). Run `dvc repro` there."
        )


def _number(value: Any) -> Any:
    """What DVC writes as 1e-05 PyYAML reads as text; it is the number that params.yaml may have as 0.00001."""
    if isinstance(value, list):
        return [*map(_number, value)]
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _folds(params: Mapping[str, Any], name: str) -> list[int]:
    folds = params.get("folds")
    if not isinstance(folds, list) or not folds or not all(isinstance(fold, int) for fold in folds):
        raise PipelineError(f"{name}: params.yaml has no list of folds. It is another version's, or not segpipe's.")
    return folds

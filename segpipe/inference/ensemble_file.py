"""data/ensemble: what the mean of all folds' models scored on the test part, written by stage ensemble and read by report."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from segpipe import evaluation
from segpipe.dataset.split import folds as splits
from segpipe.errors import PipelineError
from segpipe.evaluation import MODEL, TEST, FoldResults, PartScores, PartTotals, ScoredImage
from segpipe.scores.details import ImageFacts
from segpipe.storage.files import write_json

MEMBERS = "members.json"
"""The hash of each member's file, by fold; none where there is no ensemble."""
Members = Mapping[int, str]


@dataclass(frozen=True)
class EnsembleResults:
    """Which folds' models were averaged, and what their mean scored."""

    folds: tuple[int, ...]
    scores: PartScores


def reason_for_none(folds: Sequence[int], parts: Mapping[str, str]) -> str:
    """Why there is nothing to average, or nothing to score it on; empty where there is. `parts` is folds.csv."""
    if len(folds) == 1:
        return f"fold {folds[0]} alone is trained, so there is nothing to average"
    if not splits.test(dict(parts)):
        return "there is no test part, and each validation image was trained on by another fold's model"
    return ""


def write_none(folder: Path) -> None:
    """Writes that there is no ensemble."""
    write_json(folder / MEMBERS, {})


def write(
    folder: Path,
    scored: Iterable[ScoredImage],
    members: Members,
    classes: Sequence[str],
    has_background: bool,
    tolerance: float,
    unit: str,
    facts: Mapping[str, ImageFacts],
) -> PartTotals:
    """Writes the tables of data/eval/foldN for the test part, and whose mean was scored."""
    totals = evaluation.write(folder, {TEST: scored}, classes, has_background, tolerance, unit, facts, pictures=False)
    write_json(folder / MEMBERS, {str(fold): model for fold, model in members.items()})
    return totals[TEST]


def read(folder: Path, results: Sequence[FoldResults], parts: Mapping[str, str], n_classes: int) -> EnsembleResults | None:
    """What `write` wrote of the models of these folds; None where there is nothing to average, whatever the folder holds.

    Raises PipelineError where it is missing, broken, of other models or of another split.
    """
    folds = tuple(each.fold for each in results)
    if reason_for_none(folds, parts):
        return None
    where = folder.as_posix()
    try:
        members = TypeAdapter(dict[int, str]).validate_python(json.loads((folder / MEMBERS).read_text(encoding="utf-8")))
        if members != {each.fold: each.run.get(MODEL) for each in results}:
            raise PipelineError(f"{where}: is of other models than data/eval. Run `dvc repro ensemble`.")
        scores = evaluation.read_tables(folder, n_classes)
    except FileNotFoundError as error:
        raise PipelineError(f"{where}: no {Path(error.filename).name}. Run `dvc repro ensemble`.") from None
    except (KeyError, IndexError, TypeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise PipelineError(f"{where}: not whole ({reason}). Run `dvc repro --force ensemble`.") from None
    if set(scores.dice.get(TEST, {})) != set(splits.test(dict(parts))):
        raise PipelineError(f"{where}: its images are not those of data/folds. Run `dvc repro ensemble`.")
    return EnsembleResults(folds, scores)

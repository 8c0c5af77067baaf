"""What each site of a federated training scored on its own validation images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segpipe.evaluation import FoldResults

FEDERATED = "federated"
"""The entry of run.json."""


@dataclass(frozen=True)
class Site:
    """A site in a fold's training: its images, and its scores in the epoch that was kept, None where it has none."""

    fold: int
    name: str
    n_train: int
    n_validation: int
    dice: float | None
    miou: float | None


def sites(results: Sequence[FoldResults]) -> list[Site]:
    """All sites of all folds; empty where no training was federated."""
    return [
        Site(each.fold, name, count["train"], count["validation"], _score(each, number, "dice"), _score(each, number, "miou"))
        for each in results
        for number, (name, count) in enumerate(_entry(each).items(), start=1)
    ]


def _entry(results: FoldResults) -> Mapping[str, Any]:
    found: Mapping[str, Any] = results.run.get(FEDERATED, {}).get("sites", {})
    return found


def _score(results: FoldResults, number: int, name: str) -> float | None:
    text = results.history[results.run["best_epoch"]].get(f"site{number}_{name}", "")
    return float(text) if text else None

"""How the models learned: curves of the losses and scores over the epochs, and each fold's best epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from segpipe.evaluation import TEST, VAL, FoldResults
from segpipe.report import figures
from segpipe.report.numbers import of_fold

TERM = "train_loss_"
"""What the columns of a mixture's terms begin with in history.csv."""
SUBSET = "subset_"
"""What the columns of a subset of the validation part begin with, where there is one (train.validate_images)."""


@dataclass(frozen=True)
class Chart:
    """A drawing of two curves with their names; `svg` is markup of our own and holds nothing from data."""

    title: str
    names: tuple[str, str]
    svg: str


@dataclass(frozen=True)
class Fold:
    """A fold's training: its best epoch, counted from 1 (None where run.json does not say), and its scores by part."""

    number: int
    best_epoch: int | None
    n_epochs: int
    scores: dict[str, dict[str, float | None]]


def charts(results: Sequence[FoldResults]) -> list[Chart]:
    """Loss and scores, all folds in one drawing, then each term of a loss that is a mixture, in the history's order.

    Where a subset was validated, in more epochs than the whole part, its numbers are drawn.
    """
    subset = any(name.startswith(SUBSET) for each in results for row in each.history for name in row)
    prefix, of_part = (SUBSET, "subset of validation") if subset else ("val_", "validation")
    both, scores = ("training", of_part), f"{of_part} scores".capitalize()
    names = dict.fromkeys(name for each in results for row in each.history[:1] for name in row if name.startswith(TERM))
    terms = {f"Part of the loss: {name.removeprefix(TERM)}": (name, name.replace("train_", prefix, 1)) for name in names}
    return [
        Chart("Loss", both, figures.curves(results, ("train_loss", f"{prefix}loss"), unit_range=False)),
        Chart(scores, ("Dice", "mIoU"), figures.curves(results, (f"{prefix}dice", f"{prefix}miou"), unit_range=True)),
        *(Chart(title, both, figures.curves(results, columns, unit_range=False)) for title, columns in terms.items()),
    ]


def folds(results: Sequence[FoldResults], has_background: bool) -> list[Fold]:
    """Each fold's training, with the scores of the parts that every fold has."""
    parts = [part for part in (VAL, TEST) if all(part in each.counts for each in results)]
    return [
        Fold(each.fold, _best_epoch(each), len(each.history), {part: of_fold(each, part, has_background) for part in parts})
        for each in results
    ]


def _best_epoch(results: FoldResults) -> int | None:
    best = results.run.get("best_epoch")
    return best + 1 if isinstance(best, int) else None

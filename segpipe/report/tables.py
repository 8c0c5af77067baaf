"""The tables under metrics/, as CSV text for people, `dvc plots` and other programs."""

from collections.abc import Sequence

from segpipe.evaluation import TEST, VAL, FoldResults
from segpipe.report.numbers import DIGITS, headline, pooled
from segpipe.scores.counts import CLASS_SCORES, class_scores
from segpipe.storage.csv_table import csv_text


def curves(results: Sequence[FoldResults]) -> str:
    """A row a fold and epoch: fold, then all columns of history.csv as they stand there."""
    names = list(dict.fromkeys(name for each in results for row in each.history for name in row))
    rows = [[each.fold, *(row.get(name, "") for name in names)] for each in results for row in each.history]
    return csv_text(["fold", *names], rows)


def per_class(results: Sequence[FoldResults], classes: Sequence[str]) -> str:
    """A row a part and class: part, class, name, the scores from the counts of all folds added, true pixels in them."""
    rows: list[list[object]] = []
    for part in (VAL, TEST):
        if not all(part in each.counts for each in results):
            continue
        counts = pooled(results, part)
        found = class_scores(counts)
        for number, name in enumerate(classes):
            numbers = [_text(found[score][number]) for score in CLASS_SCORES]
            rows.append([part, number, name, *numbers, int(counts[number].sum())])
    return csv_text(["part", "class", "name", *CLASS_SCORES, "pixels"], rows)


def confusion(results: Sequence[FoldResults], classes: Sequence[str]) -> str:
    """A row a pair of classes on the headline's part: part, truth, prediction, pixels, their share of the true class.

    Not for DVC's template of that name, which counts rows: here a row stands for all its pixels.
    """
    part = headline(results)
    counts = pooled(results, part)
    rows = [
        [part, true, seen, int(pixels), _text(float(pixels / total) if total else None)]
        for true, row, total in zip(classes, counts, counts.sum(axis=1), strict=True)
        for seen, pixels in zip(classes, row, strict=True)
    ]
    return csv_text(["part", "truth", "prediction", "pixels", "share"], rows)


def _text(value: float | None) -> str:
    return "" if value is None else repr(round(value, DIGITS))

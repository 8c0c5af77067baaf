"""The scores of every image as the rows of one table, the worst first, and as the few numbers of each that the page holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segpipe.evaluation import TEST, VAL, FoldResults, ImageScores
from segpipe.report.examples import CAPTIONS

PLAIN = 25
"""Rows that stand in the page as HTML, for a browser that runs no script."""
DIGITS = 4
WORDS = {TEST: "test", VAL: "validation"}


@dataclass(frozen=True)
class Row:
    """An image as the model of a fold predicted it, scored in a part of the data."""

    part: str
    fold: int
    scores: ImageScores

    @property
    def part_word(self) -> str:
        """The part, as the page calls it."""
        return WORDS[self.part]

    @property
    def at_border(self) -> float | None:
        """The share of the wrong pixels that is at a border, None where none is wrong."""
        wrong, at_border = self.scores.wrong, self.scores.wrong_at_border
        return None if not wrong or at_border is None else at_border / wrong


def rows(results: Sequence[FoldResults]) -> list[Row]:
    """Every image of validation and test by every fold's model, that with the lowest Dice first.

    Of equal ones that with more wrong pixels. What has no Dice, since it has no object and none was seen, comes last.
    """
    found = [Row(part, each.fold, scores) for part in WORDS for each in results for scores in each.images.get(part, ())]
    return sorted(found, key=_from_the_worst)


def columns(found: Sequence[Row], n_pictures: int) -> dict[str, Any]:
    """The rows as columns of plain values, None where there is none: scores of 4 digits, `part` as its number among `parts`.

    `pictures` says how many of the first rows have one, and `captions` what lies side by side in it.
    """
    parts = [word for part, word in WORDS.items() if any(row.part == part for row in found)]
    return {
        "parts": parts,
        "captions": list(CAPTIONS),
        "id": [row.scores.id for row in found],
        "part": [parts.index(row.part_word) for row in found],
        "fold": [row.fold for row in found],
        "dice": [_rounded(row.scores.dice) for row in found],
        "accuracy": [_rounded(row.scores.pixel_accuracy) for row in found],
        "wrong": [row.scores.wrong for row in found],
        "border": [_rounded(row.at_border) for row in found],
        "loss": [_rounded(row.scores.loss) for row in found],
        "pictures": n_pictures,
    }


def _from_the_worst(row: Row) -> tuple[bool, float, int, bool, int, str]:
    scores = row.scores
    return (scores.dice is None, scores.dice or 0.0, -(scores.wrong or 0), row.part != TEST, row.fold, scores.id)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)

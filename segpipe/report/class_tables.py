"""What the page says of single classes: how often they occur, their scores, and which is taken for which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segpipe.dataset.pack import pixel_columns
from segpipe.record import DatasetInfo
from segpipe.scores.counts import Confusion, class_scores

MOST_IN_MATRIX = 64
PAIRS = 10
FEW = 4
"""Of so many classes the matrix itself can be read at a glance."""

Parts = Mapping[str, Sequence[str]]
"""The ids of the training, validation and test part; empty where there is none."""


@dataclass(frozen=True)
class Cell:
    """Pixels of a true class that were given a predicted one, and their share of the true class (None: it has no pixel)."""

    predicted: int
    pixels: int
    share: float | None


@dataclass(frozen=True)
class Mistake:
    """Pixels of a true class that were called another, `predicted`, and their share of the true class."""

    truth: int
    predicted: int
    pixels: int
    share: float


def scores(counts: Confusion) -> list[dict[str, float | None]]:
    """Each class's scores, with its share of all pixels as `pixels`."""
    found = class_scores(counts)
    shares = (counts.sum(axis=1) / max(int(counts.sum()), 1)).tolist()
    return [{"pixels": share} | {name: found[name][number] for name in found} for number, share in enumerate(shares)]


def matrix(counts: Confusion) -> dict[int, list[Cell]]:
    """The rows of the confusion matrix by true class; of more than 64 classes those with the most pixels, in order of id."""
    totals = counts.sum(axis=1)
    shown = sorted(np.argsort(-totals, kind="stable")[:MOST_IN_MATRIX].tolist())
    return {true: [_cell(int(counts[true, seen]), int(totals[true]), seen) for seen in shown] for true in shown}


def mistakes(counts: Confusion) -> list[Mistake]:
    """The ten pairs of classes with the most wrong pixels, the largest first; none where the classes are few."""
    if len(counts) <= FEW:
        return []
    totals = counts.sum(axis=1)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = [divmod(place, len(counts)) for place in order.tolist()]
    return [
        Mistake(true, seen, int(wrong[true, seen]), float(wrong[true, seen] / totals[true]))
        for true, seen in pairs
        if wrong[true, seen]
    ]


def balance(index: pd.DataFrame, info: DatasetInfo, parts: Parts) -> dict[str, list[int] | list[float]]:
    """Columns over the classes: how many images of each part hold the class, then its share of the part's pixels."""
    pixels = {part.capitalize(): index.loc[list(ids), pixel_columns(info)] for part, ids in parts.items() if ids}
    images = {f"{part} images": (held > 0).sum().tolist() for part, held in pixels.items()}
    shares = {f"{part} pixels": (held.sum() / max(int(held.sum().sum()), 1)).tolist() for part, held in pixels.items()}
    return images | shares


def _cell(pixels: int, total: int, predicted: int) -> Cell:
    return Cell(predicted, pixels, pixels / total if total else None)

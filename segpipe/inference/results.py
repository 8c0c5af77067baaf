"""data/eval/foldN: a fold's counts, a row an image, and every prediction. Names files, so it never enters Git."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from segpipe.csv_table import csv_text
from segpipe.files import write_text, write_with
from segpipe.images import encode_mask
from segpipe.inference.scoring import Scored
from segpipe.scores import class_scores, image_dice
from segpipe.zips import write_zip


def write(folder: Path, parts: Mapping[str, Sequence[Scored]], classes: Sequence[str], has_background: bool) -> None:
    """Writes counts.csv (part, truth, prediction, pixels), per_image.csv and predictions.zip (PART/ID.png).

    per_image.csv has the image's loss, the parts of that where it is a mixture (loss_PART), and its scores; all of them are
    empty for an image of which every pixel is ignored.
    """
    counts = [
        (part, true, seen, int(total[true, seen]))
        for part, scored in parts.items()
        if scored
        for total in [np.sum([each.counts for each in scored], axis=0)]
        for true in range(len(classes))
        for seen in range(len(classes))
    ]
    write_text(folder / "counts.csv", csv_text(("part", "truth", "prediction", "pixels"), counts))
    costs = next((list(each.costs) for scored in parts.values() for each in scored), ["loss"])
    rows = [
        (
            part,
            each.id,
            _text(image_dice(each.counts, has_background)),
            _text(_accuracy(each)),
            *(_text(each.costs[name]) for name in costs),
            *_dices(each),
        )
        for part, scored in parts.items()
        for each in scored
    ]
    head = ("part", "id", "dice", "pixel_accuracy", *costs, *(f"dice_{number}" for number in range(len(classes))))
    write_text(folder / "per_image.csv", csv_text(head, rows))
    pictures = ((f"{part}/{each.id}.png", encode_mask(each.prediction)) for part, scored in parts.items() for each in scored)
    write_zip(folder / "predictions.zip", pictures)


def copy_history(source: Path, folder: Path) -> None:
    """Brings the training's curves along, so that the report reads one folder."""
    write_with(folder / "history.csv", lambda temporary: shutil.copyfile(source, temporary))


def _accuracy(scored: Scored) -> float | None:
    total = int(scored.counts.sum())
    return float(np.trace(scored.counts) / total) if total else None


def _dices(scored: Scored) -> list[str]:
    return [_text(value) for value in class_scores(scored.counts)["dice"]]


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)

"""Sentences that follow from the numbers: what they do not say, and what a person would look at next."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from segpipe.dataset.pack import pixel_columns
from segpipe.evaluation import TEST, VAL, FoldResults
from segpipe.record import DatasetInfo
from segpipe.report.numbers import of_fold, pooled
from segpipe.scores.counts import Confusion, class_scores, mean
from segpipe.scores.intervals import Interval, few_images

MOSTLY, LITTLE = 0.7, 0.05
"""A share that is most of it; and a difference of scores, or of accuracies, that is hardly one."""
LOST = 0.01
"""A Dice below it is no score: the class is as good as never found."""
RARE = 5
"""A class in fewer training images than this is hardly seen."""
GAP = 0.1
"""Between the Dice of validation and of test images: more than that is no chance, where there are some."""
PARTED = 2.0
"""A validation loss so many times the training loss says that training images are learned by heart."""


def advice(
    results: Sequence[FoldResults], part: str, dice: Interval, index: pd.DataFrame, info: DatasetInfo, train: Sequence[str]
) -> list[str]:
    """The sentences, the most important first; none where nothing strikes.

    `part` is the one that the report speaks of, `dice` the interval of its Dice, and `train` the training images.
    """
    counts = pooled(results, part)
    rows = index.loc[list(train)]
    found = (
        _few_images(dice, len(results)),
        _classes_at_zero(counts, rows, info),
        _accuracy_says_little(counts, info),
        _parts_differ(results, info),
        _learned_by_heart(results),
        _at_borders(results, part),
    )
    return [sentence for sentences in found for sentence in sentences]


def _few_images(bounds: Interval, n_folds: int) -> Iterator[str]:
    if few := few_images(bounds):
        # Other folds validate on other images.
        or_else = ", or train all folds (folds in params.yaml)" if n_folds == 1 else ""
        yield f"{few} Annotate more before you compare models{or_else}."


def _classes_at_zero(counts: Confusion, rows: pd.DataFrame, info: DatasetInfo) -> Iterator[str]:
    held = (rows[pixel_columns(info)] > 0).sum().to_numpy()
    for number, dice in enumerate(class_scores(counts)["dice"]):
        if dice is not None and dice < LOST:
            few = f", which only {held[number]} of {len(rows)} training images hold" if held[number] < RARE else ""
            yield (
                f"{info.classes[number]} is as good as never found (Dice {dice:.3f}){few}. "
                "More images of it, augment.rare_classes or loss.class_weights may help."
            )


def _accuracy_says_little(counts: Confusion, info: DatasetInfo) -> Iterator[str]:
    """Where one class everywhere would be nearly as accurate."""
    true, total = counts.sum(axis=1), int(counts.sum())
    largest = int(np.argmax(true))
    share, accuracy = float(true[largest] / max(total, 1)), float(np.trace(counts) / max(total, 1))
    if share > MOSTLY and accuracy - share < LITTLE and len(info.classes) > 1:
        yield (
            f"A pixel accuracy of {accuracy:.3f} says little: {info.classes[largest]} everywhere would reach {share:.3f}. "
            "Go by Dice or mIoU."
        )


def _parts_differ(results: Sequence[FoldResults], info: DatasetInfo) -> Iterator[str]:
    if not all({VAL, TEST} <= each.counts.keys() for each in results):
        return
    dice: Mapping[str, float | None] = {
        part: mean([of_fold(each, part, info.has_background)["dice"] for each in results]) for part in (VAL, TEST)
    }
    val, test = dice[VAL], dice[TEST]
    if val is not None and test is not None and val - test > GAP:
        yield (
            f"Test images score lower than validation images (Dice {test:.3f} against {val:.3f}): they may be of another kind, "
            "or related images lie on both sides of the folds (data.groups). See how the folds were made below."
        )


def _learned_by_heart(results: Sequence[FoldResults]) -> Iterator[str]:
    pairs = []
    for each in results:
        rows = [row for row in each.history if row.get("train_loss") and row.get("val_loss")]
        if rows:
            pairs.append((float(rows[-1]["train_loss"]), float(rows[-1]["val_loss"])))
    if pairs and all(train > 0 and val > PARTED * train for train, val in pairs):
        train, val = (sum(each) / len(pairs) for each in zip(*pairs, strict=True))
        yield (
            f"The loss is {val:.3f} on validation images and {train:.3f} on training images: these are learned by heart. "
            "More changes of the images (augment.preset), model.dropout or more images help; more epochs do not."
        )


def _at_borders(results: Sequence[FoldResults], part: str) -> Iterator[str]:
    wrong, at_border = (sum(each.wrong.get(part, (0, 0))[number] for each in results) for number in (0, 1))
    if wrong and at_border / wrong > MOSTLY:
        yield (
            f"{at_border / wrong:.0%} of the wrong pixels lie within 3 pixels of a border: objects are found, and their edges "
            "are not quite those of the masks. Two people who draw the same object differ there too: see how much before you "
            "train longer."
        )

"""A weight a class for the loss, from how many pixels each has in the training images: rare classes count more.

Each image counts once, whatever crops are drawn from it; ignored pixels count nowhere.
"""

import math
import statistics
from collections.abc import Sequence

import pandas as pd

from segpipe.errors import PipelineError
from segpipe.record import DatasetInfo


def weights(rule: str, given: tuple[float, ...], train: pd.DataFrame, info: DatasetInfo) -> tuple[float, ...]:
    """One weight a class by `rule`: none (an empty tuple), given, median or log; `train` holds the rows of index.csv.

    `median` is the median frequency over a class's own, where a class's frequency is its share of the pixels of the images
    that hold it (Eigen and Fergus 2015, arXiv:1411.4734). `log` is 1 / ln(1.02 + share of all pixels)
    (Paszke et al. 2016, arXiv:1606.02147). A class that the training images lack counts 1.

    Raises PipelineError where another number of weights is given than there are classes.
    """
    if rule == "none":
        return ()
    if rule == "given":
        if len(given) != len(info.classes):
            raise PipelineError(
                f"loss.weights: {len(given)} numbers, but the data has {len(info.classes)} classes ({', '.join(info.classes)}). "
                "Write one a class, in this order."
            )
        return given
    return from_counts(rule, class_counts(train, info))


def class_counts(train: pd.DataFrame, info: DatasetInfo) -> list[tuple[int, int]]:
    """Of each class how many pixels it has, and how many those images have that hold it: whole numbers, to be added up."""
    pixels = _pixels(train, info)
    of_images = pixels.sum(axis="columns")
    return [(int(pixels[column].sum()), int(of_images[pixels[column] > 0].sum())) for column in pixels]


def from_counts(rule: str, counts: Sequence[tuple[int, int]]) -> tuple[float, ...]:
    """One weight a class by `median` or `log` from its `class_counts`."""
    return _log([own for own, _ in counts]) if rule == "log" else _median(counts)


def sentence(found: tuple[float, ...], train: pd.DataFrame, info: DatasetInfo) -> str:
    """The weights by class in one line, and which classes no training image holds."""
    listed = ", ".join(f"{name} {weight:.4g}" for name, weight in zip(info.classes, found, strict=True))
    pixels = _pixels(train, info)
    absent = [name for name, column in zip(info.classes, pixels.columns, strict=True) if not pixels[column].any()]
    return listed + (f"; no training image holds {', '.join(absent)}" if absent else "")


def _pixels(train: pd.DataFrame, info: DatasetInfo) -> pd.DataFrame:
    """The pixels of each class, a row an image."""
    return train[[f"pixels_{number}" for number in range(len(info.classes))]]


def _log(counts: Sequence[int]) -> tuple[float, ...]:
    # 1.02 is the paper's (ENet): it keeps the weights between 1 / ln 2.02 = 1.42 and 1 / ln 1.02 = 50.5.
    return tuple(1 / math.log(1.02 + count / sum(counts)) if count else 1.0 for count in counts)


def _median(counts: Sequence[tuple[int, int]]) -> tuple[float, ...]:
    # Whole numbers until the one division, so that no order of adding can change a digit.
    shares = [own / max(1, of_images) for own, of_images in counts]
    # Classes without a pixel have no frequency; they would pull the median down.
    middle = statistics.median([share for share in shares if share] or [1.0])
    return tuple(middle / share if share else 1.0 for share in shares)

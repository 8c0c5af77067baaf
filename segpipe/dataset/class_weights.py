"""A weight a class for the loss, from how many pixels each has in the training images: rare classes count more."""

import math

import pandas as pd

from segpipe.errors import PipelineError
from segpipe.record import DatasetInfo


def weights(rule: str, given: tuple[float, ...], train: pd.DataFrame, info: DatasetInfo) -> tuple[float, ...]:
    """One weight a class by `rule`: none (an empty tuple), given, median or log; `train` holds the rows of index.csv.

    `median` is the median share of the classes over a class's own (Eigen and Fergus 2015, arXiv:1411.4734), `log` is
    1 / ln(1.02 + share) (Paszke et al. 2016, arXiv:1606.02147, section 4). A class that the training images lack counts 1.

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
    counts = [int(train[f"pixels_{number}"].sum()) for number in range(len(info.classes))]
    return tuple(_weight(rule, count, counts) for count in counts)


def _weight(rule: str, count: int, counts: list[int]) -> float:
    total = sum(counts)
    if not count:
        return 1.0
    if rule == "log":
        return 1 / math.log(1.02 + count / total)
    present = sorted(each for each in counts if each)
    middle = (present[(len(present) - 1) // 2] + present[len(present) // 2]) / 2
    return middle / count

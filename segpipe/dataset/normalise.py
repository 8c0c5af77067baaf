"""The mean and deviation that image values are normalised by, one each a channel, as shares of the largest value."""

import pandas as pd

from segpipe.dataset.pack import mean_and_deviation
from segpipe.errors import PipelineError
from segpipe.record import DatasetInfo

IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def statistics(rule: str, train: pd.DataFrame, info: DatasetInfo) -> tuple[list[float], list[float]]:
    """`dataset` reads them from the training images' rows of index.csv, so that no validation image has a say.

    Raises PipelineError where ImageNet's three channels do not fit.
    """
    if rule == "dataset":
        return mean_and_deviation(train, info)
    if rule == "none":
        return [0.0] * info.channels, [1.0] * info.channels
    if info.channels != 3:
        raise PipelineError(f"input.normalise: imagenet is for 3 channels, and the data has {info.channels}. Write dataset.")
    return IMAGENET

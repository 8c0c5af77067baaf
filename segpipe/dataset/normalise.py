"""The mean and deviation that image values are normalised by, one each a channel, as shares of the largest value."""

from statistics import median

import pandas as pd

from segpipe.dataset.pack import channel_sums, mean_and_deviation
from segpipe.errors import PipelineError
from segpipe.record import DatasetInfo

# Mean and deviation of ImageNet's training images (RGB, values in [0, 1]), as torchvision's weights expect them.
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def statistics(rule: str, train: pd.DataFrame, info: DatasetInfo) -> tuple[list[float], list[float]]:
    """Means and deviations by `rule`, one each a channel.

    `dataset` reads them from the training images' rows of index.csv, so that no validation image has a say.

    `percentile` does too: its mean is the data set's low and its deviation high - low, each the median over the images of
    their own 0.5 and 99.5 percentile. A median, since one image of hot pixels or with the cap on must not move the scale. It
    brings values to [0, 1], but for the few outside, which the model clips. A flat channel has a deviation of 1.

    `none` leaves [0, 1], and `centred` brings it to [-1, 1], what many encoders were trained on. Both read no image.

    Raises PipelineError where ImageNet's three channels do not fit.
    """
    if rule == "dataset":
        return mean_and_deviation(channel_sums(train, info), info.bits)
    if rule == "percentile":
        return _low_and_range(train, info)
    if rule == "none":
        return [0.0] * info.channels, [1.0] * info.channels
    if rule == "centred":
        return [0.5] * info.channels, [0.5] * info.channels
    if info.channels != 3:
        raise PipelineError(
            f"input.normalise: imagenet is for 3 channels, and the data has {info.channels}. Write dataset or centred."
        )
    return IMAGENET


def _low_and_range(train: pd.DataFrame, info: DatasetInfo) -> tuple[list[float], list[float]]:
    """Each channel's low, and high - low, as shares of the largest value. A gray image's channel counts for all three."""
    largest = 2**info.bits - 1
    ends = [[_median(train, kind, channel) for channel in range(info.channels)] for kind in ("low", "high")]
    return [low / largest for low in ends[0]], [(high - low) / largest or 1.0 for low, high in zip(*ends, strict=True)]


def _median(train: pd.DataFrame, kind: str, channel: int) -> float:
    own = (min(channel, count - 1) for count in train["channels"])
    return float(median(int(train[f"{kind}_{each}"].iloc[row]) for row, each in enumerate(own)))

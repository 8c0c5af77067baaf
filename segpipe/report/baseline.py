"""The score that colours alone reach: a network that is no better has learned nothing about shapes."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.console.progress import track
from segpipe.dataset.pack import Pack
from segpipe.record import IGNORE
from segpipe.reproducibility.seeds import seed_of
from segpipe.scores.counts import confusion, scores

LEVELS = 32
BINS = LEVELS**3
MOST_IMAGES = 300
"""Of each part: enough for 32,768 colours, and 5 s in all on photographs of 500 x 375 pixels."""

ClassOfColour = NDArray[np.uint8]
"""(BINS,) the class of each colour."""
Top = NDArray[np.int64]
"""(C,) the value of each channel where the last of its levels ends."""


def colour_dice(data: Pack, train: Sequence[str], scored: Sequence[str]) -> float | None:
    """The Dice on the images `scored` of a colour table fitted on `train`; None where it is undefined.

    Takes 300 images of each list, chosen by the hash of their ids. Whole numbers throughout, so it is exact.
    """
    n_classes = len(data.info.classes)
    known = track(_some(train), "colours of the training part")
    top = brightest(data, train)
    table = fit(((data.image(item), data.mask(item)) for item in known), n_classes, top)
    asked = track(_some(scored), "colours of the scored part")
    counts = [confusion(data.mask(item), predict(table, data.image(item), top), n_classes) for item in asked]
    return scores(counts, data.info.has_background)["dice"]


def brightest(data: Pack, train: Sequence[str]) -> Top:
    """255 where images have 8 bits; of 16, of which scanners use a part, the largest 99.5 percentile of the images `train`."""
    if data.info.bits == 8:
        return np.full(data.info.channels, 255)
    columns = [f"high_{channel}" for channel in range(data.info.channels)]
    return np.maximum(1, data.index.loc[list(train), columns].to_numpy(np.int64).max(axis=0))


def fit(pairs: Iterable[tuple[NDArray[Any], NDArray[np.uint8]]], n_classes: int, top: Top) -> ClassOfColour:
    """The class that most pixels of each colour have in the (image, mask) pairs; of equals, the lower one.

    Colours that never occur get the class with the most pixels of all. Ignored pixels do not count.
    """
    counts = np.zeros((n_classes, BINS), np.int64)
    for image, mask in pairs:
        valid = mask != IGNORE
        places = mask[valid].astype(np.int64) * BINS + bins(image, top)[valid]
        counts += np.bincount(places, minlength=counts.size).reshape(counts.shape)
    table = counts.argmax(axis=0)
    table[counts.sum(axis=0) == 0] = counts.sum(axis=1).argmax()
    return table.astype(np.uint8)


def predict(table: ClassOfColour, image: NDArray[Any], top: Top) -> NDArray[np.uint8]:
    """(H, W) class ids of an (H, W, C) image."""
    return table[bins(image, top)]


def bins(image: NDArray[Any], top: Top) -> NDArray[np.int32]:
    """(H, W) colour numbers of an (H, W, C) image: 32 levels of red, green and blue, from 0 to `top` of each channel.

    Gray counts as all three, of more than three channels the first three are taken.
    """
    channels = [0, 1, 2] if image.shape[2] >= 3 else [0, 0, 0]
    levels = [np.minimum(image[:, :, each], top[each]).astype(np.int32) * LEVELS // (int(top[each]) + 1) for each in channels]
    number: NDArray[np.int32] = (levels[0] * LEVELS + levels[1]) * LEVELS + levels[2]
    return number


def _some(ids: Sequence[str]) -> list[str]:
    return sorted(ids, key=lambda item: seed_of("colours", item))[:MOST_IMAGES]

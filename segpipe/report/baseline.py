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


def colour_dice(data: Pack, train: Sequence[str], scored: Sequence[str]) -> float | None:
    """The Dice on the images `scored` of a colour table fitted on `train`; None where it is undefined.

    Takes 300 images of each list, chosen by the hash of their ids. Whole numbers throughout, so it is exact.
    """
    n_classes = len(data.info.classes)
    known = track(_some(train), "colours of the training part")
    table = fit(((data.image(item), data.mask(item)) for item in known), n_classes)
    asked = track(_some(scored), "colours of the scored part")
    counts = [confusion(data.mask(item), predict(table, data.image(item)), n_classes) for item in asked]
    return scores(counts, data.info.has_background)["dice"]


def fit(pairs: Iterable[tuple[NDArray[Any], NDArray[np.uint8]]], n_classes: int) -> ClassOfColour:
    """The class that most pixels of each colour have in the (image, mask) pairs; of equals, the lower one.

    Colours that never occur get the class with the most pixels of all. Ignored pixels do not count.
    """
    counts = np.zeros((n_classes, BINS), np.int64)
    for image, mask in pairs:
        valid = mask != IGNORE
        places = mask[valid].astype(np.int64) * BINS + bins(image)[valid]
        counts += np.bincount(places, minlength=counts.size).reshape(counts.shape)
    table = counts.argmax(axis=0)
    table[counts.sum(axis=0) == 0] = counts.sum(axis=1).argmax()
    return table.astype(np.uint8)


def predict(table: ClassOfColour, image: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W) class ids of an (H, W, C) image."""
    return table[bins(image)]


def bins(image: NDArray[Any]) -> NDArray[np.int32]:
    """(H, W) colour numbers of an (H, W, C) image: 32 levels of red, green and blue.

    Gray counts as all three, of more than three channels the first three are taken, 16 bits are cut to 8.
    """
    rgb = image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)
    shift = 11 if image.dtype == np.uint16 else 3  # to the upper 5 bits
    levels = (rgb >> shift).astype(np.int32)
    number: NDArray[np.int32] = (levels[:, :, 0] * LEVELS + levels[:, :, 1]) * LEVELS + levels[:, :, 2]
    return number


def _some(ids: Sequence[str]) -> list[str]:
    return sorted(ids, key=lambda item: seed_of("colours", item))[:MOST_IMAGES]

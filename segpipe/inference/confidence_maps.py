"""How sure a model is, pixel by pixel, of the images that it predicts best and worst: noted as they go by, few kept."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.evaluation import ScoredImage
from segpipe.images.resize import shrink_image
from segpipe.inference.closer_look_file import LONG_SIDE, Map
from segpipe.scores import extremes
from segpipe.scores.calibration import confidence_of
from segpipe.scores.counts import image_dice
from segpipe.scores.levels import LEVELS

KEPT = 12
"""Images at each end."""


class ConfidenceMaps:
    """The Dice of every image that went by, and the maps of those that have the highest and the lowest, KEPT of each."""

    def __init__(self, has_background: bool) -> None:
        self.has_background = has_background
        self.dice: dict[str, float | None] = {}
        self.maps: dict[str, Map] = {}

    def noting(self, images: Iterable[ScoredImage]) -> Iterator[ScoredImage]:
        """The images, each when it is noted. They must have levels."""
        for each in images:
            self.dice[each.id] = image_dice(each.counts, self.has_background)
            if self.dice[each.id] is not None:
                self.maps[each.id] = confidence(each)
                self._forget()
            yield each

    def _forget(self) -> None:
        """Leaves the extremes of those that are kept, which are those of all so far, once these are twice as many."""
        if len(self.maps) > 4 * KEPT:
            best, worst = extremes.best_and_worst({item: self.dice[item] for item in self.maps}, KEPT)
            self.maps = {item: self.maps[item] for item in (*best, *worst)}

    def of_the_extremes(self) -> dict[str, Map]:
        """The maps of the best and the worst images."""
        best, worst = extremes.best_and_worst(self.dice, KEPT)
        return {item: self.maps[item] for item in (*best, *worst)}


def confidence(image: ScoredImage) -> Map:
    """The probability of the class that each pixel was called, times 255: not the largest one where a decision says otherwise."""
    assert image.levels is not None, "confidence is of probabilities"
    called = confidence_of(image.levels, image.prediction)
    return (255 * small(called / np.float32(LEVELS - 1))).round().astype(np.uint8)


def small(values: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """(H, W), of the shrunk image."""
    return shrink_image(values[:, :, None], LONG_SIDE)[:, :, 0]

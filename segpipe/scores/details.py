"""What a part's images add up to beside confusion counts: average precision, boundaries, objects by size, calibration."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores import average_precision, calibration, object_sizes, surface
from segpipe.scores.counts import mean
from segpipe.scores.levels import LEVELS, Levels

DETAIL_SCORES = ("map", "boundary_f", "surface_dice", "hd95", "ece")


@dataclass(frozen=True)
class Details:
    """Of each class its average precision, None without a true pixel, and in how many images HD95 has a value, with their sum;
    the counts of `surface`, `object_sizes` and `calibration`, added over the images. `tolerance` is that of the boundaries.
    """

    tolerance: float
    average_precision: list[float | None]
    boundaries: surface.BoundaryCounts
    hd95: list[tuple[float, int]]
    objects: object_sizes.ObjectCounts
    reliability: calibration.Reliability

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Details":
        """Raises KeyError, TypeError or ValueError for what `to_json` did not give."""
        arrays = {name: np.array(content[name], np.int64) for name in ("boundaries", "objects", "reliability")}
        pairs = [(float(total), int(images)) for total, images in content["hd95"]]
        if not len(content["average_precision"]) == len(pairs) == len(arrays["boundaries"]) == len(arrays["objects"]):
            raise ValueError("details.json is about other classes")
        return cls(float(content["tolerance"]), list(content["average_precision"]), hd95=pairs, **arrays)

    def scores(self, has_background: bool) -> dict[str, float | None]:
        """Each of DETAIL_SCORES; the boundaries' are means over the classes of objects, as Dice is, and `map` is over all."""
        first = 1 if has_background else 0
        return {
            "map": mean(self.average_precision),
            "boundary_f": mean(surface.boundary_f(self.boundaries)[first:]),
            "surface_dice": mean(surface.surface_dice(self.boundaries)[first:]),
            "hd95": mean(total / images if images else None for total, images in self.hd95[first:]),
            "ece": calibration.calibration_error(self.reliability),
        }


class DetailCounter:
    """Takes image after image, and keeps their sums alone."""

    def __init__(self, n_classes: int, tolerance: float) -> None:
        self.n_classes, self.tolerance = n_classes, tolerance
        self.levels = np.zeros((n_classes, 2, LEVELS), np.int64)
        self.boundaries = np.zeros((n_classes, 4), np.int64)
        self.hd95 = [(0.0, 0)] * n_classes
        self.objects = np.zeros((n_classes, len(object_sizes.SIZES), 2), np.int64)
        self.reliability = np.zeros((calibration.BINS, 3), np.int64)

    def add(self, truth: NDArray[np.uint8], prediction: NDArray[np.uint8], levels: Levels) -> None:
        """An image: (H, W) true and predicted class ids, and the (K, H, W) levels of their probabilities."""
        if bool((truth == IGNORE).all()):
            return
        self.levels += average_precision.level_counts(levels, truth)
        self.reliability += calibration.reliability(levels, truth, prediction)
        self.objects += object_sizes.object_counts(truth, prediction, self.n_classes)
        found = surface.surfaces(truth, prediction, self.n_classes, self.tolerance)
        self.boundaries += found.counts
        pairs = zip(self.hd95, found.hd95, strict=True)
        self.hd95 = [(total + value, images + 1) if value is not None else (total, images) for (total, images), value in pairs]

    def details(self) -> Details:
        """Of all images so far."""
        precisions = average_precision.average_precision(self.levels)
        return Details(self.tolerance, precisions, self.boundaries, self.hd95, self.objects, self.reliability)

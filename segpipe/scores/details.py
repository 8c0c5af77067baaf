"""What a part's images add up to beside confusion counts: average precision, boundaries, objects by size, calibration."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores import average_precision, calibration, object_sizes, surface
from segpipe.scores.counts import mean
from segpipe.scores.left_out import LeftOut, Units
from segpipe.scores.levels import LEVELS, Levels

PIXELS = "pixels"
DETAIL_SCORES = ("map", "boundary_f", "surface_dice", "hd95", "ece")


@dataclass(frozen=True)
class ImageFacts:
    """What of an image its scores go by: its group, "" where it is in none, and the height and width of a pixel."""

    group: str = ""
    spacing: tuple[float, float] = (1.0, 1.0)


ALONE = ImageFacts()
"""An image of no group, measured in pixels."""


@dataclass(frozen=True)
class Details:
    """Of each class its average precision, None without a true pixel, and in how many images HD95 has a value, with their sum;
    the counts of `surface`, `object_sizes` and `calibration`, added over the images. `one_sided` is of each class in how many
    images just one of the two masks has it, so that there is no HD95. `tolerance` is that of the boundaries, in `unit`.
    """

    tolerance: float
    unit: str
    average_precision: list[float | None]
    boundaries: surface.BoundaryCounts
    hd95: list[tuple[float, int]]
    one_sided: list[int]
    objects: object_sizes.ObjectCounts
    reliability: calibration.Reliability
    left_out: LeftOut

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}
        return plain | {"left_out": self.left_out.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Details":
        """Raises KeyError, TypeError or ValueError for what `to_json` did not give."""
        arrays = {name: np.array(content[name], np.int64) for name in ("boundaries", "objects", "reliability")}
        pairs = [(float(total), int(images)) for total, images in content["hd95"]]
        precisions, one_sided = list(content["average_precision"]), [int(each) for each in content["one_sided"]]
        if not len(precisions) == len(pairs) == len(one_sided) == len(arrays["boundaries"]) == len(arrays["objects"]):
            raise ValueError("details.json is about other classes")
        left_out = LeftOut.from_json(content["left_out"])
        tolerance, unit = float(content["tolerance"]), str(content["unit"])
        return cls(tolerance, unit, precisions, hd95=pairs, one_sided=one_sided, left_out=left_out, **arrays)

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

    def __init__(self, n_classes: int, has_background: bool, tolerance: float, unit: str = PIXELS) -> None:
        self.n_classes, self.tolerance, self.unit = n_classes, tolerance, unit
        self.levels = np.zeros((n_classes, 2, LEVELS), np.int64)
        self.boundaries = np.zeros((n_classes, 4), np.int64)
        self.hd95 = [(0.0, 0)] * n_classes
        self.objects = np.zeros((n_classes, len(object_sizes.SIZES), 2), np.int64)
        self.one_sided = np.zeros(n_classes, np.int64)
        self.reliability = np.zeros((calibration.BINS, 3), np.int64)
        self.units = Units(has_background)
        self.n_images = 0

    def add(
        self,
        truth: NDArray[np.uint8],
        prediction: NDArray[np.uint8],
        levels: Levels,
        about: ImageFacts = ALONE,
    ) -> None:
        """The next image: (H, W) true and predicted class ids, and the (K, H, W) levels of their probabilities."""
        number = self.n_images
        self.n_images += 1
        if bool((truth == IGNORE).all()):
            return
        level_counts = average_precision.level_counts(levels, truth)
        reliability = calibration.reliability(levels, truth, prediction)
        self.levels += level_counts
        self.reliability += reliability
        self.objects += object_sizes.object_counts(truth, prediction, self.n_classes)
        found = surface.surfaces(truth, prediction, self.n_classes, self.tolerance, about.spacing)
        self.boundaries += found.counts
        self.one_sided += surface.one_sided(found.counts)
        self.units.add(number, about.group, level_counts, found, reliability)
        pairs = zip(self.hd95, found.hd95, strict=True)
        self.hd95 = [(total + value, images + 1) if value is not None else (total, images) for (total, images), value in pairs]

    def details(self) -> Details:
        """Of all images so far."""
        precisions = average_precision.average_precision(self.levels)
        return Details(
            self.tolerance,
            self.unit,
            precisions,
            self.boundaries,
            self.hd95,
            self.one_sided.tolist(),
            self.objects,
            self.reliability,
            self.units.left_out(precisions),
        )

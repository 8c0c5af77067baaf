"""What the scores of `details.py` would be without each image, or group of images: their intervals are made of it.

The counts of a single image are too many to keep: 65,536 levels a class. So each image, or group, keeps coarser ones, and what
the score moves by is taken from these; the score itself stays the exact one. Beyond 1,000 images or groups several are left out
as one, which the jackknife allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.scores import average_precision, calibration, surface
from segpipe.scores.average_precision import LevelCounts
from segpipe.scores.calibration import Reliability
from segpipe.scores.intervals import nan_mean
from segpipe.scores.surface import BoundaryCounts, Surfaces

MOST_UNITS = 1000
BINS = 128

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LeftOut:
    """Of each unit that can be left out (U of them) its first image's number in the part, and by score (U,) floats:
    `without` it the score, NaN where there is none then, and its share of what the score is made of.
    """

    images: list[int]
    without: dict[str, Floats]
    shares: dict[str, Floats]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; None for NaN."""
        numbers = {name: [None if np.isnan(each) else each for each in values.tolist()] for name, values in self.without.items()}
        return {"images": self.images, "without": numbers, "shares": {name: each.tolist() for name, each in self.shares.items()}}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "LeftOut":
        """Raises KeyError, TypeError or ValueError for what `to_json` did not give."""
        images = [int(each) for each in content["images"]]
        without, shares = (
            {name: np.array(values, np.float64) for name, values in content[key].items()} for key in ("without", "shares")
        )
        if without.keys() != shares.keys() or any(len(each) != len(images) for each in (*without.values(), *shares.values())):
            raise ValueError("details.json leaves out other images than it has")
        return cls(images, without, shares)


@dataclass
class _Unit:
    """What one unit adds to the sums."""

    first: int
    levels: LevelCounts
    boundaries: BoundaryCounts
    hd95: Floats
    reliability: Reliability


@dataclass
class Units:
    """Takes image after image; `has_background` leaves class 0 out of the means over objects."""

    has_background: bool
    found: list[_Unit] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, number: int, group: str, levels: LevelCounts, surfaces: Surfaces, reliability: Reliability) -> None:
        """The image of this number in its part; images of one `group` are one unit, "" is none."""
        # A name of its own, which no group can have.
        place = self.places.setdefault(group or f"\0{number}", len(self.places)) % MOST_UNITS
        coarse = average_precision.coarser(levels, BINS)
        hd95 = np.array([(0.0, 0.0) if each is None else (each, 1.0) for each in surfaces.hd95])
        if place == len(self.found):
            self.found.append(_Unit(number, coarse, surfaces.counts.copy(), hd95, reliability.copy()))
            return
        unit = self.found[place]
        unit.levels += coarse
        unit.boundaries += surfaces.counts
        unit.hd95 += hd95
        unit.reliability += reliability

    def left_out(self, exact: Sequence[float | None]) -> LeftOut:
        """`exact` are the average precisions of the classes at all levels."""
        if not self.found:
            return LeftOut([], {}, {})
        first = 1 if self.has_background else 0
        levels, boundaries, hd95, reliability = (
            np.stack([getattr(unit, name) for unit in self.found]) for name in ("levels", "boundaries", "hd95", "reliability")
        )
        edges = boundaries[:, :, 0] + boundaries[:, :, 2]
        by_class = {
            "map": (_precisions(levels, exact), levels[:, :, 0].sum(axis=2)),
            "boundary_f": (_each(surface.boundary_f, boundaries)[:, first:], edges[:, first:]),
            "surface_dice": (_each(surface.surface_dice, boundaries)[:, first:], edges[:, first:]),
            "hd95": (_distances(hd95)[:, first:], hd95[:, first:, 1]),
        }
        without = {name: nan_mean(values) for name, (values, _) in by_class.items()}
        shares = {name: nan_mean(_shares(weights)) for name, (_, weights) in by_class.items()}
        total = reliability.sum(axis=0)
        errors = [calibration.calibration_error(total - own) for own in reliability]
        pixels = reliability[:, :, 0].sum(axis=1)
        return LeftOut(
            [unit.first for unit in self.found],
            without | {"ece": _floats(errors)},
            {name: np.nan_to_num(values) for name, values in shares.items()} | {"ece": pixels / max(int(pixels.sum()), 1)},
        )


def _precisions(levels: NDArray[np.int64], exact: Sequence[float | None]) -> Floats:
    """(U, K): the exact average precision, moved as the coarse one moves without the unit."""
    total = levels.sum(axis=0)
    whole = _floats(average_precision.average_precision(total))
    without = np.stack([_floats(average_precision.average_precision(total - own)) for own in levels])
    return np.asarray(np.clip(_floats(exact) + without - whole, 0, 1))


def _each(score: Any, counts: BoundaryCounts) -> Floats:
    """(U, K, 4) counts to the (U, K) scores without each unit."""
    total = counts.sum(axis=0)
    return np.stack([_floats(score(total - own)) for own in counts])


def _distances(sums: Floats) -> Floats:
    """(U, K, 2) sums of HD95 and numbers of images to the (U, K) means without each unit."""
    left = sums.sum(axis=0) - sums
    return np.where(left[:, :, 1] > 0, left[:, :, 0] / np.maximum(left[:, :, 1], 1), np.nan)


def _shares(weights: NDArray[Any]) -> Floats:
    """(U, K) weights to each unit's share in a class; NaN for a class without any."""
    total = weights.sum(axis=0)
    return np.where(total > 0, weights / np.maximum(total, 1), np.nan)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], np.float64)

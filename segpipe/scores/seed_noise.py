"""What of the difference of two settings is the noise of seeds, and what is these images'.

A run's score is its setting's, and moves with the images, with the setting x image (one setting suits some images better), with
the seed, and with the seed x image. Seeds are nested in settings, images are crossed with both. With s runs of a setting:

    V_seed   the variance of scores between runs of a setting, on the same images: the seed's, and its part of seed x image
    V_both   that part alone: the jackknife's variance, over images, of how far a run's score is from its setting's mean
    V_jack   the jackknife's variance, over images, of the difference D of two settings' means: setting x image and, once more,
             V_both (1/s_a + 1/s_b)

    V(D) = V_seed (1/s_a + 1/s_b) + max(0, V_jack - V_both (1/s_a + 1/s_b))

V_seed and V_both are pooled over all settings with two runs or more. The degrees of freedom are Satterthwaite's (1946), of all
three where the images' part is above 0: a difference of variances is less sure than its parts. Variances of means over crossed
factors: Owen and Eckles, Bootstrapping data arrays of arbitrary order, Annals of Applied Statistics 2012.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segpipe.scores.intervals import Jackknife


@dataclass(frozen=True)
class SeedNoise:
    """`seed` is V_seed and `both` V_both, with their `degrees` of freedom: 0 where no setting has two runs."""

    seed: float
    both: float
    degrees: int


@dataclass(frozen=True)
class Variance:
    """That of the difference of two settings; `jackknife` is V_jack with its degrees, `shares` 1/s_a + 1/s_b."""

    noise: SeedNoise
    jackknife: float
    image_degrees: float
    shares: float

    @property
    def seeds(self) -> float:
        """The part that more seeds make smaller."""
        return self.noise.seed * self.shares

    @property
    def images(self) -> float:
        """The part that no number of seeds makes smaller."""
        return max(0.0, self.jackknife - self.noise.both * self.shares)

    @property
    def error(self) -> float:
        return math.sqrt(self.seeds + self.images)

    @property
    def degrees(self) -> float:
        """Satterthwaite's, 1 or more; of a variance above 0."""
        parts: list[tuple[float, float]] = [(self.seeds, self.noise.degrees)]
        if self.images:
            both = self.noise.both * self.shares
            parts += [(self.jackknife, self.image_degrees), (both, self.noise.degrees * self.image_degrees)]
        return max((self.seeds + self.images) ** 2 / sum(part**2 / degrees for part, degrees in parts), 1.0)


def mean_of(runs: Sequence[Jackknife]) -> Jackknife:
    """A setting's score: the mean of its runs'."""
    weights, without = (np.mean([getattr(each, name) for each in runs], axis=0) for name in ("weights", "without"))
    return Jackknife(float(np.mean([each.whole for each in runs])), without, weights, runs[0].unit)


def seed_noise(settings: Sequence[Sequence[Jackknife]]) -> SeedNoise:
    """Pooled over the settings, each given by its runs. NaN without any degree of freedom."""
    seed, both, degrees = 0.0, 0.0, 0
    for runs in settings:
        mean = mean_of(runs)
        off = [Jackknife(each.whole - mean.whole, each.without - mean.without, mean.weights) for each in runs]
        of_seed, of_both = sum(each.whole**2 for each in off), sum(each.spread()[2] ** 2 for each in off)
        # A setting without a score, or with one on a single image, says nothing of the others'.
        if math.isfinite(of_seed + of_both):
            seed, both, degrees = seed + of_seed, both + of_both, degrees + len(runs) - 1
    return SeedNoise(seed / degrees, both / degrees, degrees) if degrees else SeedNoise(math.nan, math.nan, 0)

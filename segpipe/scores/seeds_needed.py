"""How many seeds, or images, would tell two settings apart: for planning, from the noise that was seen.

A difference counts as found with a power of 80 %. How large the true one is nobody knows: the one that was seen stands for it,
and is the less sure the fewer seeds it is from. So the sentences name the smallest difference that such seeds find, too.
"""

import math
from dataclasses import replace

from segpipe.scores import student
from segpipe.scores.seed_noise import SeedNoise, Variance

POWER = 0.8
MOST = 100
FEW, SOME = 3, 5
_MANY = 1e6
"""Degrees of freedom of a variance that is known."""


def seeds_needed(value: float, variance: Variance, n_settings: int, level: float) -> int | None:
    """The smallest number of seeds of each of the settings with which a difference of this size is found; None above `MOST`."""
    # Were the noise known, the seeds would have this much variance left for them. With less they find nothing.
    room = (value / student.found_from(_MANY, level, POWER)) ** 2 - variance.images
    if room <= 0 or 2 * variance.noise.seed / room > MOST:
        return None
    fewest = max(2, math.ceil(2 * variance.noise.seed / room))
    tried = range(fewest, MOST + 1)
    return next((s for s in tried if _found_from(_with_seeds(variance, s, n_settings), level) <= abs(value)), None)


def would_tell(value: float, variance: Variance, needed: int | None, level: float, n_units: int, unit: str) -> str:
    """A sentence on what would tell a difference of this size, by `seeds_needed`, from `n_units` images (or groups: `unit`)."""
    now = f"differences from {_found_from(variance, level):.3f} on would be found with these seeds four times in five"
    if needed is not None:
        return f"{now}; one of {abs(value):.3f} takes some {needed} seeds each"
    surely = student.found_from(_MANY, level, POWER)
    if value and surely * math.sqrt(variance.images) > abs(value):
        # As much variance is left to the seeds as to the images.
        times = 2 * (surely / value) ** 2
        images, seeds = math.ceil(n_units * variance.images * times), math.ceil(2 * variance.noise.seed * times)
        return (
            f"{now}; no number of seeds finds one of {abs(value):.3f} with {n_units} {unit}: "
            f"that takes about {images:,} {unit} like these, and {max(seeds, 2):,} seeds each"
        )
    return f"{now}; one of {abs(value):.3f} takes more than {MOST} seeds each"


def would_tell_from_one_run(n_settings: int, level: float) -> str:
    """The sentence where no setting has two runs."""
    unit_noise = Variance(SeedNoise(1.0, 0.0, 1), 0.0, 1.0, 2.0)
    few, some = (_found_from(_with_seeds(unit_noise, s, n_settings), level) for s in (FEW, SOME))
    return (
        f"one run each cannot tell a setting from a seed: run each with {FEW} seeds or more. With {FEW} a difference of "
        f"{few:.1f} times the noise of a seed is found four times in five, with {SOME} one of {some:.1f}"
    )


def _with_seeds(variance: Variance, seeds: int, n_settings: int) -> Variance:
    """The same with so many seeds of each setting. What the images add stays."""
    shares, noise = 2 / seeds, replace(variance.noise, degrees=n_settings * (seeds - 1))
    return replace(variance, noise=noise, jackknife=variance.images + noise.both * shares, shares=shares)


def _found_from(variance: Variance, level: float) -> float:
    """The smallest difference that is found with `POWER`."""
    return variance.error * student.found_from(variance.degrees, level, POWER)

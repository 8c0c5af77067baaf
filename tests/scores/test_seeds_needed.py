"""How many seeds or images would tell, by hand, and what the sentences say."""

import math

import pytest

from segpipe.scores.seed_noise import SeedNoise, Variance
from segpipe.scores.seeds_needed import seeds_needed, would_tell, would_tell_from_one_run
from segpipe.scores.student import found_from

SEEDS_ALONE = Variance(SeedNoise(0.01**2, 0.0, 4), 0.0, 50.0, 2 / 3)
"""Two settings of three seeds whose noise is 0.01, and which differ alike on all images."""


def said(value: float, variance: Variance) -> tuple[int | None, str]:
    needed = seeds_needed(value, variance, 2, 0.05)
    return needed, would_tell(value, variance, needed, 0.05, 100, "images")


def test_the_smallest_number_of_seeds() -> None:
    """sqrt(2 / s) noises times the t that is found from: s settings have 2 (s - 1) degrees."""
    needed = seeds_needed(0.02, SEEDS_ALONE, 2, 0.05)
    smallest = {s: 0.01 * math.sqrt(2 / s) * found_from(2 * (s - 1), 0.05, 0.8) for s in (5, 6)}
    assert smallest[6] < 0.02 < smallest[5] and needed == 6
    assert said(0.02, SEEDS_ALONE)[1] == (
        f"differences from {0.01 * math.sqrt(2 / 3) * found_from(4, 0.05, 0.8):.3f} on would be found with these seeds "
        "four times in five; one of 0.020 takes some 6 seeds each"
    )
    assert seeds_needed(-0.02, SEEDS_ALONE, 2, 0.05) == 6
    # More comparisons want more, and more settings know the noise better.
    assert (seeds_needed(0.02, SEEDS_ALONE, 2, 0.005) or 0) > 6 > (seeds_needed(0.02, SEEDS_ALONE, 11, 0.05) or 0)


def test_what_seeds_x_images_add_is_in_the_noise_of_seeds_already() -> None:
    both = Variance(SeedNoise(0.01**2, 0.008**2, 4), 0.008**2 * 2 / 3, 50.0, 2 / 3)
    assert seeds_needed(0.02, both, 2, 0.05) == 6


def test_images_set_the_limit() -> None:
    """An error of 0.01 by the images alone, and a difference of 0.01: half of what is allowed, (0.01 / 2.8)^2, for each."""
    needed, sentence = said(0.01, Variance(SeedNoise(0.01**2, 0.0, 4), 0.01**2, 99.0, 2 / 3))
    times = (found_from(1e6, 0.05, 0.8) / 0.01) ** 2
    assert needed is None
    assert (
        f"about {math.ceil(100 * 0.01**2 * 2 * times):,} images like these, and {math.ceil(4 * 0.01**2 * times)} seeds"
        in sentence
    )
    assert found_from(1e6, 0.05, 0.8) == pytest.approx(1.96 + 0.8416, abs=1e-3)


def test_too_many_seeds_and_no_difference() -> None:
    assert said(1e-4, SEEDS_ALONE)[1].endswith("one of 0.000 takes more than 100 seeds each")
    assert said(0.0, SEEDS_ALONE)[1].endswith("takes more than 100 seeds each")


def test_from_one_run() -> None:
    few, some = (math.sqrt(2 / s) * found_from(2 * (s - 1), 0.05, 0.8) for s in (3, 5))
    assert f"With 3 a difference of {few:.1f} times the noise of a seed" in would_tell_from_one_run(2, 0.05)
    assert would_tell_from_one_run(2, 0.05).endswith(f"with 5 one of {some:.1f}")

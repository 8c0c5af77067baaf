"""The noise of seeds and images against an analysis of variance, and against how far differences really move."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.scores.intervals import Jackknife, jackknives
from segpipe.scores.paired import minus
from segpipe.scores.seed_noise import SeedNoise, Variance, mean_of, seed_noise
from tests.scores.made_runs import images, of_recalls, runs


def of_means(table: NDArray[np.float64]) -> list[Jackknife]:
    """A run a row: the jackknife of the mean of its (images,) values."""
    return [jackknives(of_recalls(row), ["recall"], True)["recall"] for row in table]


def test_it_is_the_analysis_of_variance() -> None:
    """Two settings of 3 and 2 runs on 7 images: mean squares of runs, and of runs x images, within settings."""
    rng = np.random.default_rng(0)
    tables = [np.round(rng.uniform(0.3, 0.9, (n_runs, 7)), 4) for n_runs in (3, 2)]
    runs_squares = sum(((each.mean(axis=1) - each.mean()) ** 2).sum() for each in tables)
    left = [each - each.mean(axis=1, keepdims=True) - each.mean(axis=0) + each.mean() for each in tables]
    found = seed_noise([of_means(each) for each in tables])
    assert found.seed == pytest.approx(runs_squares / 3)
    assert found.both == pytest.approx(sum((each**2).sum() for each in left) / (3 * 6) / 7)
    assert found.degrees == 3


def test_single_runs_and_settings_without_a_score_add_nothing() -> None:
    rng = np.random.default_rng(1)
    some, single = of_means(rng.uniform(0.3, 0.9, (3, 5))), of_means(rng.uniform(0.3, 0.9, (1, 5)))
    nothing = [Jackknife(math.nan, np.full(5, math.nan), np.ones(5))] * 2
    assert seed_noise([some, single, nothing]) == seed_noise([some])
    assert seed_noise([single]).degrees == 0


def test_satterthwaite_by_hand() -> None:
    """Variances 4 x 0.5 of 6 degrees, and 3 - 2 x 0.5 of 10, with 60 for what is taken away: 4^2 over the sum of squares."""
    found = Variance(SeedNoise(4, 2, 6), 3, 10, 0.5)
    assert (found.seeds, found.images, found.error) == (2, 2, 2)
    assert found.degrees == pytest.approx(16 / (4 / 6 + 9 / 10 + 1 / 60))
    # Where the images add nothing the seeds' degrees remain.
    assert Variance(SeedNoise(4, 2, 6), 0.5, 10, 0.5).degrees == pytest.approx(6)


@pytest.mark.parametrize("seed", [0.0, 0.02])
def test_differences_move_as_far_as_is_said(seed: float) -> None:
    """Over other seeds and other images, of which some suit one setting better and some the other."""
    rng = np.random.default_rng(2)
    said, found = [], []
    for _ in range(300):
        hard = images(rng, 12)
        settings = [runs(rng, hard, n_runs, seed, 0.04, rng.normal(0, 0.04, 12)) for n_runs in (2, 4)]
        jacks = [[jackknives(run, ["recall"], True)["recall"] for run in each] for each in settings]
        of_both = minus(mean_of(jacks[1]), mean_of(jacks[0]))
        said.append(Variance(seed_noise(jacks), of_both.spread()[2] ** 2, 11, 1 / 2 + 1 / 4).error ** 2)
        found.append(of_both.whole)
    wanted = 0.75 * (seed**2 + 0.04**2 / 12) + 2 * 0.04**2 / 12
    assert np.mean(said) == pytest.approx(wanted, rel=0.1)
    assert np.var(found) == pytest.approx(wanted, rel=0.25)

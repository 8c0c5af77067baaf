"""Student's t against its closed forms, the quantiles of intervals, and a simulation."""

import math

import numpy as np
import pytest

from segpipe.scores.intervals import t_quantile
from segpipe.scores.student import found_from, probability, quantile


def test_closed_forms() -> None:
    """One degree is Cauchy's distribution; two have t / sqrt(2 + t^2)."""
    for t in (-3.0, 0.0, 0.7, 12.0):
        assert probability(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi)
        assert probability(t, 2) == pytest.approx((1 + t / math.sqrt(2 + t * t)) / 2)


def test_quantiles_are_those_of_intervals_and_turn_probabilities_around() -> None:
    degrees = np.array([1, 2.5, 7, 30, 1e5])
    assert [quantile(0.975, each) for each in degrees] == pytest.approx(t_quantile(degrees), abs=1e-5)
    assert probability(quantile(0.83, 3.3), 3.3) == pytest.approx(0.83)


@pytest.mark.parametrize(("degrees", "level"), [(2, 0.05), (8, 0.05), (20, 0.005)])
def test_so_large_a_difference_is_found_four_times_in_five(degrees: int, level: float) -> None:
    rng = np.random.default_rng(degrees)
    found = rng.normal(found_from(degrees, level, 0.8), 1, 20_000) / np.sqrt(rng.chisquare(degrees, 20_000) / degrees)
    assert np.mean(found > quantile(1 - level / 2, degrees)) == pytest.approx(0.8, abs=0.01)

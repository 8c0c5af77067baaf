"""Probabilities as whole numbers: rounded to the nearest, ordered as before, and both classes where one plane stands for two."""

import numpy as np

from segpipe.scores.levels import LEVELS, levels


def test_every_level_comes_back() -> None:
    wanted = np.arange(LEVELS).reshape(2, 1, -1)
    for kind in (np.float32, np.float64):
        assert np.array_equal(levels((wanted / (LEVELS - 1)).astype(kind)), wanted)


def test_it_rounds_to_the_nearest_and_keeps_the_order() -> None:
    values = np.sort(np.random.default_rng(0).random((2, 1, 100_000)), axis=2)
    found = levels(values)
    assert np.abs(found - values * (LEVELS - 1)).max() < 0.51
    assert (np.diff(found.astype(int), axis=2) >= 0).all()


def test_a_little_above_1_is_1() -> None:
    assert levels(np.full((2, 1, 1), np.nextafter(np.float32(1), np.float32(2)))).ravel().tolist() == [65535, 65535]


def test_one_plane_is_of_class_1_of_two() -> None:
    assert levels(np.array([[[0.0, 1.0, 0.2]]])).tolist() == [[[65535, 0, 52428]], [[0, 65535, 13107]]]

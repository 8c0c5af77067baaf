"""Rare classes: preferred as asked, an epoch as long as ever, no image drawn without end."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.dataset import rare_classes

PIXELS = np.array([[900, 80, 0], [910, 90, 0], [800, 100, 0], [990, 0, 10]], np.int64)
TABLES = st.lists(st.lists(st.integers(0, 3).map(lambda n: n * 50), min_size=3, max_size=3), min_size=1, max_size=40)


def test_weights_of_classes_by_hand() -> None:
    assert rare_classes.class_weights(PIXELS, 0.0, True).tolist() == [0, 1, 1]
    assert rare_classes.class_weights(PIXELS, 0.0, False).tolist() == [1, 1, 1]
    weights = rare_classes.class_weights(PIXELS, 1.0, True)
    assert weights[2] / weights[1] == pytest.approx(270 / 10)
    weights = rare_classes.class_weights(PIXELS, 0.5, True)
    assert weights[2] / weights[1] == pytest.approx(27**0.5)


def test_a_class_that_never_occurs_has_none() -> None:
    assert rare_classes.class_weights(np.array([[5, 0, 2]]), 1.0, True).tolist() == [0, 0, 7 / 2]


def test_weights_of_images_by_hand() -> None:
    """The class in one image of four is wanted three times as often as that in three."""
    assert rare_classes.image_weights(PIXELS, 1.0, True).tolist() == pytest.approx([4 / 6, 4 / 6, 4 / 6, 12 / 6])
    assert rare_classes.image_weights(PIXELS, 0.0, True).tolist() == [1, 1, 1, 1]


def test_no_image_is_drawn_without_end() -> None:
    pixels = np.array([[5, 5, 0]] * 999 + [[5, 0, 5]])
    weights = rare_classes.image_weights(pixels, 1.0, True)
    assert weights[-1] / weights[0] == rare_classes.MOST


@given(TABLES, st.floats(0, 1), st.booleans())
def test_an_epoch_is_as_long_as_ever(table: list[list[int]], strength: float, has_background: bool) -> None:
    weights = rare_classes.image_weights(np.array(table, np.int64), strength, has_background)
    assert weights.sum() == pytest.approx(len(table))
    drawn = rare_classes.sample_indices(weights, np.random.default_rng(3))
    assert len(drawn) == len(table)
    counts = np.bincount(drawn, minlength=len(table))
    assert (np.abs(counts - weights) < 1 + 1e-9).all()


@given(st.integers(1, 50), st.integers(0, 2**32))
def test_equal_weights_draw_each_once(n: int, seed: int) -> None:
    assert sorted(rare_classes.sample_indices(np.ones(n), np.random.default_rng(seed))) == list(range(n))


def test_over_epochs_each_comes_as_often_as_its_weight() -> None:
    weights = rare_classes.image_weights(PIXELS, 0.5, True)
    counts = Counter(
        int(number) for seed in range(1000) for number in rare_classes.sample_indices(weights, np.random.default_rng(seed))
    )
    for number, weight in enumerate(weights):
        assert counts[number] / 1000 == pytest.approx(weight, abs=0.05)

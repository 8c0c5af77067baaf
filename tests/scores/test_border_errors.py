"""Wrong pixels at borders, against a search pixel by pixel."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segpipe.scores.border_errors import RADIUS, wrong_pixels

MASKS = arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 0, 0, 1, 255]))


def by_hand(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, int]:
    wrong = near = 0
    for row, column in np.ndindex(*truth.shape):
        if truth[row, column] not in (255, prediction[row, column]):
            wrong += 1
            around = truth[max(0, row - RADIUS) : row + RADIUS + 1, max(0, column - RADIUS) : column + RADIUS + 1]
            near += len(np.unique(around)) > 1
    return wrong, near


@settings(deadline=None)
@given(MASKS, st.integers(0, 2))
def test_it_is_what_a_search_finds(truth: np.ndarray, shift: int) -> None:
    prediction = (np.where(truth == 255, 0, truth) + shift).astype(np.uint8)
    assert wrong_pixels(truth, prediction) == by_hand(truth, prediction)


def test_a_mask_that_is_a_pixel_too_wide_is_wrong_at_its_border_alone() -> None:
    truth, prediction = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    truth[10:30, 10:30] = 1
    prediction[9:31, 9:31] = 1
    assert wrong_pixels(truth, prediction) == (22 * 22 - 20 * 20,) * 2


def test_an_object_in_the_wrong_place_is_not_wrong_at_a_border() -> None:
    truth, prediction = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    prediction[5:10, 5:10] = 1
    assert wrong_pixels(truth, prediction) == (25, 0)

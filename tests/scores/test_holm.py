"""Holm's correction by hand, and that levels of intervals say what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.scores.holm import LEVEL, adjusted, levels

P_VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.0125, 0.05]), max_size=6)


def test_by_hand() -> None:
    """0.01 x 4, 0.0125 x 3 raised to that, 0.03 x 2, 0.04 x 1 raised to that: two of four are below 0.05."""
    p_values = [0.03, 0.01, 0.04, 0.0125]
    assert adjusted(p_values) == pytest.approx([0.06, 0.04, 0.06, 0.04])
    assert levels(p_values) == pytest.approx([0.05 / 2, 0.05 / 4, 0.05 / 2, 0.05 / 3])


def test_one_test_is_not_corrected() -> None:
    assert adjusted([0.04]) == [0.04] and levels([0.04]) == [LEVEL] and adjusted([]) == levels([]) == []


@given(P_VALUES)
def test_an_interval_leaves_out_zero_where_the_test_says_so(p_values: list[float]) -> None:
    """The interval of a level leaves out 0 where the uncorrected p is below that level."""
    for p, corrected, level in zip(p_values, adjusted(p_values), levels(p_values), strict=True):
        assert p <= corrected <= 1 and LEVEL / len(p_values) <= level <= LEVEL
        # At the very border rounding decides: p * 3 <= 0.05 and p <= 0.05 / 3 may differ in the last digit.
        if abs(corrected - LEVEL) > 1e-9:
            assert (p <= level) == (corrected <= LEVEL)

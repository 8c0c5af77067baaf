"""The best, the worst and the typical images, chosen the same each time."""

import pytest

from segpipe.scores import extremes


def test_the_extremes_come_first_and_ties_go_by_id() -> None:
    dice = {"e": 0.9, "a": 0.5, "b": 0.1, "c": 0.9, "d": 0.3, "f": None}
    assert extremes.best_and_worst(dice, 2) == (["c", "e"], ["b", "d"])


def test_no_image_is_both_best_and_worst() -> None:
    assert extremes.best_and_worst({"a": 0.1, "b": 0.2, "c": 0.3}, 6) == (["c", "b"], ["a"])
    assert extremes.best_and_worst({"a": 0.1}, 6) == (["a"], [])
    assert extremes.best_and_worst({"a": None}, 6) == ([], [])
    assert extremes.best_and_worst({"a": 0.1, "b": 0.2}, 0) == ([], [])


def test_typical_ones_lie_in_the_middle() -> None:
    dice = {"e": 0.9, "a": 0.5, "b": 0.1, "c": 0.9, "d": 0.3, "f": None}
    assert extremes.typical(dice, 1) == ["a"]
    assert extremes.typical(dice, 2) == ["d", "a"]
    assert extremes.typical(dice, 9) == ["b", "d", "a", "c", "e"]
    assert extremes.typical({"f": None}, 2) == []


@pytest.mark.parametrize(
    ("n_ids", "n", "wanted"), [(5, 0, "abcde"), (5, 5, "abcde"), (5, 9, "abcde"), (6, 3, "ace"), (5, 2, "ac"), (5, 1, "a")]
)
def test_images_are_taken_evenly(n_ids: int, n: int, wanted: str) -> None:
    assert extremes.evenly([*"abcdef"[:n_ids]], n) == [*wanted]

"""Dealing: groups that stay, ideal shares, the best by trying all, and whole numbers that never overflow."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.dataset.split.balance import assign_groups

FREE = -1


def dealt(amounts: NDArray[np.int64], shares: list[int], fixed: list[int] | None = None, least: int = 1) -> list[int]:
    held = np.full(len(amounts), FREE) if fixed is None else np.array(fixed)
    return assign_groups(amounts, shares, held, [least] * len(shares)).tolist()


def deviation(amounts: NDArray[np.int64], parts: list[int], shares: list[int]) -> float:
    """The largest deviation of a part's share of a kind, relative to the ideal, in floating point."""
    totals, worst = amounts.sum(axis=0), 0.0
    for part, share in enumerate(shares):
        held = amounts[np.array(parts) == part].sum(axis=0)
        ideal = share / sum(shares)
        worst = max(worst, *(abs(h / t - ideal) / ideal for h, t in zip(held, totals, strict=True) if t))
    return worst


def test_equal_groups_fall_into_equal_parts() -> None:
    parts = dealt(np.ones((12, 1), np.int64), [1, 1, 2])
    assert [parts.count(part) for part in range(3)] == [3, 3, 6]


def test_a_rare_kind_is_spread_before_the_common_one() -> None:
    amounts = np.array([[10, 1 if number % 5 == 0 else 0] for number in range(20)])
    parts = dealt(amounts, [1, 1, 1, 1])
    assert sorted(part for part, (_, rare) in zip(parts, amounts, strict=True) if rare) == [0, 1, 2, 3]
    assert deviation(amounts, parts, [1, 1, 1, 1]) == 0


def test_groups_that_stay_do() -> None:
    parts = dealt(np.ones((6, 1), np.int64), [1, 1], [0, 0, 0, FREE, FREE, FREE])
    assert parts == [0, 0, 0, 1, 1, 1]


def test_no_part_is_left_without_its_groups_beside_a_giant() -> None:
    assert sorted(dealt(np.array([[1000], [1], [1]]), [1, 1, 1])) == [0, 1, 2]


def test_nothing_to_deal_changes_nothing() -> None:
    assert dealt(np.ones((2, 1), np.int64), [1, 1], [1, 1]) == [1, 1]
    assert dealt(np.zeros((0, 3), np.int64), [1, 1]) == []


def test_kinds_of_which_there_is_nothing_do_not_matter() -> None:
    assert sorted(dealt(np.zeros((4, 2), np.int64), [1, 1, 1, 1])) == [0, 1, 2, 3]


@pytest.mark.parametrize("factor", [1, 2**30, 2**45])
def test_amounts_of_any_size_are_dealt_alike(factor: int) -> None:
    amounts = np.array([[8, 1], [7, 0], [6, 5], [5, 0], [4, 4], [3, 0]])
    assert dealt(amounts * factor, [1, 2]) == dealt(amounts, [1, 2])


def test_511_kinds_beyond_all_shares_do_not_overflow() -> None:
    amounts = np.eye(4, 511, dtype=np.int64) + np.ones((4, 511), np.int64) * (2**40)
    parts = dealt(amounts, [1] * 100, least=0)
    assert len(set(parts)) == 4


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=4, max_size=7), st.sampled_from([[1, 1], [1, 3], [1, 1, 1]]))
def test_as_good_as_the_best_of_all_ways_or_nearly(rows: list[tuple[int, ...]], shares: list[int]) -> None:
    """The cost by an implementation of its own, in floating point, over every way to deal."""
    amounts = np.array(rows, np.int64)
    if not amounts.any():
        return

    def cost(parts: list[int]) -> float:
        total = 0.0
        for part, share in enumerate(shares):
            relative = amounts[np.array(parts) == part].sum(axis=0) / np.maximum(amounts.sum(axis=0), 1) * sum(shares) / share - 1
            total += sum(abs(r) ** 4 if abs(r) < 2 else 16 + 32 * (abs(r) - 2) for r in relative[amounts.any(axis=0)])
        return total

    ways = [list(way) for way in itertools.product(range(len(shares)), repeat=len(rows)) if len(set(way)) == len(shares)]
    assert cost(dealt(amounts, shares)) <= 1.05 * min(map(cost, ways)) + 0.01

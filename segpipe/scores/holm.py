"""Holm's correction of several tests, and the level of an interval that says the same as the corrected test.

Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979: the smallest of m p-values
is multiplied by m, the next one by m - 1, and so on, and none may be smaller than one before it. With any dependence among the
tests the probability to call any equal pair different is then at most the level.
"""

from collections.abc import Sequence

LEVEL = 0.05


def adjusted(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction, in the order in which they came, 1 at most."""
    found, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(_ranked(p_values)):
        largest = max(largest, (len(p_values) - rank) * p_values[at])
        found[at] = min(largest, 1.0)
    return found


def levels(p_values: Sequence[float], level: float = LEVEL) -> list[float]:
    """For each test the level at which its interval leaves out 0 exactly where the corrected p-value is at most `level`.

    The k tests that are called different have Holm's steps, level / m to level / (m - k + 1), and the others the step at which he
    stopped, level / (m - k). No interval is shorter than the one of a single test.
    """
    ranked, corrected = _ranked(p_values), adjusted(p_values)
    called = sum(each <= level for each in corrected)
    found = [level] * len(p_values)
    for rank, at in enumerate(ranked):
        found[at] = level / (len(p_values) - min(rank, called))
    return found


def _ranked(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda at: p_values[at])

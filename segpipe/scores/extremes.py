"""Which images of a part to look at: its best, its worst, and the typical ones, by their Dice, or some of all."""

from collections.abc import Mapping


def best_and_worst(dice: Mapping[str, float | None], n: int) -> tuple[list[str], list[str]]:
    """The ids of the `n` best and the `n` worst, the extremes first, ties by id; images without a Dice are left out.

    Of fewer than 2n images each goes to the nearer end.
    """
    order = _order(dice)
    worst = [item for _, item in order[: min(n, len(order) // 2)]]
    best = [item for _, item in sorted(order[len(worst) :], key=lambda pair: (-pair[0], pair[1]))[:n]]
    return best, worst


def typical(dice: Mapping[str, float | None], n: int) -> list[str]:
    """The ids of the `n` images in the middle of the order, the worse first."""
    order = _order(dice)
    first = max(0, (len(order) - n) // 2)
    return [item for _, item in order[first : first + n]]


def evenly(ids: list[str], n: int) -> list[str]:
    """`n` of the ids, evenly spread over them in their order: neighbours are often alike. All where `n` is 0, or as many."""
    return ids if not n or n >= len(ids) else [ids[place * len(ids) // n] for place in range(n)]


def _order(dice: Mapping[str, float | None]) -> list[tuple[float, str]]:
    return sorted((value, item) for item, value in dice.items() if value is not None)

"""Assigns groups to parts so that each part gets its share of every class: largest first, then improved by swaps.

All of it is whole numbers, in an order that the names of the groups decide, so every machine assigns alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segpipe.reproducibility.seeds import seed_of

Whole = NDArray[np.int64]

TOTAL = 1 << 20
"""What the amounts of each kind are scaled to add up to. Three of its factors and the signs fit into 64 bits."""
FINE = 1 << 10
"""Deviations are counted in this fraction of a part's ideal share, 0.1 %; the cost is their fourth power."""
STEEP = 2 * FINE
"""Beyond twice the ideal the cost goes on as its tangent, and ends at FARTHEST: 511 of them fit into 64 bits."""
FARTHEST = 128 * FINE
CANDIDATES = 16
"""Groups of a part that one look compares with as many of another part."""
KICKS = 40
"""How often the search starts again from its best result with some groups swapped, for it may be stuck beside a better one."""
ENOUGH = FINE // 64
"""The search ends where no share is further than this from its ideal, 1.6 % of it."""
BUDGET, BUDGET_A_GROUP = 300_000, 300
"""Amounts that the search may look at: a count and not a clock, or a slow machine would assign otherwise. So much takes a
twentieth of the time that reading the masks would (bench/folds.py)."""


def assign_groups(amounts: Whole, shares: Sequence[int], fixed: Whole, least: Sequence[int]) -> Whole:
    """The part of each group, 0 .. `len(shares) - 1`.

    `amounts` (groups, kinds) holds what is to be balanced, not below 0. `shares` are the parts' ideal shares, as whole
    numbers above 0 whose sum is the whole. `fixed` (groups,) holds the part of groups that stay, and -1 for those to be
    assigned; `least` is the smallest number of groups of each part, kept as far as there are groups. Minimised is the sum
    over parts and kinds of the fourth power of a share's deviation, relative to the ideal: the largest one decides.
    Earlier groups win ties.
    """
    parts = fixed.copy()
    free = np.flatnonzero(parts < 0)
    if not len(free):
        return parts
    scaled = _scaled(amounts)
    ideal = _ideal(shares)
    _assign_largest_first(scaled, ideal, parts, least)
    return _Search(scaled, ideal, parts, free, least).best()


def _scaled(amounts: Whole) -> Whole:
    """The amounts with every kind's sum near TOTAL; kinds of which there is nothing are left out."""
    # In Python's integers, which do not overflow.
    totals = [int(total) for total in amounts.astype(object).sum(axis=0)]
    columns = []
    for column, total in zip(amounts.T, totals, strict=True):
        if total:
            shift = max(0, total.bit_length() - 41)  # column * TOTAL must fit into 63 bits
            whole = total >> shift
            columns.append(((column >> shift) * TOTAL + whole // 2) // whole)  # rounded to the nearest
    return np.stack(columns, axis=1) if columns else np.zeros((len(amounts), 0), np.int64)


def _ideal(shares: Sequence[int]) -> Whole:
    return np.array([max(1, TOTAL * share // sum(shares)) for share in shares], np.int64)


def _assign_largest_first(scaled: Whole, ideal: Whole, parts: Whole, least: Sequence[int]) -> None:
    """Each group goes where it lowers the squared deviations most; those that hold much of some kind, as of a rare one, first."""
    # Twice what each part is missing: a group's gain is what the squares sink by, amount * (2 * missing - amount).
    twice = np.stack([2 * (ideal[part] - scaled[parts == part].sum(axis=0)) for part in range(len(ideal))])
    missing = [max(0, number - int((parts == part).sum())) for part, number in enumerate(least)]
    free = np.flatnonzero(parts < 0)
    largest = scaled[free].max(axis=1, initial=0)
    # Squares over the ideal share (chi-square), so that parts of any size fill at one pace: 256ths of largest over own share.
    weight = np.minimum(256 * int(ideal.max()) // ideal, 1 << 14)
    remaining, still_missing = len(free), sum(missing)
    for group in free[np.argsort(-largest, kind="stable")].tolist():
        amount = scaled[group]
        # Shifted, so that the product with a weight of up to 2^14 fits into 64 bits.
        gain = (((twice - amount) @ amount) >> 8) * weight
        if 0 < remaining <= still_missing:
            # Every group left is needed where some part lacks one.
            gain[np.array(missing) == 0] = np.iinfo(np.int64).min
        part = int(gain.argmax())
        parts[group] = part
        twice[part] -= 2 * amount
        remaining -= 1
        if missing[part]:
            missing[part] -= 1
            still_missing -= 1


class _Search:
    """Moves and swaps of groups between two parts, as long as one lowers the cost and the budget lasts."""

    def __init__(self, scaled: Whole, ideal: Whole, parts: Whole, free: Whole, least: Sequence[int]) -> None:
        self.scaled, self.ideal, self.parts, self.least = scaled, ideal, parts, least
        self.free = free
        # FINE / ideal as a fixed-point number with 20 binary places; `_relative` shifts them out again.
        self.per_unit = (FINE << 20) // ideal
        # (parts, kinds) What each part has beyond its ideal.
        self.over = np.stack([scaled[parts == part].sum(axis=0) - ideal[part] for part in range(len(ideal))])
        self.count = np.bincount(parts, minlength=len(ideal))
        self.budget = BUDGET + BUDGET_A_GROUP * len(free)
        self.turn = 0

    def best(self) -> Whole:
        """The parts of the cheapest of several searches."""
        self._descend()
        best, cheapest = self._state(), self._total()
        for number in range(KICKS):
            if self.budget <= 0 or len(self.free) < 2 or self._enough():
                break
            self._kick(number)
            self._descend()
            if self._total() < cheapest:
                best, cheapest = self._state(), self._total()
            else:
                self.parts, self.over, self.count = (each.copy() for each in best)
        return best[0]

    def _state(self) -> tuple[Whole, Whole, Whole]:
        return self.parts.copy(), self.over.copy(), self.count.copy()

    def _total(self) -> int:
        return sum(int(self._cost(self.over[part], part)) for part in range(len(self.ideal)))

    def _kick(self, number: int) -> None:
        """Swaps the parts of some pairs of groups, by a hash: no generator's stream has to stay the same for ever."""
        for pair in range(min(3, len(self.free) // 2)):
            one, other = (int(self.free[seed_of("kick", number, pair, side) % len(self.free)]) for side in range(2))
            source, target = int(self.parts[one]), int(self.parts[other])
            self._put(one, source, target)
            self._put(other, target, source)

    def _put(self, group: int, source: int, target: int) -> None:
        self.parts[group] = target
        self.over[source] -= self.scaled[group]
        self.over[target] += self.scaled[group]
        self.count[source] -= 1
        self.count[target] += 1

    def _descend(self) -> None:
        """Improves the costliest part that can be, until none can or the budget is spent."""
        idle, most_idle = 0, self._turns()
        while idle < most_idle and self.budget > 0 and not self._enough():
            costs = [int(self._cost(self.over[part], part)) for part in range(len(self.ideal))]
            order = sorted(range(len(costs)), key=lambda part: (-costs[part], part))
            if any(self._improve(part, order) for part in order):
                idle = 0
            else:
                idle += 1
            self.turn += 1

    def _turns(self) -> int:
        """After this many turns without a gain, every group was a candidate: more groups than CANDIDATES take turns."""
        largest = int(np.bincount(self.parts[self.free]).max())
        return min(8, -(-largest // CANDIDATES))

    def _improve(self, part: int, order: Sequence[int]) -> bool:
        """Makes the best change between this part and each other one; returns whether there was one."""
        found = False
        for other in reversed(order):
            if other != part and self.budget > 0:
                found |= self._change(part, other)
        return found

    def _change(self, one: int, other: int) -> bool:
        """The best swap of two groups, or move of one, between two parts; none where nothing gains."""
        worst = int(np.argmax(np.abs(self.over[one])))
        ours, theirs = self._candidates(one, worst), self._candidates(other, worst)
        # Group -1 stands for none: a swap with it is a move.
        gives = np.append(ours, -1)
        takes = np.append(theirs, -1)
        # (gives, takes, kinds) What `one` gains and `other` loses by each pair.
        change = self._amounts(takes)[None] - self._amounts(gives)[:, None]
        self.budget -= change.size
        cost = self._cost(self.over[one] + change, one) + self._cost(self.over[other] - change, other)
        # A part with no group to spare may swap one, but not give one away.
        if self.count[one] <= self.least[one]:
            cost[:-1, -1] = np.iinfo(np.int64).max
        if self.count[other] <= self.least[other]:
            cost[-1, :-1] = np.iinfo(np.int64).max  # the same, seen from the other part
        best = int(np.argmin(cost))
        give, take = int(gives[best // len(takes)]), int(takes[best % len(takes)])
        now = self._cost(self.over[one], one) + self._cost(self.over[other], other)
        if int(cost.flat[best]) >= int(now):
            return False
        for group, source, target in ((give, one, other), (take, other, one)):
            if group >= 0:
                self._put(group, source, target)
        return True

    def _amounts(self, groups: Whole) -> Whole:
        """(groups, kinds), nothing for group -1."""
        return np.where(groups[:, None] >= 0, self.scaled[groups], 0)

    def _candidates(self, part: int, kind: int) -> Whole:
        """Free groups of the part: all, or those that hold most of a kind beside a window that moves on with each turn."""
        members = self.free[self.parts[self.free] == part]
        if len(members) <= CANDIDATES:
            return members
        half = CANDIDATES // 2
        holders = np.argsort(-self.scaled[members, kind], kind="stable")[:half]
        # It wraps around, so that after enough turns each group has been a candidate.
        window = np.arange(self.turn * half, (self.turn + 1) * half) % len(members)
        return members[np.union1d(holders, window)]

    def _enough(self) -> bool:
        return all(int(self._relative(self.over[part], part).max(initial=0)) <= ENOUGH for part in range(len(self.ideal)))

    def _relative(self, over: Whole, part: int) -> Whole:
        """What a part has over its ideal or below it, relative to the ideal, in FINE's fractions."""
        return np.minimum(np.abs(over) * self.per_unit[part] >> 20, FARTHEST)

    def _cost(self, over: Whole, part: int) -> Whole:
        """The sum over kinds of the fourth power of the relative deviation."""
        relative = self._relative(over, part)
        steep = np.minimum(relative, STEEP)
        square = steep * steep
        # x^4 up to STEEP; beyond it the tangent there, whose slope is 4 STEEP^3.
        return np.asarray((square * square + 4 * STEEP**3 * (relative - steep)).sum(axis=-1))

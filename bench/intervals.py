"""How often 95 % intervals of scores cover the truth, on five made kinds of results: ours, and the usual two.

Run in the repository: python bench/intervals.py [REPEATS]. Prints the tables of docs/explanation/intervals.md. The truth is
the score of a million images; each repeat draws 8, 20, 50 or 100 others. All have two classes of objects and a background.
"""

import math
import sys
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segpipe.scores.intervals import Pixels, class_intervals, score_intervals, t_quantile

Floats = NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], tuple[NDArray[np.int64], list[str]]]

NUMBERS = (8, 20, 50, 100)
POPULATION = 1_000_000
RESAMPLES = 1000
SCORES = ("dice of class 2", "dice", "miou", "dice_per_image")


def main(repeats: int) -> None:
    # Resamples without the class have no score: NaN, which the quantiles leave out.
    np.seterr(divide="ignore", invalid="ignore", over="ignore")
    warnings.filterwarnings("ignore", "All-NaN|Mean of empty")
    covered: dict[str, list[str]] = {}
    against: dict[str, list[str]] = {}
    for kind, draw in KINDS.items():
        truth = truths(draw)
        for n in NUMBERS:
            rng = np.random.default_rng(n)
            bounds = np.array([all_bounds(*draw(n, rng), rng, by_group="not grouped" not in kind) for _ in range(repeats)])
            inside = (bounds[..., 0] <= truth[:, None]) & (truth[:, None] <= bounds[..., 1])
            # No interval, for want of a second image of the class, covers nothing and is no mistake: it is left out.
            given = ~np.isnan(bounds).any(axis=-1)
            share = 100 * (inside & given).sum(axis=0) / given.sum(axis=0)
            width = np.nanmedian(bounds[..., 1] - bounds[..., 0], axis=0)
            for at, score in enumerate(SCORES):
                covered.setdefault(f"| {kind} | {score} | {truth[at]:.3f}", []).append(
                    " / ".join(f"{x:.0f}" for x in share[at, :3])
                )
            cell = " / ".join(f"{share[0, method]:.0f} ({width[0, method]:.2f})" for method in (0, 3, 4, 5))
            against.setdefault(f"| {kind}", []).append(cell)
            print(f"{kind}, {n}: {100 - 100 * given[:, 0, 0].mean():.1f} % have no interval of class 2", file=sys.stderr)
    heads = " | ".join(f"n = {n}" for n in NUMBERS)
    print_table(f"| images | score | truth | {heads} |", covered)
    print_table(f"| images | {heads} |", against)


def print_table(head: str, rows: dict[str, list[str]]) -> None:
    print(f"\n{head}\n{'|---' * (head.count('|') - 1)}|")
    for row, cells in rows.items():
        print(f"{row} | {' | '.join(cells)} |")


def truths(draw: Draw) -> Floats:
    """(scores,) of the population."""
    rng = np.random.default_rng(10**6)
    sums, dice, images = np.zeros((3, 3)), 0.0, 0
    for _ in range(20):
        counts, _ = draw(POPULATION // 20, rng)
        sums += counts.sum(axis=0)
        each = image_dices(counts)
        dice, images = dice + np.nansum(each), images + (~np.isnan(each)).sum()
    return np.append(pooled(*pixels(sums)), dice / images)


def all_bounds(counts: NDArray[np.int64], groups: list[str], rng: np.random.Generator, by_group: bool) -> Floats:
    """(scores, methods, 2) the bounds by jackknife-t, percentile bootstrap, normal; of the first score bootstrap-t too,
    and jackknife-t with other degrees of freedom: n - 1, and Satterthwaite's."""
    names = groups if by_group else None
    pixels = Pixels.of(counts)
    means = score_intervals(pixels, True, names)
    ours = (class_intervals(pixels, names)["dice"][2], *(means[name] for name in SCORES[1:]))
    units = by_units(counts, groups) if by_group else counts[:, None]
    drawn = rng.multinomial(len(units), np.full(len(units), 1 / len(units)), RESAMPLES)
    found = np.full((len(SCORES), 6, 2), np.nan)
    found[:, 0] = [(each.low, each.high) if each.low is not None else (np.nan, np.nan) for each in ours]
    dices = [image_dices(each) for each in units]
    sums, numbers = np.array([np.nansum(each) for each in dices]), np.array([(~np.isnan(each)).sum() for each in dices])
    totals = np.array([each.sum(axis=0) for each in units])
    parts = [part.astype(float) for part in pixels(totals)]
    again = np.column_stack([pooled(*(drawn @ part for part in parts)), (drawn @ sums) / (drawn @ numbers)])
    found[:, 1] = np.nanquantile(again, (0.025, 0.975), axis=0).T
    whole = np.append(pooled(*(part.sum(axis=0) for part in parts)), sums.sum() / numbers.sum())
    left = np.column_stack(
        [pooled(*(part.sum(axis=0) - part for part in parts)), (sums.sum() - sums) / (numbers.sum() - numbers)]
    )
    error = np.sqrt((len(units) - 1) / len(units) * ((left - whole) ** 2).sum(axis=0))
    found[:, 2] = np.stack([whole - 1.96 * error, whole + 1.96 * error], axis=-1)
    below = parts[1][:, 2] + parts[2][:, 2]
    found[0, 3] = bootstrap_t(2 * parts[0][:, 2], below, drawn)
    n = (below > 0).sum()
    logit, error_of_it = np.log(whole[0] / (1 - whole[0])), math.sqrt((n - 1) / n * ((left[:, 0] - whole[0]) ** 2).sum())
    for method, degrees in ((4, n - 1), (5, (below**2).sum() ** 2 / (below**4).sum() - 1)):
        margin = t_quantile(np.array([max(degrees, 1.0)]))[0] * error_of_it / (whole[0] * (1 - whole[0]))
        found[0, method] = 1 / (1 + np.exp(-(logit + margin * np.array([-1, 1]))))
    # All methods are asked where ours answers.
    found[np.isnan(found[:, 0, 0])] = np.nan
    return found


def bootstrap_t(above: Floats, below: Floats, drawn: NDArray[np.int64]) -> Floats:
    """The bounds of sum(above) / sum(below) by the bootstrap-t on the logit scale, with linearised standard errors."""

    def logit_and_error(weights: NDArray[np.int64]) -> tuple[Floats, Floats]:
        score = (weights @ above) / (weights @ below)
        squares = weights @ above**2 - 2 * score * (weights @ (above * below)) + score**2 * (weights @ below**2)
        error = np.sqrt(np.maximum(squares, 0)) / (weights @ below)
        return np.log(score / (1 - score)), error / (score * (1 - score))

    at, error = logit_and_error(np.ones((1, len(above)), np.int64))
    again, errors = logit_and_error(drawn)
    studentised = (again - at) / errors
    studentised = studentised[np.isfinite(studentised)]
    if len(studentised) < RESAMPLES // 4:
        return np.array([0.0, 1.0])
    high, low = np.quantile(studentised, (0.025, 0.975))
    return 1 / (1 + np.exp(-(at - error * np.array([low, high]))))


def pixels(counts: NDArray[np.int64] | Floats) -> tuple[NDArray, NDArray, NDArray]:
    """(..., K) the right, true and predicted pixels of (..., K, K) counts."""
    return np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2)


def pooled(hits: Floats, true: Floats, seen: Floats) -> Floats:
    """(..., 3): dice of class 2, dice, miou."""
    dice = np.where(true > 0, 2 * hits / (true + seen), np.nan)
    iou = np.where(true > 0, hits / (true + seen - hits), np.nan)
    return np.stack([dice[..., 2], np.nanmean(dice[..., 1:], axis=-1), np.nanmean(iou, axis=-1)], axis=-1)


def image_dices(counts: NDArray[np.int64]) -> Floats:
    hits, true, seen = pixels(counts)
    dice = np.where(true > 0, 2 * hits / (true + seen), np.nan)[:, 1:]
    there = ~np.isnan(dice)
    mean = np.nansum(dice, axis=1) / there.sum(axis=1)
    return np.where(np.isnan(mean) & seen[:, 1:].any(axis=1), 0.0, mean)


def by_units(counts: NDArray[np.int64], groups: list[str]) -> list[NDArray[np.int64]]:
    members: dict[str, list[int]] = {}
    for number, name in enumerate(groups):
        members.setdefault(name, []).append(number)
    return [counts[each] for each in members.values()]


def confusions(sizes: Floats, dice: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n, 3, 3) of (n, 2) sizes of the objects in pixels and their Dice. What they lose or win is background's."""
    seen = sizes * np.exp(rng.normal(0, 0.1, sizes.shape))
    hits = np.minimum(dice * (sizes + seen) / 2, np.minimum(sizes, seen))
    found = np.zeros((len(sizes), 3, 3))
    for at in (1, 2):
        found[:, at, at] = hits[:, at - 1]
        found[:, at, 0] = (sizes - hits)[:, at - 1]
        found[:, 0, at] = (seen - hits)[:, at - 1]
    found[:, 0, 0] = 3 * sizes.sum(axis=1) + 20_000
    return np.rint(found).astype(np.int64)


def alone(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    return counts, [str(number) for number in range(len(counts))]


def alike(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[str]]:
    """Objects of alike sizes, Dice of a beta distribution with its tail to the left."""
    return alone(confusions(10_000 * np.exp(rng.normal(0, 0.15, (n, 2))), rng.beta(8, 1.5, (n, 2)), rng))


def unlike_sizes(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[str]]:
    """Lognormal sizes (the middle nine tenths differ by a factor of 27), larger objects better."""
    size = rng.normal(0, 1, (n, 2))
    return alone(confusions(10_000 * np.exp(size), 1 / (1 + np.exp(-(1.8 + 0.5 * size + rng.normal(0, 0.7, (n, 2))))), rng))


def rare(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[str]]:
    """Class 2 is small, in a fifth of the images, and wrongly seen in a tenth of the others."""
    sizes = np.stack([10_000 * np.exp(rng.normal(0, 0.15, n)), 2_000 * np.exp(rng.normal(0, 0.6, n))], axis=1)
    there = rng.random(n) < 0.2
    sizes[:, 1] *= there
    counts = confusions(sizes, np.stack([rng.beta(8, 1.5, n), rng.beta(4, 2, n)], axis=1), rng)
    counts[:, 0, 2] += np.where(~there & (rng.random(n) < 0.1), rng.exponential(100, n), 0).astype(np.int64)
    return alone(counts)


def failures(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[str]]:
    """Alike sizes and a high Dice, but in 15 of 100 images both classes fail."""
    failed = rng.random((n, 1)) < 0.15
    dice = np.where(failed, rng.beta(2, 6, (n, 2)), rng.beta(30, 2, (n, 2)))
    return alone(confusions(10_000 * np.exp(rng.normal(0, 0.15, (n, 2))), dice, rng))


def clustered(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[str]]:
    """n groups of 1 to 9 images, which share most of what makes them easy or hard."""
    group = np.repeat(np.arange(n), rng.integers(1, 10, n))
    ease = rng.normal(0, 0.8, n)[group, None] + rng.normal(0, 0.5, (len(group), 2))
    sizes = 10_000 * np.exp(rng.normal(0, 0.15, (len(group), 2)))
    return confusions(sizes, 1 / (1 + np.exp(-1.8 - ease)), rng), [str(number) for number in group]


KINDS: dict[str, Draw] = {
    "alike sizes": alike,
    "sizes very unlike": unlike_sizes,
    "a rare class": rare,
    "some failures": failures,
    "n groups": clustered,
    "n groups, not grouped": clustered,
}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)

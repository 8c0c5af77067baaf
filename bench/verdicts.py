"""How often verdicts are right, on real runs that differ in their seed alone: of equal settings, or a planted difference.

Run in the repository: python bench/verdicts.py FOLDER ... [--repeats 500], each FOLDER from bench/seed_runs.py. Prints the tables
of docs/explanation/comparisons.md, a set after the other.

All runs of a folder are of one setting, so any of them are draws of equal settings. A difference is planted by making a share of
the wrong pixels right, in every image or in every third; its size is told in noises of a seed, the standard deviation between
runs. Where so many of the images are written, each repeat draws them at random, and the truth is that of all runs on all images.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segpipe.scores.intervals import Pixels, jackknives
from segpipe.scores.paired import difference
from segpipe.scores.settings import BETTER, CANNOT_BE_TOLD, Setting, Verdict, verdicts
from segpipe.scores.winner import winner

SCORES = ("dice", "miou", "dice_per_image")
SEEDS = (2, 3, 5, 8, 10)
SIZES = (1, 2, 3)
FEW_IMAGES = 20
ARMS = 11


@dataclass(frozen=True)
class Pool:
    """The runs of a setting on the same images."""

    runs: list[Pixels]
    has_background: bool
    ids: list[str]

    def scores(self, score: str) -> NDArray[np.float64]:
        """(runs,) each run's."""
        return np.array([jackknives(each, [score], self.has_background)[score].whole for each in self.runs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=500)
    asked = parser.parse_args()
    for folder in asked.folders:
        pool = read(folder)
        noises = "; ".join(
            f"{name} {x.mean():.3f}, noise of a seed {x.std(ddof=1):.4f}" for name in SCORES if len(x := pool.scores(name))
        )
        print(f"\n### {folder.name}: {len(pool.runs)} runs, {len(pool.ids)} test images; {noises}", flush=True)
        models(pool, asked.repeats)
        equal(pool, asked.repeats)
        planted_power(pool, asked.repeats)
        coverage(pool, asked.repeats)
        unlike_noise(pool, asked.repeats)
        winners(pool, asked.repeats // 2)


def read(folder: Path) -> Pool:
    """All runs of a folder, in the order of their seeds."""
    files = [np.load(each) for each in sorted(folder.glob("seed_*.npz"))]
    runs = [Pixels(each["hits"], each["true"], each["seen"]) for each in files]
    return Pool(runs, bool(files[0]["has_background"]), files[0]["ids"].tolist())


def models(pool: Pool, repeats: int) -> None:
    """Two runs of one setting are two models: how often they are found to differ."""
    rows = {}
    for score in SCORES:
        for n in numbers_of_images(pool):
            rng, found = np.random.default_rng(n), []
            for _ in range(repeats):
                at, images = rng.permutation(len(pool.runs))[:2], some_images(rng, pool, n)
                one, other = (take(pool.runs[each], images) for each in at)
                p = difference(one, other, score, pool.has_background).p
                found.append(p is not None and p <= 0.05)
            rows.setdefault(score, []).append(percent(np.mean(found)))
    heads = [f"{n} images" for n in numbers_of_images(pool)]
    table("two models of one setting, found to differ", ["score", *heads], rows)


def equal(pool: Pool, repeats: int) -> None:
    """Equal settings that are called different: two of them, and any of ten against the first."""
    for arms, what in (
        (2, "two equal settings, called different"),
        (ARMS, f"{ARMS} equal settings, any called different / without a correction"),
    ):
        rows: dict[str, list[str]] = {}
        for score in SCORES:
            for n in (FEW_IMAGES, len(pool.ids)):
                cells = rows.setdefault(f"{score}, {n} images", [])
                for seeds in SEEDS[:3]:
                    rng = np.random.default_rng((arms, seeds, n))
                    studies = [study(rng, [pool] * arms, score, seeds, n) for _ in range(repeats if arms == 2 else repeats // 2)]
                    least = np.array([min((1.0 if (p := each.difference.p) is None else p) for each in one) for one in studies])
                    # Holm's smallest p is the number of comparisons times the one without a correction.
                    shares = [percent(np.mean(least <= 0.05 * times)) for times in dict.fromkeys((1, arms - 1))]
                    cells.append(" / ".join(shares) + ("" if disjoint(pool, arms, seeds) else " (overlap)"))
        table(what, ["", *(f"{seeds} seeds" for seeds in SEEDS[:3])], rows)


def planted_power(pool: Pool, repeats: int) -> None:
    """Planted differences that are found, and on the right side."""
    for every, where in ((1, "every image"), (3, "every third image")):
        rows = {}
        for size in SIZES:
            better = planted(pool, "dice", size, every)
            for seeds in SEEDS:
                rng = np.random.default_rng((size, seeds))
                words = [study(rng, [pool, better], "dice", seeds, len(pool.ids))[0].word for _ in range(repeats)]
                rows.setdefault(f"{size} noise{'s' * (size > 1)}", []).append(
                    percent(np.mean([each == BETTER for each in words]))
                )
        table(f"a dice that is better in {where}, found", ["", *(f"{seeds} seeds" for seeds in SEEDS)], rows)


def coverage(pool: Pool, repeats: int) -> None:
    """Planted differences of two noises that lie within their intervals."""
    rows = {}
    for score in SCORES:
        for every in (1, 3):
            better = planted(pool, score, 2, every)
            truth = float((better.scores(score) - pool.scores(score)).mean())
            for n in (FEW_IMAGES, len(pool.ids)):
                cells = rows.setdefault(f"{score}, {n} images, better in every {'third ' * (every == 3)}one", [])
                for seeds in SEEDS[:3]:
                    rng = np.random.default_rng((seeds, n, every))
                    bounds = [study(rng, [pool, better], score, seeds, n)[0].difference for _ in range(repeats)]
                    inside = [each.low <= truth <= each.high for each in bounds if each.low is not None and each.high is not None]
                    width = np.median([each.high - each.low for each in bounds if each.low is not None and each.high is not None])
                    cells.append(f"{percent(np.mean(inside))} ({width:.3f})")
    table(
        "the true difference is in its interval (whose median width is)", ["", *(f"{seeds} seeds" for seeds in SEEDS[:3])], rows
    )


def unlike_noise(pool: Pool, repeats: int) -> None:
    """A setting that is equal but three times as noisy, against one other and among ten: called different itself."""
    noisy, rows = noisier(pool, "dice", 3), {}
    for arms in (2, ARMS):
        for seeds in SEEDS[:3]:
            rng, found = np.random.default_rng((arms, seeds)), []
            for _ in range(repeats if arms == 2 else repeats // 2):
                found.append(study(rng, [pool] * (arms - 1) + [noisy], "dice", seeds, len(pool.ids))[-1].word)
            rows.setdefault(f"{arms} settings", []).append(percent(np.mean([each != CANNOT_BE_TOLD for each in found])))
    table(
        "an equal setting with three times the noise of seeds, called different", ["", *(f"{s} seeds" for s in SEEDS[:3])], rows
    )


def noisier(pool: Pool, score: str, times: float) -> Pool:
    """The runs moved by a normal sample of shares of their wrong pixels, so that scores spread so many times as far."""
    before = pool.scores(score)
    shares = np.random.default_rng(0).normal(size=len(before))
    shares -= shares.mean()
    slope = (
        Pool([mended(run, 0.01, 1) for run in pool.runs], pool.has_background, pool.ids).scores(score) - before
    ).mean() / 0.01
    shares *= np.sqrt(times**2 - 1) * before.std(ddof=1) / slope / shares.std(ddof=1)
    runs = [mended(run, share, 1) for run, share in zip(pool.runs, shares, strict=True)]
    return Pool(runs, pool.has_background, pool.ids)


def winners(pool: Pool, repeats: int) -> None:
    """The best of equal settings: its score, and the cross-fitted one, less the truth, in noises of a seed."""
    rows = {}
    truth, noise = pool.scores("dice").mean(), pool.scores("dice").std(ddof=1)
    for seeds in (1, *SEEDS[:3]):
        rng, found = np.random.default_rng(seeds), []
        for _ in range(repeats):
            settings = [Setting(str(number), each) for number, each in enumerate(drawn(rng, [pool] * ARMS, seeds))]
            best = winner(settings, "dice", pool.has_background, pool.ids)
            found.append(((best.best or 0) - truth, (best.value or 0) - truth))
        cells = np.mean(found, axis=0) / noise
        rows[f"{seeds} seed{'s' * (seeds > 1)}"] = [f"{each:+.2f}" for each in cells]
    table(f"the best dice of {ARMS} equal settings is too high by, in noises of a seed", ["", "as it is", "cross-fitted"], rows)


def study(rng: np.random.Generator, pools: Sequence[Pool], score: str, seeds: int, n_images: int) -> list[Verdict]:
    """The verdicts on settings, one a pool, by so many of its runs."""
    images = some_images(rng, pools[0], n_images)
    settings = [Setting(str(number), [take(run, images) for run in runs]) for number, runs in enumerate(drawn(rng, pools, seeds))]
    return verdicts(settings, score, pools[0].has_background)


def drawn(rng: np.random.Generator, pools: Sequence[Pool], seeds: int) -> list[list[Pixels]]:
    """So many runs of each pool: each seed once, where there are enough of them, else once within a setting."""
    n_runs = len(pools[0].runs)
    if disjoint(pools[0], len(pools), seeds):
        order = rng.permutation(n_runs)[: len(pools) * seeds].reshape(len(pools), seeds)
    else:
        order = np.array([rng.permutation(n_runs)[:seeds] for _ in pools])
    return [[pool.runs[at] for at in row] for pool, row in zip(pools, order, strict=True)]


def disjoint(pool: Pool, arms: int, seeds: int) -> bool:
    return arms * seeds <= len(pool.runs)


def planted(pool: Pool, score: str, size: int, every: int) -> Pool:
    """The runs with so many wrong pixels right, in one image of `every`, that the mean score is `size` noises higher."""
    wanted, low, high = size * pool.scores(score).std(ddof=1), 0.0, 1.0
    before = pool.scores(score).mean()
    for _ in range(20):
        share = (low + high) / 2
        found = Pool([mended(run, share, every) for run in pool.runs], pool.has_background, pool.ids)
        low, high = (share, high) if found.scores(score).mean() - before < wanted else (low, share)
    return found


def mended(pixels: Pixels, share: float, every: int) -> Pixels:
    """Of the wrong pixels of each class in some images this share is right: called what it is, and by no wrong name.

    A share below 0 makes more of them wrong.
    """
    weights = np.where(np.arange(len(pixels.hits)) % every == 0, share, 0.0)[:, None]
    hits, seen = (
        np.rint((1 - weights) * each + weights * pixels.true).clip(0).astype(np.int64) for each in (pixels.hits, pixels.seen)
    )
    return Pixels(hits, pixels.true, seen)


def numbers_of_images(pool: Pool) -> list[int]:
    return [*(n for n in (20, 50, 100) if n < len(pool.ids)), len(pool.ids)]


def some_images(rng: np.random.Generator, pool: Pool, n: int) -> NDArray[np.intp]:
    return np.sort(rng.permutation(len(pool.ids))[:n])


def take(pixels: Pixels, images: NDArray[np.intp]) -> Pixels:
    return Pixels(pixels.hits[images], pixels.true[images], pixels.seen[images])


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def table(what: str, heads: Sequence[str], rows: dict[str, list[str]]) -> None:
    print(f"\n{what}:\n\n| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

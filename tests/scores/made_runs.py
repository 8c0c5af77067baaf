"""Made runs of settings on the same images: what moves their scores is known."""

import numpy as np
from numpy.typing import NDArray

from segpipe.scores.intervals import Pixels

Floats = NDArray[np.float64]
PIXELS = 10_000


def of_recalls(recalls: Floats) -> Pixels:
    """(n,) recalls of the second class, of which each image has 10,000 pixels: the pooled recall is their mean."""
    hits = np.rint(PIXELS * np.clip(recalls, 0, 1)).astype(np.int64)
    background = np.full(len(hits), 3 * PIXELS)
    columns = ((background, hits), (background, np.full(len(hits), PIXELS)), (background + PIXELS - hits, hits))
    return Pixels(*(np.stack(each, axis=1) for each in columns))


def runs(
    rng: np.random.Generator, images: Floats, n_runs: int, seed: float = 0.01, both: float = 0.05, gain: float | Floats = 0.0
) -> list[Pixels]:
    """Runs of a setting on images of these recalls: `gain` is the setting's own (of each image, or one of all), `seed` the
    deviation of a run on all images, `both` that of a run on a single one."""
    n = len(images)
    return [of_recalls(images + gain + rng.normal(0, seed) + rng.normal(0, both, n)) for _ in range(n_runs)]


def images(rng: np.random.Generator, n: int) -> Floats:
    """(n,) recalls that differ much more between images than what is compared."""
    return rng.uniform(0.4, 0.6, n)


def counted(rng: np.random.Generator, n: int, truth: NDArray[np.int64] | None = None, classes: int = 3) -> Pixels:
    """Any pixels, with some classes missing from some images; of the same images where `truth` is theirs."""
    true = np.where(rng.random((n, classes)) < 0.3, 0, rng.integers(50, 500, (n, classes))) if truth is None else truth
    hits = np.rint(true * rng.uniform(0.5, 1, true.shape)).astype(np.int64)
    return Pixels(hits, true, hits + rng.integers(0, 100, true.shape))


def take(pixels: Pixels, order: NDArray[np.intp]) -> Pixels:
    """The images in this order."""
    return Pixels(pixels.hits[order], pixels.true[order], pixels.seen[order])

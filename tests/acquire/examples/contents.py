"""What a maker wrote, and the Dice that a single pixel's values reach on it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""(N, C) of N pixels."""


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files, by their path in the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pixel_dice(train: Values, train_ids: NDArray[np.uint8], test: Values, test_ids: NDArray[np.uint8], n: int) -> list[float]:
    """The Dice of each of `n` classes of a Gaussian classifier (one mean and covariance a class) that sees pixels alone."""
    scores = []
    for each in range(n):
        known = train[train_ids == each]
        covariance = np.atleast_2d(np.cov(known.T)) + 1e-9 * np.eye(train.shape[1])
        away = test - known.mean(axis=0)
        spread = np.einsum("ij,jk,ik->i", away, np.linalg.inv(covariance), away)
        scores.append(np.log(len(known)) - 0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * spread)
    predicted = np.argmax(scores, axis=0)
    return [dice(predicted == each, test_ids == each) for each in range(n)]


def table_dice(
    train: NDArray[np.int64], train_ids: NDArray[np.uint8], test: NDArray[np.int64], test_ids: NDArray[np.uint8], n: int
) -> list[float]:
    """The Dice of each of `n` classes of a table of levels (small whole numbers): the commonest or the likeliest of each."""
    size = int(max(train.max(), test.max())) + 1
    counts = np.stack([np.bincount(train[train_ids == each], minlength=size) for each in range(n)])
    found = []
    # As frequent as they are, and as if all classes were as frequent, which rare ones gain by.
    for weights in (np.ones((n, 1)), 1 / counts.sum(axis=1, keepdims=True)):
        predicted = (counts * weights).argmax(axis=0)[test]
        found.append([dice(predicted == each, test_ids == each) for each in range(n)])
    return [max(each) for each in zip(*found, strict=True)]


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """2 |A and B| / (|A| + |B|)."""
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    """All pixels of several images, (N, C) or (N,)."""
    return np.concatenate([each.reshape(-1, *each.shape[2:]) for each in parts])

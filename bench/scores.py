"""Scores against the libraries' own ways to them: CPU milliseconds of one image of 512 x 512 with 21 classes, on one thread.

Run in the repository: python bench/scores.py. Medians of rounds in which ours and theirs take turns; a ratio says how many times
as long theirs takes, and is held against its limit. That both find the same is asserted. torchmetrics is compared where it is
installed: it is no dependency.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor

from segpipe.models.segmenter import classes_of
from segpipe.record import IGNORE
from segpipe.scores.average_precision import average_precision, level_counts
from segpipe.scores.counts import confusion
from segpipe.scores.levels import levels

SIDE, CLASSES = 512, 21
ROUNDS = 15
Mask = NDArray[np.uint8]


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    if not importlib.util.find_spec("torchmetrics"):
        print("torchmetrics is not installed, and left out")
    rng = np.random.default_rng(0)
    truth = blocks(rng)
    seen = np.where(rng.random(truth.shape) < 0.15, rng.integers(0, CLASSES, truth.shape, dtype=np.uint8), truth)
    ignored = np.where(rng.random(truth.shape) < 0.05, np.uint8(IGNORE), truth)
    noise = rng.integers(0, CLASSES, truth.shape, dtype=np.uint8), rng.integers(0, CLASSES, truth.shape, dtype=np.uint8)
    for name, pair in {"objects": (truth, seen), "objects, 5 % ignored": (ignored, seen), "noise": noise}.items():
        of_confusion(name, *pair)
    logits = torch.randn(1, CLASSES, SIDE, SIDE) + 3 * torch.nn.functional.one_hot(torch.from_numpy(truth).long()).permute(
        2, 0, 1
    )
    of_labels("labels", logits[0])
    of_labels("labels, channels last", logits.contiguous(memory_format=torch.channels_last)[0])
    of_one_logit(logits[0, :1])
    of_average_precision(logits[0], truth)


def blocks(rng: np.random.Generator) -> Mask:
    """A mask of squares of 32 x 32 pixels, of every class."""
    few = rng.integers(0, CLASSES, (SIDE // 32, SIDE // 32), dtype=np.uint8)
    few.flat[:CLASSES] = np.arange(CLASSES)
    return np.kron(few, np.ones((32, 32), np.uint8))


def of_confusion(name: str, truth: Mask, seen: Mask) -> None:
    def bincount() -> NDArray[np.int64]:
        valid = truth != IGNORE
        pairs = truth[valid].astype(np.int64) * CLASSES + seen[valid]
        return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)

    ways: dict[str, tuple[Callable[[], object], float]] = {"numpy's bincount": (bincount, 2.5)}
    if importlib.util.find_spec("torchmetrics"):
        from torchmetrics.functional.classification import multiclass_confusion_matrix

        # As they come from a loader and an argmax.
        long = [torch.from_numpy(each).long() for each in (seen, truth)]
        ways["torchmetrics"] = (lambda: multiclass_confusion_matrix(*long, CLASSES, ignore_index=IGNORE).numpy(), 35)
    compare(f"confusion, {name}", lambda: confusion(truth, seen, CLASSES), ways)


def of_labels(name: str, logits: Tensor) -> None:
    ways: dict[str, tuple[Callable[[], object], float]] = {
        "softmax + argmax": (lambda: logits.softmax(0).argmax(0), 5),
        "argmax": (lambda: logits.argmax(0), 1),
    }
    compare(name, lambda: classes_of(logits), ways)


def of_one_logit(logits: Tensor) -> None:
    both = torch.cat([torch.zeros_like(logits), logits])
    ways: dict[str, tuple[Callable[[], object], float]] = {
        "softmax + argmax": (lambda: both.softmax(0).argmax(0), 5),
        "sigmoid > 0.5": (lambda: logits[0].sigmoid() > 0.5, 1),
    }
    compare("labels, one logit", lambda: classes_of(logits), ways)


def of_average_precision(logits: Tensor, truth: Mask) -> None:
    # On the levels that ours rounds to, where both are exact.
    known = (levels(logits.softmax(0).numpy()) / np.float32(65535)).astype(np.float32)

    def theirs() -> list[float]:
        return [float(average_precision_score(truth.ravel() == k, known[k].ravel())) for k in range(CLASSES)]

    def ours() -> Sequence[float | None]:
        return average_precision(level_counts(levels(known), truth))

    compare("average precision", ours, {"scikit-learn": (theirs, 10)}, rounds=3)


def compare(
    name: str, ours: Callable[[], object], others: dict[str, tuple[Callable[[], object], float]], rounds: int = ROUNDS
) -> None:
    """Prints a line for each other way, given with the ratio that is asked for."""
    ways = {"ours": ours} | {other: way for other, (way, _) in others.items()}
    times: dict[str, list[float]] = {each: [] for each in ways}
    for _ in range(rounds + 1):
        for each, way in ways.items():
            start = time.process_time()
            found = way()
            times[each].append(time.process_time() - start)
            assert np.allclose(np.asarray(found), np.asarray(ours()), rtol=0, atol=1e-9), f"{name}: {each} finds something else"
    # The first round warms up.
    median = {each: 1000 * statistics.median(taken[1:]) for each, taken in times.items()}
    for other, (_, limit) in others.items():
        ratio = median[other] / median["ours"]
        verdict = f"({limit:g} asked)" if ratio >= limit else f"({limit:g} asked: TOO SLOW)"
        print(f"{name:32}{median['ours']:7.2f} ms   {other:18} {median[other]:8.2f} ms   {ratio:6.1f} times {verdict}")


if __name__ == "__main__":
    main()

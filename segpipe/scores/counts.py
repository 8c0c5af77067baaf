"""Confusion counts, and every score read from them. The one place where each score's name is defined.

For a class c of a confusion matrix summed over all images, with TP, FP and FN its pixels:

    iou        TP / (TP + FP + FN)        precision  TP / (TP + FP), 0 where nothing was called c
    dice       2 TP / (2 TP + FP + FN)    recall     TP / (TP + FN)

A class without a true pixel has no score (None) and is left out of the means; its false pixels still count against
the others. `miou` is the mean of iou over every class, background too; `dice`, `precision` and `recall` are means over
the classes of objects (all classes where class 0 is no background). `pixel_accuracy` is the share of right pixels.
`dice_per_image` is the mean over images of the mean Dice of the objects that are in the image, the rule of the Dice loss;
an image without objects has 0 where some were seen all the same, and none where none were. Ignored pixels are in no count.

Where class 0 is background, `miou_objects` is the mean of iou without it and `dice_all` that of Dice with it, as others count.
Both have names of their own, so that no parameter changes what a name means.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores.histogram import histogram

Confusion = NDArray[np.int64]
"""(n, n) pixel counts: row the true class, column the predicted one."""

SCORES = ("miou", "dice", "pixel_accuracy", "precision", "recall", "dice_per_image")
OTHER_MEANS = {"miou_objects": ("iou", 1), "dice_all": ("dice", 0)}
"""Where class 0 is background: which score of a class each of these is the mean of, and from which class on."""
CLASS_SCORES = ("iou", "dice", "precision", "recall")


def confusion(truth: NDArray[np.uint8], prediction: NDArray[np.uint8], n_classes: int) -> Confusion:
    """(H, W) true and predicted class ids to the counts of one image's pixels by both; ignored pixels are left out.

    Raises ValueError for an id that is no class.
    """
    if prediction.max(initial=0) >= n_classes:
        raise ValueError(f"a predicted class id is {prediction.max()}, and there are {n_classes} classes")
    # One number a pair of classes: 255 * 255 + 254 at most, for which 16 bits are enough and uint8 would wrap around.
    pairs = truth.astype(np.uint16)
    pairs *= np.uint16(n_classes)
    pairs += prediction
    counts = histogram(pairs, 256 * n_classes).reshape(256, n_classes)
    if counts[n_classes:IGNORE].any():
        raise ValueError(f"a true class id is {n_classes} or more, and there are {n_classes} classes")
    return counts[:n_classes]


def class_scores(counts: Confusion) -> dict[str, list[float | None]]:
    """Each score of `CLASS_SCORES` for each class; None for a class without a true pixel."""
    hits = np.diag(counts)
    true, seen = counts.sum(axis=1), counts.sum(axis=0)
    fractions = {
        "iou": (hits, true + seen - hits),
        "dice": (2 * hits, true + seen),
        "precision": (hits, seen),
        "recall": (hits, true),
    }
    return {
        # max: a class that was never predicted has a precision of 0 / 1. Without a true pixel there is no score.
        name: [float(a / max(b, 1)) if t else None for a, b, t in zip(above, below, true, strict=True)]
        for name, (above, below) in fractions.items()
    }


def scores(per_image: Iterable[Confusion], has_background: bool) -> dict[str, float | None]:
    """Each score of `SCORES` over a set of images given by their confusions; None where no class has one."""
    images = list(per_image)
    counts = np.sum(images, axis=0)
    classes = class_scores(counts)
    first = 1 if has_background else 0
    total = int(counts.sum())
    return {
        "miou": mean(classes["iou"]),
        "dice": mean(classes["dice"][first:]),
        "pixel_accuracy": float(np.trace(counts) / total) if total else None,
        "precision": mean(classes["precision"][first:]),
        "recall": mean(classes["recall"][first:]),
        "dice_per_image": mean([image_dice(image, has_background) for image in images]),
    }


def other_means(counts: Confusion) -> dict[str, float | None]:
    """Each of `OTHER_MEANS` from a set's counts, in which class 0 is background."""
    classes = class_scores(counts)
    return {name: mean(classes[of_class][first:]) for name, (of_class, first) in OTHER_MEANS.items()}


def image_dice(counts: Confusion, has_background: bool) -> float | None:
    """The mean Dice of the objects that are in the image; without any, 0 where some were predicted, else None."""
    first = 1 if has_background else 0
    dice = mean(class_scores(counts)["dice"][first:])
    predicted = counts[:, first:].any()
    return 0.0 if dice is None and predicted else dice


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are there; None where none is."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None

"""How far an image's prediction is to be trusted, from 0 to 1: how well several models agree, or how sure one is of itself."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segpipe.models.segmenter import classes_of, probabilities_of


class Trust:
    """What is counted of one image while it is predicted: sums a class, so that an image in tiles is never there at once.

    With several models, the Dice of each two of their masks. Tiles that overlap, and flipped views, count as often as they are
    seen, at the size at which the models see them. With one, the Dice of its mask with its own probabilities.
    """

    def __init__(self, n_classes: int, has_background: bool, n_models: int) -> None:
        self.n_classes = n_classes
        self.first_object = int(has_background)
        self.pairs = [*combinations(range(n_models), 2)]
        # Of each model, and of each pair where both say the same.
        self.own = np.zeros((n_models, n_classes), np.int64)
        self.common = np.zeros((len(self.pairs), n_classes), np.int64)
        # Of what is predicted in the end: pixels, and the probabilities of each class there and everywhere.
        self.pixels = np.zeros(n_classes, np.int64)
        self.chosen = np.zeros(n_classes)
        self.expected = np.zeros(n_classes)

    def see_models(self, logits: Sequence[Tensor]) -> None:
        """What each model gives for the same part of the image, logits (1, K, h, w)."""
        masks = [classes_of(each)[0].cpu().numpy().ravel() for each in logits]
        for number, mask in enumerate(masks):
            self.own[number] += np.bincount(mask, minlength=self.n_classes)
        for number, (one, other) in enumerate(self.pairs):
            alike = masks[one][masks[one] == masks[other]]
            self.common[number] += np.bincount(alike, minlength=self.n_classes)

    def see_block(self, logits: Tensor) -> None:
        """What is predicted for a part of the image, logits (K, h, w)."""
        mask = classes_of(logits).cpu().numpy().ravel()
        self.pixels += np.bincount(mask, minlength=self.n_classes)
        if self.pairs:
            return
        probabilities = probabilities_of(logits).cpu()
        self.expected += [float(each.sum(dtype=torch.float64)) for each in probabilities]
        self.chosen += np.bincount(mask, probabilities.amax(dim=0).numpy().ravel(), self.n_classes)

    def score(self) -> float:
        """The mean over the classes of objects that were predicted, and over the pairs of models; from 0 to 1.

        Several models that predict none together have the classes that any of them finds; none at all is agreement. For one
        it is the soft Dice confidence (Borges, Paulino, Silva 2024), and without an object the mean probability of background.
        """
        objects = self.pixels > 0
        objects[: self.first_object] = False
        if self.pairs:
            there = objects if objects.any() else (self.own > 0).any(axis=0) & (np.arange(self.n_classes) >= self.first_object)
            sums = np.stack([self.own[one] + self.own[other] for one, other in self.pairs])[:, there]
            return _mean_dice(self.common[:, there], sums) if there.any() else 1.0
        if not objects.any():
            return float(self.chosen.sum() / self.pixels.sum())
        return _mean_dice(self.chosen[objects], (self.expected + self.pixels)[objects])


def _mean_dice(common: NDArray[np.number], sums: NDArray[np.number]) -> float:
    """The mean of 2 common / sum. Two models that both lack what others find agree on it."""
    return float(np.mean(np.where(sums > 0, 2 * common / np.maximum(sums, 1), 1.0)))

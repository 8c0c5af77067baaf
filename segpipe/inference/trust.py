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
        self.pixels = np.zeros((max(n_models, 1), n_classes), np.int64)
        self.common = np.zeros((len(self.pairs), n_classes), np.int64)
        # Of one model: the probabilities of each class where it was predicted, and everywhere.
        self.chosen = np.zeros(n_classes)
        self.expected = np.zeros(n_classes)

    def see_models(self, logits: Sequence[Tensor]) -> None:
        """What each model gives for the same part of the image, logits (1, K, h, w)."""
        masks = [classes_of(each)[0].cpu().numpy().ravel() for each in logits]
        for number, mask in enumerate(masks):
            self.pixels[number] += np.bincount(mask, minlength=self.n_classes)
        for number, (one, other) in enumerate(self.pairs):
            alike = masks[one][masks[one] == masks[other]]
            self.common[number] += np.bincount(alike, minlength=self.n_classes)

    def see_block(self, logits: Tensor) -> None:
        """What is predicted for a part of the image, logits (K, h, w). Nothing is counted of it where several models are seen."""
        if self.pairs:
            return
        probabilities = probabilities_of(logits).cpu()
        mask = classes_of(logits).cpu().numpy().ravel()
        self.pixels[0] += np.bincount(mask, minlength=self.n_classes)
        self.expected += [float(each.sum(dtype=torch.float64)) for each in probabilities]
        self.chosen += np.bincount(mask, probabilities.amax(dim=0).numpy().ravel(), self.n_classes)

    def score(self) -> float:
        """Of several models, the mean over each two of the Dice of their masks; 1 where neither has an object.

        Of one, the soft Dice confidence (Borges, Paulino, Silva 2024); where it finds no object, the mean probability of
        background. Each is a mean over the classes of objects that a mask has.
        """
        if self.pairs:
            sums = [self.pixels[one] + self.pixels[other] for one, other in self.pairs]
            return float(np.mean([self._dice(*each, if_none=1.0) for each in zip(self.common, sums, strict=True)]))
        predicted = self.pixels[0] > 0
        sums = (self.expected + self.pixels[0]) * predicted
        return self._dice(self.chosen, sums, if_none=float(self.chosen.sum() / self.pixels.sum()))

    def _dice(self, common: NDArray[np.number], sums: NDArray[np.number], if_none: float) -> float:
        """The mean of 2 common / sum over the classes of objects whose sum is not 0, or `if_none` without any."""
        objects = slice(self.first_object, None)
        there = sums[objects] > 0
        return float(np.mean(2 * common[objects][there] / sums[objects][there])) if there.any() else if_none

"""How far an image's prediction is to be trusted, from 0 to 1: how well several models agree, or how sure one is of itself."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from torch import Tensor

from segpipe.models.segmenter import classes_of, probabilities_of


class Trust:
    """What is counted of one image while it is predicted: sums a class, so that an image in tiles is never there at once.

    With several models, the Dice of each two of their masks. Tiles that overlap, and flipped views, count as often as they are
    seen, at the size at which the models see them. With one, the probabilities of what it predicts.
    """

    def __init__(self, n_classes: int, has_background: bool, n_models: int) -> None:
        self.n_classes = n_classes
        self.first_object = int(has_background)
        self.pairs = [*combinations(range(n_models), 2)]
        # Of each model, and of each pair where both say the same.
        self.own = np.zeros((n_models, n_classes), np.int64)
        self.common = np.zeros((len(self.pairs), n_classes), np.int64)
        # Of what is predicted in the end: the pixels of each class, and their probabilities of it.
        self.pixels = np.zeros(n_classes, np.int64)
        self.chosen = np.zeros(n_classes)

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
        if not self.pairs:
            probabilities = probabilities_of(logits).amax(dim=0).cpu().numpy().ravel()
            self.chosen += np.bincount(mask, probabilities, self.n_classes)

    def score(self) -> float:
        """From 0 to 1. Of several models the mean Dice of each two of their masks, over the predicted classes of objects.

        Where they predict none together, over those that any of them finds; none at all is agreement. Of one model the mean
        probability of the predicted class, over the pixels of objects, or over all where there are none.
        """
        is_object = np.arange(self.n_classes) >= self.first_object
        there = is_object & (self.pixels > 0)
        if not self.pairs:
            counted = there if there.any() else slice(None)
            return float(self.chosen[counted].sum() / self.pixels[counted].sum())
        there = there if there.any() else is_object & (self.own > 0).any(axis=0)
        sums = np.stack([self.own[one] + self.own[other] for one, other in self.pairs])[:, there]
        # Two models that both lack what others find agree on it.
        dices = np.where(sums > 0, 2 * self.common[:, there] / np.maximum(sums, 1), 1.0)
        return float(dices.mean()) if there.any() else 1.0

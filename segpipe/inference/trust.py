"""How far an image's prediction is to be trusted, from 0 to 1: how well several models agree, or how sure one is of itself."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from torch import Tensor

from segpipe.models.decision import decide
from segpipe.models.segmenter import classes_of, probabilities_of
from segpipe.params.decision import Decision


class Trust:
    """What is counted of one image while it is predicted: sums a class, so that an image in tiles is never there at once.

    With several models, the Dice of each two of their masks. Tiles that overlap, and flipped views, count as often as they are
    seen, at the size at which the models see them. With one, the probabilities of what it predicts by the `decision`, as far as
    that looks at a pixel alone.
    """

    def __init__(self, n_classes: int, has_background: bool, n_models: int, decision: Decision) -> None:
        self.n_classes, self.decision = n_classes, decision
        self.first_object = int(has_background)
        self.pairs = [*combinations(range(n_models), 2)]
        # Pixels of objects: of each model, and of each pair those where both say the same.
        self.own = np.zeros(n_models, np.int64)
        self.common = np.zeros(len(self.pairs), np.int64)
        # Of what is predicted in the end: the pixels of each class, and their probabilities of it.
        self.pixels = np.zeros(n_classes, np.int64)
        self.chosen = np.zeros(n_classes)

    def see_models(self, logits: Sequence[Tensor]) -> None:
        """What each model gives for the same part of the image, logits (1, K, h, w)."""
        masks = [classes_of(each)[0].cpu().numpy().ravel() for each in logits]
        objects = [mask >= self.first_object for mask in masks]
        self.own += [np.count_nonzero(each) for each in objects]
        self.common += [np.count_nonzero((masks[one] == masks[other]) & objects[one]) for one, other in self.pairs]

    def see_block(self, logits: Tensor) -> None:
        """What is predicted for a part of the image, logits (K, h, w); where several models are seen, they are enough."""
        if self.pairs:
            return
        called = decide(logits, self.decision)
        mask = called.cpu().numpy().ravel()
        self.pixels += np.bincount(mask, minlength=self.n_classes)
        probabilities = probabilities_of(logits).gather(0, called[None].long())[0].cpu().numpy().ravel()
        self.chosen += np.bincount(mask, probabilities, self.n_classes)

    def score(self) -> float:
        """From 0 to 1. Of several models the mean Dice of each two of their masks; 1 where neither has an object.

        All classes of objects are taken together, so that some pixels of a class that only one model finds count as so many.
        Of one model the mean probability of the predicted class, over the pixels of objects, or over all where there are none.
        """
        if self.pairs:
            sums = np.array([self.own[one] + self.own[other] for one, other in self.pairs])
            return float(np.mean(np.where(sums > 0, 2 * self.common / np.maximum(sums, 1), 1.0)))
        objects = slice(self.first_object, None)
        counted = objects if self.pixels[objects].any() else slice(None)
        return float(self.chosen[counted].sum() / self.pixels[counted].sum())

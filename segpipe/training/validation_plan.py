"""Which epochs are validated, and on which images: validation that costs a small share of the training.

Every `train.validate_every`-th epoch is validated, and the last. Those in the last tenth of the epochs are validated on the whole
part, the others on the `train.validate_images` images of it whose hashes are smallest: a choice that no order of files changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from segpipe.reproducibility.seeds import seed_of


@dataclass(frozen=True)
class ValidationPlan:
    """The `ids` of the whole validation part; those of the `subset`, empty where there is none; every how many epochs."""

    ids: Sequence[str]
    subset: Sequence[str]
    every: int

    def images(self, epoch: int, epochs: int) -> Sequence[str]:
        """The images that are predicted after an epoch, counted from 0, of so many: none, the subset, or all."""
        number = epoch + 1
        if number % self.every and number < epochs:
            return ()
        # In whole numbers, and so that the last epoch is always one of them.
        in_last_tenth = 10 * number > 9 * epochs
        return self.ids if in_last_tenth or not self.subset else self.subset


def plan(ids: Sequence[str], counted: Sequence[str], every: int, n_images: int, seed: int) -> ValidationPlan:
    """The plan for the part `ids`. Its subset has `n_images` of those that are `counted`: not ignored wholly. 0 is no subset."""
    if not 0 < n_images < len(counted):
        return ValidationPlan(ids, (), every)
    chosen = set(sorted(counted, key=lambda item: seed_of(seed, "validation subset", item))[:n_images])
    return ValidationPlan(ids, [item for item in ids if item in chosen], every)

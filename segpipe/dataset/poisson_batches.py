"""Batches that hold each image by a lot of its own, as the accounting of differential privacy wants them (Poisson sampling)."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from segpipe.dataset.loader import Key


class PoissonBatches(Sampler[list[Key]]):
    """Each batch holds each of the `units` with the probability `rate`, whatever else it or other batches hold.

    A unit is an image, or the images of a group, of which a batch holds one at most, drawn evenly. Batches differ in size, and
    may be empty. `draw` gives the generator of an epoch's batch. `epoch` says which epoch, `first` from which of its batches on.
    """

    def __init__(
        self, units: Sequence[Sequence[str]], rate: float, n_batches: int, draw: Callable[[int, int], np.random.Generator]
    ) -> None:
        self.units, self.rate, self.n_batches, self.draw = units, rate, n_batches, draw
        self.epoch = self.first = 0

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[list[Key]]:
        for batch in range(self.first, self.n_batches):
            random = self.draw(self.epoch, batch)
            chosen = np.flatnonzero(random.random(len(self.units)) < self.rate)
            ids = (unit[int(random.integers(len(unit)))] for unit in (self.units[number] for number in chosen.tolist()))
            # The batch's number as that of the draw: an image that comes twice in an epoch is not cut in the same way.
            yield [(self.epoch, item_id, batch) for item_id in ids]

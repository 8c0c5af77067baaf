"""The batches of a federated round: each site's own epochs, one site after another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch.utils.data import Sampler

from segpipe.dataset.loader import EpochBatches, Key


@dataclass(frozen=True)
class Place:
    """A batch of a round as the site that trains on it counts: its number among the sites, and the epoch and batch of its own."""

    site: int
    epoch: int
    batch: int


class SiteBatches(Sampler[list[Key]]):
    """The batches of `local_epochs` epochs of each site in turn. A site's are those that it would draw if it were alone.

    `epoch` says which round, `first` from which of its batches on; the length is that of a whole round.
    """

    def __init__(self, sites: Sequence[EpochBatches], local_epochs: int) -> None:
        self.sites, self.local_epochs = sites, local_epochs
        self.epoch = self.first = 0

    def __len__(self) -> int:
        return self.local_epochs * sum(map(len, self.sites))

    def __iter__(self) -> Iterator[list[Key]]:
        first = self.first
        while first < len(self):
            place = self.place(self.epoch, first)
            site = self.sites[place.site]
            site.epoch, site.first = place.epoch, place.batch
            yield from site
            first += len(site) - place.batch

    def place(self, number: int, batch: int) -> Place:
        """Whose batch this one of round `number` is."""
        left = batch
        for site, batches in enumerate(self.sites):
            of_site = self.local_epochs * len(batches)
            if left < of_site:
                epoch, own = divmod(left, len(batches))
                return Place(site, number * self.local_epochs + epoch, own)
            left -= of_site
        raise IndexError(f"batch {batch} of {len(self)}")

"""Federated averaging (McMahan et al. 2017, arXiv:1602.05629): sites train from the same weights, and their mean comes next.

Each site trains some epochs on images that nobody else sees, with an optimizer that has seen nothing. The mean goes over weights
and statistics of batch normalisation, a site counting as often as it has images. Here the sites of a round train one after
another, in one loop; a site that trains elsewhere (`train_round`) comes to the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from segpipe.dataset.loader import Batch
from segpipe.dataset.site_batches import SiteBatches
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import loop
from segpipe.training.loop import ImageLosses, Progress, Record, Run
from segpipe.training.precision import Scaler

Weights = Mapping[str, Tensor]


class Federated(nn.Module):
    """The network that learns at a site, the weights that all sites share, and the sum of those that trained in this round.

    The state dict holds all three, and so does a saved state: a resume goes on inside a site's epoch.
    """

    def __init__(self, network: nn.Module, shared: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.shared = shared.requires_grad_(False)
        self.names = [*network.state_dict()]
        for number, value in enumerate(network.state_dict().values()):
            self.register_buffer(f"sum{number}", torch.zeros_like(value, dtype=torch.float64))

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image)
        return logits

    def total(self) -> dict[str, Tensor]:
        """The sums, by the names of the weights."""
        return {name: self.get_buffer(f"sum{number}") for number, name in enumerate(self.names)}


@dataclass(frozen=True)
class Mean:
    """The mean of weights by how many images each of them was trained on, in float64, in the order in which they are added."""

    total: dict[str, Tensor]

    def add(self, weights: Weights, images: int) -> None:
        """Counts these weights as often as they have images."""
        for name, value in weights.items():
            self.total[name] += value.double() * images

    def with_last(self, weights: Weights, images: int, all_images: int) -> dict[str, Tensor]:
        """The mean of all that were added and of these, in their dtypes. It adds nothing, so it may be asked twice."""
        found = {}
        for name, value in weights.items():
            mean = (self.total[name] + value.double() * images) / all_images
            # A counter of batches is a whole number.
            found[name] = (mean if value.is_floating_point() else mean.round()).to(value.dtype)
        return found


def average(trained: Sequence[tuple[Weights, int]]) -> dict[str, Tensor]:
    """The mean of the weights, each with its number of images, one of them at least."""
    first, (last, images) = trained[:-1], trained[-1]
    mean = Mean({name: torch.zeros_like(value, dtype=torch.float64) for name, value in last.items()})
    for weights, count in first:
        mean.add(weights, count)
    return mean.with_last(last, images, sum(count for _, count in trained))


def prepare(run: Run, shared: nn.Module, order: SiteBatches, images: Sequence[int], scaling: Scaler) -> Run:
    """The run whose epochs are rounds: `run.batches` are those of `order`, whose sites have so many `images`.

    `shared` is a copy of the run's model, which `run.validate` predicts with; from here on it is what the sites share.
    """
    model = Federated(run.model, shared)
    rounds = run.epochs // order.local_epochs

    def begin(site: int) -> None:
        if site:
            Mean(model.total()).add(model.network.state_dict(), images[site - 1])
        else:
            for value in model.total().values():
                value.zero_()
        model.network.load_state_dict(shared.state_dict())
        _forget(run, scaling)

    def backward(trained: Run, batch: Batch) -> ImageLosses:
        place = order.place(trained.progress.epoch, trained.progress.batch)
        if place.epoch == trained.progress.epoch * order.local_epochs and not place.batch:
            # Here and not when the batch is read: what reads batches may be stopped anywhere.
            begin(place.site)
        # As the site counts, which knows of no other.
        torch.manual_seed(seed_of(run.seed, run.fold, place.epoch, place.batch, "dropout"))
        return run.backward(replace(trained, progress=Progress(place.epoch, place.batch)), batch)

    def validate(trained: Run, record: Record) -> Record:
        # Nothing that a saved state holds is changed but what follows from it: it may be stopped, and done again.
        mean = Mean(model.total()).with_last(model.network.state_dict(), images[-1], sum(images))
        shared.load_state_dict(mean)
        model.eval()
        return run.validate(trained, record)

    def of_site(now: float) -> float:
        number = int(now)
        place = order.place(number, round((now - number) * len(order)))
        return place.epoch + place.batch / len(order.sites[place.site])

    return replace(
        run,
        model=model,
        weights=shared.state_dict,
        n_batches=len(order),
        epochs=rounds,
        backward=backward,
        validate=validate,
        learning_rate=lambda now, history: run.learning_rate(of_site(now), history),
        at_epoch=lambda now: run.at_epoch(of_site(now)),
    )


@dataclass(frozen=True)
class Round:
    """The sums of a site's losses over the images that it has `seen` in a round, and the learning rate at its end."""

    sums: loop.Sums
    seen: int
    lr: float


def train_round(run: Run, weights: Weights, number: int, local_epochs: int, scaling: Scaler) -> Round:
    """Trains a site's epochs of a round from these weights, by a run on its own images; they are in `run.model` then."""
    run.model.load_state_dict(dict(weights))
    _forget(run, scaling)
    sums: loop.Sums = {}
    seen, lr = 0, 0.0
    for epoch in range(number * local_epochs, (number + 1) * local_epochs):
        run.progress.epoch, run.progress.batch, run.progress.sums, run.progress.seen = epoch, 0, {}, 0
        record, _ = loop.train_epoch(run)
        sums = {name: sums.get(name, 0.0) + value for name, value in run.progress.sums.items()}
        seen, lr = seen + run.progress.seen, record["lr"]
    return Round(sums, seen, lr)


def _forget(run: Run, scaling: Scaler) -> None:
    """What the optimizer, and fp16's scale, have seen goes: it was another site's, or of weights that are no more."""
    run.optimizer.state.clear()
    if scaling:
        scaling.load_state_dict(torch.amp.GradScaler("cuda").state_dict())

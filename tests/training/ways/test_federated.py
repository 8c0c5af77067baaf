"""Federated rounds of two clients, against the same done by hand."""

from functools import partial

import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.images.to_tensor import unit_values
from segpipe.losses.table import Classes, build
from segpipe.training import loop
from tests.training import suite
from tests.training.test_resume import bytes_of
from tests.training.ways import federated
from tests.training.ways.suite import batches, model, run

RATE = 0.05
SIZES = ((3, 2), (2, 1))
"""The batches of each client: five images, and three."""


def images(client: int, epoch: int, first: int = 0) -> list[Batch]:
    """Another epoch's random images are another client's."""
    return [*batches(*SIZES[client])(epoch + 100 * client, first)]


def client(number: int, **changes: object) -> loop.Run:
    """A run like any other, on its own images; plain SGD, so that a step can be made by hand."""
    rate = {"learning_rate": lambda epoch, history: RATE}
    return run(momentum=0.0, clip=0.0, batches=partial(images, number), **rate | changes)


def epoch_by_hand(weights: dict[str, Tensor], seen: list[Batch]) -> dict[str, Tensor]:
    """Gradient descent on the mean loss of each batch, without the loop and without an optimizer."""
    network, loss = model(), build(suite.PARAMS.loss, Classes(True))
    network.load_state_dict(weights)
    for batch in seen:
        mean = loss(network(unit_values(batch.image)), batch.target)["loss"].mean()
        learned = dict(network.named_parameters())
        gradients = torch.autograd.grad(mean, [*learned.values()])
        moved = {name: weight - RATE * gradient for (name, weight), gradient in zip(learned.items(), gradients, strict=True)}
        network.load_state_dict(network.state_dict() | moved)
    return network.state_dict()


def test_two_rounds_of_two_clients_by_hand() -> None:
    clients = [(client(0), 5), (client(1), 3)]
    weights = wanted = model().state_dict()
    for number in (0, 1):
        weights = federated.train_round(clients, weights)
        own = [epoch_by_hand(wanted, images(each, number)) for each in (0, 1)]
        wanted = {name: (5 * own[0][name] + 3 * own[1][name]) / 8 for name in wanted}
        torch.testing.assert_close(weights, wanted, rtol=0, atol=1e-6)
        assert all(len(run.progress.history) == run.progress.epoch == number + 1 for run, _ in clients)


def test_the_mean_counts_images_and_leaves_what_all_have_in_common() -> None:
    same = torch.tensor([0.1, 0.7])
    first = {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(4), "same": same}
    second = {"a": torch.tensor([5.0, -2.0]), "n": torch.tensor(4), "same": same}
    found = federated.average([(first, 3), (second, 1)])
    assert found["a"].tolist() == [2.0, 1.0]
    assert found["n"].dtype == torch.int64
    assert torch.equal(found["same"], same)


def test_rounds_of_one_client_are_a_training() -> None:
    alone, plain = client(0), client(0)
    weights = model().state_dict()
    for _ in range(2):
        weights = federated.train_round([(alone, 5)], weights)
    loop.fit(plain)
    assert bytes_of(weights) == bytes_of(plain.weights())
    assert alone.progress.history == plain.progress.history

"""Rounds of sites that train in turn: against the same by hand, against sites that train apart, and cut off anywhere."""

import copy
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from segpipe.dataset.loader import Batch, EpochBatches, Key
from segpipe.dataset.site_batches import SiteBatches
from segpipe.images.to_tensor import unit_values
from segpipe.losses.table import Classes, build
from segpipe.models.segmenter import Segmenter
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import accumulate, encoder_schedule, federated, loop, optim, precision, resume
from tests.training import suite
from tests.training.test_resume import CutError, bytes_of, cut_after, ended
from tests.training.ways.suite import model, run, scored

RATE = 0.05
SIZES = (5, 3)
"""The images of each site."""
ROUNDS = 2


def order(site: int) -> EpochBatches:
    return EpochBatches([f"{site}/{number}" for number in range(SIZES[site])], 3, 0, 0)


def batch_of(keys: Sequence[Key]) -> Batch:
    """Random images, each a function of its key."""
    images, targets = [], []
    for epoch, item, _ in keys:
        random = np.random.default_rng(seed_of(epoch, item))
        images.append(random.integers(0, 256, (3, 16, 16), np.uint8))
        targets.append(random.integers(0, 2, (16, 16)))
    ids = tuple(item for _, item, _ in keys)
    return Batch(ids, torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(targets)))


def drawn(batches: EpochBatches | SiteBatches) -> loop.Batches:
    def of_epoch(epoch: int, first: int) -> Iterable[Batch]:
        batches.epoch, batches.first = epoch, first
        return (batch_of(keys) for keys in batches)

    return of_epoch


def with_statistics() -> loop.Run:
    """Batch normalisation and dropout, batches in two parts, an optimizer that remembers, and a rate that falls all the time."""
    segmenter = suite.model()
    params, encoder = suite.optim_params(name="adamw", encoder_frozen=1), segmenter.network.encoder
    optimizer = optim.build(params, segmenter, encoder)
    return suite.run(
        model=segmenter,
        optimizer=optimizer,
        backward=accumulate.backward(2, None, segmenter),
        step=precision.stepper(segmenter, optimizer, 1.0, None),
        learning_rate=lambda epoch, history: 0.01 / (1 + epoch),
        at_epoch=encoder_schedule.at_epoch(segmenter.network, encoder, params, 4),
        epochs=2 * ROUNDS,
    )


def plain() -> loop.Run:
    """SGD without momentum, whose step can be made by hand."""
    return run(momentum=0.0, clip=0.0, learning_rate=lambda epoch, history: RATE, epochs=ROUNDS)


def together(single: loop.Run, sites: Sequence[int], local_epochs: int) -> loop.Run:
    """The run in rounds of these sites."""
    batches = SiteBatches([order(site) for site in sites], local_epochs)
    shared = copy.deepcopy(single.model)
    changed = dataclasses.replace(single, batches=drawn(batches), validate=scored(shared))
    return federated.prepare(changed, shared, batches, [SIZES[site] for site in sites], None)


def epoch_by_hand(weights: dict[str, Tensor], seen: Iterable[Batch]) -> dict[str, Tensor]:
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


def test_two_rounds_of_two_sites_by_hand() -> None:
    trained = together(plain(), (0, 1), 1)
    wanted = model().state_dict()
    for number in range(ROUNDS):
        own = [epoch_by_hand(wanted, drawn(order(site))(number, 0)) for site in (0, 1)]
        wanted = {name: (5 * own[0][name] + 3 * own[1][name]) / 8 for name in wanted}
    loop.fit(trained)
    torch.testing.assert_close(dict(trained.weights()), dict(wanted), rtol=0, atol=1e-6)
    assert len(trained.progress.history) == ROUNDS


def test_a_round_is_what_sites_come_to_that_train_apart() -> None:
    trained = together(with_statistics(), (0, 1), 2)
    loop.fit(trained)
    weights = {name: value.clone() for name, value in with_statistics().model.state_dict().items()}
    apart = [dataclasses.replace(with_statistics(), batches=drawn(order(site)), n_batches=len(order(site))) for site in (0, 1)]
    sums, seen = {}, 0
    for number in range(ROUNDS):
        found = []
        for site, single in enumerate(apart):
            round_ = federated.train_round(single, weights, number, 2, None)
            seen, sums = seen + round_.seen, round_.sums
            found.append(({name: value.clone() for name, value in single.model.state_dict().items()}, SIZES[site]))
        weights = federated.average(found)
    assert bytes_of(weights) == bytes_of(dict(trained.weights()))
    assert seen == ROUNDS * 2 * sum(SIZES) and sums["loss"] > 0


def test_rounds_of_one_site_are_a_training() -> None:
    alone = together(plain(), (0,), 2)
    single = dataclasses.replace(plain(), batches=drawn(order(0)), n_batches=len(order(0)))
    loop.fit(alone)
    loop.fit(single)
    assert bytes_of(dict(alone.weights())) == bytes_of(single.weights())
    assert len(alone.progress.history) == 1 and len(single.progress.history) == ROUNDS


@pytest.mark.parametrize("calls", range(1, 2 * (2 * 2 + 2 * 1 + 1)))
def test_it_goes_on_from_any_batch_to_the_same_bytes(tmp_path: Path, calls: int) -> None:
    whole = ended(together(with_statistics(), (0, 1), 2))
    states, training = resume.SavedStates(tmp_path, 0.0), together(with_statistics(), (0, 1), 2)
    with pytest.raises(CutError):
        loop.fit(dataclasses.replace(training, save_state=cut_after(calls, states.saver(None))))
    other = together(with_statistics(), (0, 1), 2)
    assert states.restore(other, None)
    assert ended(other) == whole


def test_a_validation_that_was_stopped_is_made_again() -> None:
    stopped, whole = (together(with_statistics(), (0, 1), 2) for _ in range(2))
    loop.train_epoch(stopped)
    stopped.validate(stopped, {"epoch": 0})
    first = bytes_of(dict(stopped.weights()))
    stopped.validate(stopped, {"epoch": 0})
    loop.train_epoch(whole)
    whole.validate(whole, {"epoch": 0})
    assert bytes_of(dict(stopped.weights())) == first == bytes_of(dict(whole.weights()))


def test_the_mean_counts_images_and_leaves_what_all_have_in_common() -> None:
    same = torch.tensor([0.1, 0.7])
    first = {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(4), "same": same}
    second = {"a": torch.tensor([5.0, -2.0]), "n": torch.tensor(7), "same": same}
    found = federated.average([(first, 3), (second, 1)])
    assert found["a"].tolist() == [2.0, 1.0]
    # 4.75
    assert found["n"].dtype == torch.int64 and int(found["n"]) == 5
    assert torch.equal(found["same"], same)


def test_the_network_that_is_validated_is_the_mean() -> None:
    seen: list[Segmenter] = []
    single = with_statistics()
    batches = SiteBatches([order(0), order(1)], 1)
    shared = copy.deepcopy(single.model)

    def validate(trained: loop.Run, record: loop.Record) -> loop.Record:
        seen.append(copy.deepcopy(shared))  # type: ignore[arg-type]
        assert not shared.training
        return scored(shared)(trained, record)

    trained = federated.prepare(
        dataclasses.replace(single, batches=drawn(batches), validate=validate), shared, batches, SIZES, None
    )
    best = loop.fit(trained)
    assert bytes_of(best.weights) == bytes_of(seen[best.epoch].state_dict())

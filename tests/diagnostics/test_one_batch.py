"""A batch learned by heart, by the loop that trains."""

import dataclasses

import pytest
import torch

from segpipe.diagnostics.one_batch import overfit
from segpipe.diagnostics.transfer import transfers
from segpipe.training import accumulate, loop
from tests.training.suite import batches, run


def test_what_is_learned_is_seen_and_learning_ends_when_it_is_enough() -> None:
    batch = batches(0, 0, (4,))[0]
    whole = overfit(run(), batch, 0.01, 0, 40, 2.0)
    assert len(whole.losses) == len(whole.separations) == 40 and not whole.enough and not whole.error and whole.moved
    assert whole.reached > 0.2 > abs(whole.separations[0])
    assert whole.losses[-1] < whole.losses[0]
    assert whole.logits.shape[0] == 4
    short = overfit(run(), batch, 0.01, 0, 40, whole.separations[10])
    assert short.enough and len(short.losses) <= 11
    assert short.separations == whole.separations[: len(short.losses)]
    assert short.reached == short.separations[-1] >= whole.separations[10]


def in_two_parts() -> loop.Run:
    plain = run()
    return dataclasses.replace(plain, backward=accumulate.backward(2, None, plain.model))


def test_a_batch_in_parts_is_seen_whole() -> None:
    batch = batches(0, 0, (5,))[0]
    parts = overfit(in_two_parts(), batch, 0.01, 0, 3, 2.0)
    assert parts.logits.shape[0] == 5 and len(parts.losses) == 3


def test_what_ends_it_is_kept() -> None:
    plain = run()
    broken = dataclasses.replace(plain, loss=lambda logits, target: {"loss": plain.loss(logits, target)["loss"] * torch.nan})
    found = overfit(broken, batches(0)[0], 0.01, 0, 5, 2.0)
    assert found.error.startswith("the loss is not a finite number in epoch 1, batch 1, images image-0-0-0")
    assert found.reached == 0 and not found.moved


@pytest.mark.parametrize(("rate", "moved"), [(0.01, True), (0.0, False)])
def test_whether_weights_move(rate: float, moved: bool) -> None:
    assert overfit(run(), batches(0)[0], rate, 0, 3, 2.0).moved is moved


def test_the_network_is_as_at_the_epoch_that_is_asked_for() -> None:
    asked: list[float] = []
    overfit(run(at_epoch=asked.append), batches(0)[0], 0.01, 7, 3, 2.0)
    assert asked == [7, 7, 7]


def shuffled(epoch: int, first: int) -> list[loop.Batch]:
    return [dataclasses.replace(batch, target=batch.target.roll(1, dims=0)) for batch in many(epoch, first)]


def many(epoch: int, first: int) -> list[loop.Batch]:
    return batches(epoch, first, (4,) * 30)


def test_what_holds_for_other_images_transfers_and_what_does_not_does_not() -> None:
    assert transfers(run(batches=many, n_batches=30), 0.01, 30)
    assert not transfers(run(batches=shuffled, n_batches=30), 0.01, 30)
    assert not transfers(run(batches=lambda epoch, first: batches(0, 0, (1,)), n_batches=1), 0.01, 30)

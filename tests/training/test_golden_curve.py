"""The losses of 20 steps as they were recorded: a refactoring of the loop, or another way of training, gives them again."""

import dataclasses

import pytest
import torch
from torch import Tensor

from segpipe.losses.table import Losses
from segpipe.training import accumulate, loop, optim, precision, schedule
from tests.training.suite import OPTIM, batches, dice, model, run

# fmt: off
GOLDEN = [
    0.90761, 0.91362, 0.89766, 0.88104,
    0.89622, 0.87061, 0.86286, 0.86160,
    0.85041, 0.85348, 0.85086, 0.83913,
    0.84217, 0.84804, 0.83939, 0.83775,
    0.83713, 0.83090, 0.82741, 0.82815,
]
# fmt: on
"""By a processor with AVX-512 and one thread. Others add in another order, which after 20 steps is a last digit or two."""


def losses_of() -> list[float]:
    """The mean loss of each of 20 batches: five epochs of four, cosine after a warm-up, AdamW, clipped gradients, dropout."""
    found: list[float] = []
    params = OPTIM.model_copy(update={"lr": 0.01, "warmup_epochs": 1, "schedule": "cosine"})
    segmenter = model()
    optimizer = optim.build(params, segmenter)
    plain = run(
        model=segmenter,
        optimizer=optimizer,
        step=precision.stepper(segmenter, optimizer, params.clip_norm, None),
        backward=accumulate.backward(1, None, segmenter),
        batches=lambda epoch, first: batches(epoch, first, (4, 4, 4, 4)),
        n_batches=4,
        epochs=5,
        learning_rate=lambda epoch, history: schedule.learning_rate(params, epoch, 5, dice(history)),
    )

    def loss(logits: Tensor, target: Tensor) -> Losses:
        losses = plain.loss(logits, target)
        found.append(float(losses["loss"].detach().mean()))
        return losses

    loop.fit(dataclasses.replace(plain, loss=loss))
    return found


def test_20_steps_have_the_recorded_losses() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = losses_of()
    torch.set_num_threads(before)
    assert found == pytest.approx(GOLDEN, rel=1e-4)

"""Who was trained on can be told by the losses of a plain training, and not by those of a private one."""

import numpy as np
import pytest
import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.dataset.poisson_batches import PoissonBatches
from segpipe.reproducibility import unrecorded
from segpipe.training import loop, private
from segpipe.training.private import Mechanism
from tests.training import suite
from tests.training.ways.suite import run

IMAGES = 64
RATE = 0.25
STEPS = 4
MECHANISM = Mechanism(6.0, RATE, STEPS, 1e-3)


def batch_of(numbers: list[int], seed: int) -> Batch:
    """Images of noise with masks that have nothing to do with them: whatever is known of a mask was learned by heart."""
    random = [torch.Generator().manual_seed(1000 * seed + number) for number in numbers]
    images = [torch.randint(0, 256, (3, 16, 16), generator=each, dtype=torch.uint8) for each in random]
    # Blocks, which a network of few levels can draw.
    masks = [torch.randint(0, 3, (4, 4), generator=each).repeat_interleave(4, 0).repeat_interleave(4, 1) for each in random]
    return Batch(tuple(map(str, numbers)), torch.stack(images), torch.stack(masks))


def losses_after(training: loop.Run, seed: int) -> Tensor:
    """Of the images trained on, whose seed this is, or of others."""
    loop.fit(training)
    training.model.eval()
    with torch.no_grad():
        return loop.compute_losses(training, batch_of([*range(IMAGES)], seed))["loss"]


def plain_run(epochs: int) -> loop.Run:
    """Larger steps than usual: it is to learn by heart."""
    parts = [[*range(start, IMAGES, STEPS)] for start in range(STEPS)]
    plain = run(
        batches=lambda epoch, first: [batch_of(numbers, 0) for numbers in parts[first:]], n_batches=STEPS, epochs=epochs, clip=0.0
    )
    optimizer = torch.optim.Adam(plain.model.parameters())
    optimizer.param_groups[0]["lr_scale"] = 1.0
    return suite.run(**vars(plain) | {"optimizer": optimizer, "step": optimizer.step, "learning_rate": lambda *_: 0.01})


def private_run(epochs: int) -> loop.Run:
    plain = plain_run(epochs)
    order = PoissonBatches(
        [[str(number)] for number in range(IMAGES)], RATE, STEPS, lambda *at: unrecorded.generator(0, *at, "sample")
    )

    def batches(epoch: int, first: int) -> list[Batch]:
        order.epoch, order.first = epoch, first
        return [batch_of([int(key[1]) for key in keys], 0) for keys in order]

    drawn = suite.run(**vars(plain) | {"batches": batches})
    return private.prepare(drawn, drawn.model, None, MECHANISM, 1.0, IMAGES // STEPS, IMAGES // STEPS, 0)


def told_apart(training: loop.Run) -> float:
    """How often an image that was trained on has the smaller loss: 0.5 is chance, 1 is always."""
    members, others = (losses_after(training, seed).numpy() for seed in (0, 1))
    return float(np.mean(members[:, None] < others[None]))


@pytest.mark.slow
def test_losses_tell_who_was_trained_on_and_noise_hides_it() -> None:
    epochs = 60
    assert MECHANISM.epsilon(epochs) < 8
    assert told_apart(plain_run(epochs)) > 0.95
    # Of 64 and 64 images it swings by 0.05 about a half.
    assert told_apart(private_run(epochs)) == pytest.approx(0.5, abs=0.1)

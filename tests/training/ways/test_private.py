"""Private training: each image's gradient is clipped, the noise repeats itself, and the spent budget ends the training."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from segpipe.errors import PipelineError
from segpipe.training import loop, resume
from tests.training import suite
from tests.training.test_resume import CutError, cut_after, ended
from tests.training.ways import private
from tests.training.ways.suite import batches, model, run

pytestmark = [
    # Torch says so of a network whose input needs no gradient, as an image does not.
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    # Of a training without noise, whose budget nothing could keep.
    pytest.mark.filterwarnings("ignore:Optimal order is the smallest alpha"),
]
BATCHES = batches(4, 3, ignored=((0, 1),))
DELTA = 1e-5


def training(noise: float = 2.0, clip: float = 0.05, budget: float = math.inf, **changes: object) -> loop.Run:
    return private.prepare(run(batches=BATCHES, momentum=0.0, **changes), clip, noise, 4, DELTA, budget)


def gradient_of_a_batch(training: loop.Run) -> Tensor:
    """What the optimizer was given for the first batch, as one vector."""
    batch = next(iter(BATCHES(0, 0)))
    training.model.train()
    training.backward(training, batch)
    training.step()
    return flat([weight.grad for weight in training.model.parameters()])


def flat(gradients: list[Tensor | None]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])


def gradients_of_its_images() -> list[Tensor]:
    """Those of the images that count, each by itself in the plain network."""
    found = []
    batch = next(iter(BATCHES(0, 0)))
    for number in (0, 2, 3):
        alone = run(momentum=0.0)
        image = dataclasses.replace(batch, image=batch.image[number : number + 1], target=batch.target[number : number + 1])
        loop.compute_losses(alone, image)["loss"].sum().backward()
        found.append(flat([weight.grad for weight in alone.model.parameters()]))
    return found


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_the_gradient_of_each_image_is_clipped(share: float) -> None:
    alone = gradients_of_its_images()
    clip = share * float(alone[0].norm())
    wanted = torch.stack([gradient * min(1.0, clip / float(gradient.norm())) for gradient in alone]).sum(dim=0) / 4
    torch.testing.assert_close(gradient_of_a_batch(training(noise=0.0, clip=clip)), wanted, rtol=1e-4, atol=1e-6)


def test_the_noise_is_as_large_as_asked_for() -> None:
    noise = (gradient_of_a_batch(training(noise=2.0)) - gradient_of_a_batch(training(noise=0.0))) * 4 / (2.0 * 0.05)
    assert len(noise) > 1000
    assert abs(float(noise.mean())) < 0.1
    assert float(noise.std()) == pytest.approx(1, abs=0.05)


def test_the_noise_repeats_itself_and_differs_between_batches_and_seeds() -> None:
    first, again, other = training(), training(), training(seed=43)
    assert ended(first) == ended(again) != ended(other)
    noise = []
    for batch in (0, 1):
        at = training()
        at.progress.batch = batch
        noise.append(gradient_of_a_batch(at))
    assert not torch.equal(*noise)


def test_the_weights_have_the_models_own_names() -> None:
    assert [*training().weights()] == [*model().state_dict()]


@pytest.mark.parametrize("calls", range(1, 7))
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, tmp_path: Path) -> None:
    states = resume.SavedStates(tmp_path, 0.0)
    with pytest.raises(CutError):
        loop.fit(training(save_state=cut_after(calls, states.saver(None))))
    again = training()
    assert states.restore(again, None)
    assert ended(again) == ended(training())


def test_the_spent_budget_is_in_the_history_and_ends_the_training() -> None:
    costs = [private.epsilon(epochs, 2.0, DELTA) for epochs in (1, 2, 3, 4)]
    assert costs == sorted(set(costs))
    # The Gaussian mechanism, k times: alpha k / (2 noise^2) of Renyi divergence (Mironov 2017, arXiv:1702.07476), from
    # which epsilon follows by log(1 / delta) / (alpha - 1) at most; the accountant's conversion is somewhat tighter.
    bounds = [min(alpha * k / 8 + math.log(1 / DELTA) / (alpha - 1) for alpha in range(2, 64)) for k in (1, 2, 3, 4)]
    assert all(0.8 * bound < cost < bound for cost, bound in zip(costs, bounds, strict=True))
    trained = training(budget=(costs[2] + costs[3]) / 2, epochs=10)
    loop.fit(trained)
    assert [record["epsilon"] for record in trained.progress.history] == costs[:3]


def test_a_budget_that_is_too_small_for_an_epoch_is_refused() -> None:
    with pytest.raises(PipelineError, match="the first epoch spends"):
        training(budget=0.1)


def test_a_network_with_batch_statistics_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="BatchNorm"):
        private.prepare(suite.run(), 1.0, 2.0, 4, DELTA, math.inf)

"""Private training: each image's gradient is clipped, noise that only a test can repeat is added, and the budget is kept."""

import builtins
import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segpipe.dataset.loader import empty_batch
from segpipe.errors import PipelineError
from segpipe.losses.table import Classes, build
from segpipe.training import loop, private, resume
from segpipe.training.private import Mechanism
from tests.training import suite
from tests.training.test_resume import CutError, cut_after, ended
from tests.training.ways.suite import averaging, batches, model, run

BATCHES = batches(4, 3, ignored=((0, 1),))
DELTA = 1e-5
NOISE = 2.0
CLIP = 0.05


def mechanism(noise: float = NOISE) -> Mechanism:
    return Mechanism(noise, 0.1, 2, DELTA)


def private_run(
    plain: loop.Run | None = None, noise: float = NOISE, clip: float = CLIP, part: int = 4, test_seed: int = 7, **changes: Any
) -> loop.Run:
    """Without momentum, so that a step is its gradient."""
    plain = plain or run(**{"batches": BATCHES, "momentum": 0.0} | changes)
    network = getattr(plain.model, "network", plain.model) if hasattr(plain.model, "average") else plain.model
    return private.prepare(plain, network, None, mechanism(noise), clip, 4, part, test_seed)


def gradient_of_a_batch(training: loop.Run, which: int = 0) -> Tensor:
    """What the optimizer was given for a batch, as one vector."""
    batch = [*BATCHES(0, 0)][which]
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


@pytest.mark.parametrize("part", [4, 2, 1])
@pytest.mark.parametrize("share", [0.5, 2.0])
def test_the_gradient_of_each_image_is_clipped_however_many_are_computed_at_once(share: float, part: int) -> None:
    alone = gradients_of_its_images()
    clip = share * float(alone[0].norm())
    wanted = torch.stack([gradient * min(1.0, clip / float(gradient.norm())) for gradient in alone]).sum(dim=0) / 4
    found = gradient_of_a_batch(private_run(noise=0.0, clip=clip, part=part))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("part", [4, 1])
def test_the_noise_is_as_large_as_asked_for_and_added_once(part: int) -> None:
    pair = [gradient_of_a_batch(private_run(noise=noise, part=part)) for noise in (NOISE, 0.0)]
    noise = (pair[0] - pair[1]) * 4 / (NOISE * CLIP)
    assert len(noise) > 1000
    assert abs(float(noise.mean())) < 0.1
    assert float(noise.std()) == pytest.approx(1, abs=0.05)


def test_a_second_batch_holds_nothing_of_the_first() -> None:
    training = private_run(noise=0.0)
    before = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
    gradient_of_a_batch(training, 0)
    training.model.load_state_dict(before)
    torch.testing.assert_close(gradient_of_a_batch(training, 1), gradient_of_a_batch(private_run(noise=0.0), 1))


def test_nobody_can_repeat_the_noise_but_a_test() -> None:
    assert ended(private_run()) == ended(private_run()) != ended(private_run(test_seed=8))
    assert ended(private_run(test_seed=-1)) != ended(private_run(test_seed=-1))
    noise = []
    for batch in (0, 1):
        at = private_run()
        at.progress.batch = batch
        noise.append(gradient_of_a_batch(at))
    assert not torch.equal(*noise)


def test_a_batch_of_no_image_still_makes_a_step_of_noise() -> None:
    """A step that is left out would tell that no image was drawn."""
    nobody = batches(2, ignored=((0, 0), (0, 1)))(0, 0)[0]
    for batch in (empty_batch(), nobody):
        training = private_run(batches=lambda epoch, first, batch=batch: [batch], n_batches=1, epochs=1)
        steps: list[Tensor] = []
        training.optimizer.original_optimizer.register_step_post_hook(  # type: ignore[attr-defined]
            lambda *_, steps=steps, training=training: steps.append(flat([weight.grad for weight in training.model.parameters()]))
        )
        loop.fit(training)
        (gradient,) = steps
        assert float(gradient.std()) == pytest.approx(NOISE * CLIP / 4, rel=0.1)
        assert "train_loss" not in training.progress.history[0]


def test_the_weights_have_the_models_own_names() -> None:
    assert [*private_run().weights()] == [*model().state_dict()]


@pytest.mark.parametrize("calls", range(1, 7))
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, tmp_path: Path) -> None:
    states = resume.SavedStates(tmp_path, 0.0)
    with pytest.raises(CutError):
        loop.fit(private_run(save_state=cut_after(calls, states.saver(None))))
    again = private_run()
    assert states.restore(again, None)
    assert ended(again) == ended(private_run())


def test_a_resumed_training_draws_other_noise_and_its_state_holds_no_seed(tmp_path: Path) -> None:
    """Two who go on from one state: were a seed in it, both would add the same noise."""
    states = resume.SavedStates(tmp_path, 0.0)
    with pytest.raises(CutError):
        loop.fit(private_run(test_seed=-1, save_state=cut_after(1, states.saver(None))))
    found = []
    for _ in range(2):
        again = private_run(test_seed=-1)
        assert states.restore(again, None)
        assert again.progress.batch == 1
        found.append(gradient_of_a_batch(again, 1))
    assert not torch.equal(*found)


def test_averaged_weights_are_those_of_noisy_steps() -> None:
    trained = private_run(averaging(run(batches=BATCHES, momentum=0.0), 0.5))
    loop.fit(trained)
    average, learned = trained.weights(), private_run()
    loop.fit(learned)
    assert [*average] == [*learned.weights()]
    assert not all(torch.equal(average[name], tensor) for name, tensor in learned.weights().items())
    assert int(trained.model.state_dict()["_module.steps"]) == 4


def test_the_record_says_what_was_spent() -> None:
    training = private_run()
    loop.fit(training)
    assert [record["epsilon"] for record in training.progress.history] == [mechanism().epsilon(1), mechanism().epsilon(2)]


def test_epsilon_of_whole_batches_is_that_of_the_gaussian_mechanism() -> None:
    """k steps of all images are one Gaussian mechanism of sqrt(k) times the sensitivity (Dong et al. 2019, arXiv:1905.02383)."""

    def delta(epsilon: float, steps: int) -> float:
        mu = math.sqrt(steps) / NOISE
        cdf = [0.5 * math.erfc((epsilon / mu + sign * mu / 2) / math.sqrt(2)) for sign in (-1, 1)]
        return cdf[0] - math.exp(epsilon) * cdf[1]

    found = Mechanism(NOISE, 1.0, 5, DELTA).epsilon(2)
    assert delta(found, 10) < DELTA < delta(0.99 * found, 10)
    assert mechanism(0.0).epsilon(1) == math.inf


CASES = [(1.0, 0.2, 75, 1e-3), (2.0, 0.2, 75, 1e-3), (4.0, 0.2, 75, 1e-5), (1.0, 0.01, 3000, 1e-5), (30.0, 0.2, 75, 1e-5)]
"""Noise, rate, steps and delta, for epsilons of 0.2 to 9."""


@pytest.mark.parametrize(("noise", "rate", "steps", "delta"), CASES)
def test_epsilon_is_what_an_independent_accountant_finds(noise: float, rate: float, steps: int, delta: float) -> None:
    """Google's, by another algorithm (privacy loss distributions): pip install dp-accounting."""
    dp_accounting = pytest.importorskip("dp_accounting")
    from dp_accounting import pld

    accountant = pld.PLDAccountant()
    once = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
    accountant.compose(dp_accounting.SelfComposedDpEvent(once, steps))
    assert Mechanism(noise, rate, steps, delta).epsilon(1) == pytest.approx(accountant.get_epsilon(delta), rel=0.01)


@pytest.mark.parametrize(("noise", "rate", "steps", "delta"), CASES)
def test_epsilon_is_below_what_renyi_divergences_bound_it_by(noise: float, rate: float, steps: int, delta: float) -> None:
    """Opacus' other accountant (Mironov 2017, arXiv:1702.07476), which is looser by some percent."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(noise, rate, steps)]
    found, bound = Mechanism(noise, rate, steps, delta).epsilon(1), accountant.get_epsilon(delta)
    assert 0.8 * bound < found < bound


def test_the_noise_that_is_chosen_spends_the_target_and_no_more() -> None:
    for target in (0.5, 8.0):
        noise = private.noise_for(target, 0.2, 75, 1e-3)
        assert 0.98 * target < Mechanism(noise, 0.2, 75, 1e-3).epsilon(1) <= target


def test_so_many_epochs_as_the_target_lasts_for() -> None:
    costs = [mechanism().epsilon(epochs) for epochs in range(5)]
    assert costs == sorted(set(costs)) and costs[0] == 0
    assert mechanism().affordable((costs[2] + costs[3]) / 2, 9) == 2
    assert mechanism().affordable(costs[4], 4) == mechanism().affordable(0.0, 4) == 4
    assert mechanism().affordable(costs[1] / 2, 9) == 0


def test_a_gradient_that_is_no_number_does_not_reach_the_weights() -> None:
    training = private_run()
    before = {name: tensor.clone() for name, tensor in training.weights().items()}
    training.model.train()
    training.backward(training, next(iter(BATCHES(0, 0))))
    next(iter(training.model.parameters())).grad_sample[0] = math.nan  # type: ignore[attr-defined]
    with pytest.raises(PipelineError, match="a gradient is not a finite number"):
        training.step()
    assert all(torch.equal(before[name], tensor) for name, tensor in training.weights().items())


def test_batch_normalisation_is_refused_but_for_what_an_encoder_came_with() -> None:
    plain = suite.run()
    with pytest.raises(PipelineError, match=r"the network has batch normalisation \(network\..*mixes the images of a batch"):
        private.prepare(plain, plain.model, None, mechanism(), 1.0, 4, 4, 7)
    # All of it as if it had come with weights.
    trained = private.prepare(plain, plain.model, plain.model, mechanism(), 1.0, 4, 4, 7)
    norms = [module for module in plain.model.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [{name: tensor.clone() for name, tensor in norm.state_dict().items()} for norm in norms]
    loop.fit(trained)
    assert len(norms) > 3
    for norm, state in zip(norms, before, strict=True):
        assert all(torch.equal(state[name], tensor) for name, tensor in norm.state_dict().items())
    private.require_own_gradients(trained, 3, 16)


def test_a_run_that_takes_the_place_of_another_of_the_same_network_clips_as_it_would() -> None:
    plain = run(batches=BATCHES, momentum=0.0)
    private_run(plain)
    found = gradient_of_a_batch(private_run(plain, noise=0.0))
    torch.testing.assert_close(found, gradient_of_a_batch(private_run(noise=0.0)))


class Mixing(nn.Module):
    """A layer that centres a batch, as one image never could."""

    def forward(self, features: Tensor) -> Tensor:
        return features - features.mean(dim=0)


def test_images_whose_gradients_depend_on_each_other_are_refused() -> None:
    private.require_own_gradients(private_run(), 3, 16)
    mixing = run()
    mixing.model.network = nn.Sequential(mixing.model.network, Mixing())
    with pytest.raises(PipelineError, match="depends on which others are in its batch"):
        private.require_own_gradients(private_run(mixing), 3, 16)


def test_a_loss_that_pools_the_batch_is_refused() -> None:
    loss = build(suite.PARAMS.loss.model_copy(update={"name": "dice_pooled"}), Classes(True))
    with pytest.raises(PipelineError, match="depends on which others are in its batch"):
        private.require_own_gradients(private_run(run(loss=loss)), 3, 16)


def test_without_opacus_it_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("opacus"):
            raise ImportError(f"No module named {name!r}")
        return original(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PipelineError, match=r"needs the library Opacus .*`pip install -r requirements\.lock` brings it"):
        private_run()

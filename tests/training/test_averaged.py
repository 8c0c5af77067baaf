"""Averaged weights: what is validated and kept is the average, and what learns does not notice."""

import copy
import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from segpipe.errors import PipelineError
from segpipe.losses.table import Losses
from segpipe.training import averaged, encoder_schedule, loop, optim, precision, resume
from tests.training import suite
from tests.training.test_resume import CutError, bytes_of, cut_after, ended
from tests.training.ways.suite import averaging, model, run, scored

DECAY = 0.3
"""Reached by the warm-up, 0.1, 0.18, 0.25, 0.31 ..., within four steps."""


def training(**changes: object) -> loop.Run:
    return averaging(run(**changes), DECAY)


def with_statistics(**params: object) -> loop.Run:
    """A network with batch normalisation, whose encoder follows these parameters."""
    segmenter = suite.model()
    chosen, encoder = suite.optim_params(**params), segmenter.network.encoder
    optimizer = optim.build(chosen, segmenter, encoder)
    return suite.run(
        model=segmenter,
        optimizer=optimizer,
        step=precision.stepper(segmenter, optimizer, 1.0, None),
        at_epoch=encoder_schedule.at_epoch(segmenter.network, encoder, chosen, 2),
    )


def states_after_each_step(plain: loop.Run, decay: float) -> tuple[loop.Run, list[dict[str, Tensor]]]:
    """The trained run with averaged weights, and what the network that learns held: at the start, and after each step."""
    seen = [copy.deepcopy(plain.model.state_dict())]

    def step() -> None:
        plain.step()
        seen.append(copy.deepcopy(plain.model.state_dict()))

    trained = averaging(dataclasses.replace(plain, step=step), decay)
    loop.fit(trained)
    return trained, seen


@pytest.mark.parametrize("plain", [run(), with_statistics()], ids=["instance norm", "batch norm"])
def test_it_is_the_moving_average_over_the_steps_by_the_models_own_names(plain: loop.Run) -> None:
    names = [*plain.model.state_dict()]
    trained, (wanted, *steps) = states_after_each_step(plain, DECAY)
    for number, after in enumerate(steps):
        decay = min(DECAY, (1 + number) / (10 + number))
        for name, value in after.items():
            wanted[name] = decay * wanted[name] + (1 - decay) * value if value.is_floating_point() else value
    assert len(steps) == 4
    assert [*trained.weights()] == names
    torch.testing.assert_close(dict(trained.weights()), wanted)


def test_counters_are_the_networks_own() -> None:
    trained, _ = states_after_each_step(with_statistics(), DECAY)
    counters = {name: int(value) for name, value in trained.weights().items() if name.endswith("num_batches_tracked")}
    assert counters and set(counters.values()) == {4}


@pytest.mark.parametrize("frozen", [{"encoder_rate": 0.0}, {"encoder_frozen": 2, "encoder_rate": 0.1}])
def test_a_frozen_encoder_stays_what_it_is_to_the_last_bit(frozen: dict[str, object]) -> None:
    trained, (before, *_) = states_after_each_step(with_statistics(**frozen), DECAY)
    encoder = [name for name in before if name.startswith("network.encoder.")]
    assert encoder and all(torch.equal(before[name], trained.weights()[name]) for name in encoder)
    assert not torch.equal(before["network.head.bias"], trained.weights()["network.head.bias"])


def test_statistics_that_are_kept_stay_what_they_are_to_the_last_bit() -> None:
    trained, (before, *_) = states_after_each_step(with_statistics(encoder_statistics="keep"), DECAY)
    kept = [name for name in before if name.startswith("network.encoder.") and "running_" in name]
    assert kept and all(torch.equal(before[name], trained.weights()[name]) for name in kept)
    learned = [name for name in before if name.startswith("network.encoder.") and name.endswith("0.weight")]
    assert learned and not any(torch.equal(before[name], trained.weights()[name]) for name in learned)


def test_it_is_validated_and_kept_and_changes_nothing_of_what_learns() -> None:
    trained, plain, now = training(epochs=3), run(epochs=3), []
    hook = {"hooks": (lambda record, speed, run: now.append(bytes_of(run.weights())),)}
    best = loop.fit(dataclasses.replace(trained, **hook))  # type: ignore[arg-type]
    loop.fit(plain)
    assert bytes_of(best.weights) == now[best.epoch]
    assert bytes_of(trained.model.network.state_dict()) == bytes_of(plain.model.state_dict())
    own = model()
    own.load_state_dict(best.weights)
    assert scored(own)(plain, {})["val_dice"] == best.score == trained.progress.history[best.epoch]["val_dice"]
    assert [each["val_dice"] for each in trained.progress.history] != [each["val_dice"] for each in plain.progress.history]


def test_a_batch_without_a_step_leaves_it() -> None:
    trained = training()
    before = bytes_of(trained.model.state_dict())
    batch = suite.batches(0)[0]
    empty = dataclasses.replace(batch, target=torch.full_like(batch.target, 255))
    loop.train_epoch(dataclasses.replace(trained, batches=lambda epoch, first: [empty], n_batches=1))
    assert bytes_of(trained.model.state_dict()) == before


def test_a_step_that_the_scaler_of_fp16_leaves_out_leaves_it() -> None:
    layer = nn.Linear(4, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler("cpu")
    step = precision.stepper(layer, optimizer, 0.0, scaler)
    trained = averaged.prepare(run(model=layer, optimizer=optimizer), copy.deepcopy(layer), DECAY)
    before = bytes_of(trained.model.state_dict())
    for gradient, taken in ((math.inf, 0), (1.0, 1)):
        optimizer.zero_grad()
        scaler.scale(layer(torch.ones(1, 4)).sum() * gradient).backward()
        step()
        assert int(trained.model.steps) == taken
        assert (bytes_of(trained.model.state_dict()) == before) == (not taken)


def test_an_average_that_is_not_finite_ends_the_training() -> None:
    trained = training()

    def spoil() -> None:
        nn.init.constant_(next(trained.model.average.buffers()), math.nan)

    with pytest.raises(PipelineError, match=r"not finite after epoch 1 \(in average\.mean"):
        loop.fit(dataclasses.replace(trained, step=spoil))


def test_while_it_is_validated_all_of_the_model_is_in_evaluation_mode() -> None:
    modes: list[set[bool]] = []
    trained = training()
    trained.model.average.register_forward_hook(lambda *given: modes.append({each.training for each in trained.model.modules()}))
    loop.fit(trained)
    assert modes == [{False}, {False}]


@pytest.mark.parametrize("calls", range(1, 7))
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, tmp_path: Path) -> None:
    states = resume.SavedStates(tmp_path, 0.0)
    cut = training(save_state=cut_after(calls, states.saver(None)))
    with pytest.raises(CutError):
        loop.fit(cut)
    again = training()
    assert states.restore(again, None)
    assert int(again.model.steps) == sum(call % 3 != 0 for call in range(1, calls + 1)), "a third call an epoch is its end"
    assert ended(again) == ended(training())


def test_a_loss_that_is_not_finite_is_told_as_without_it() -> None:
    def loss(logits: Tensor, target: Tensor) -> Losses:
        return {"loss": logits.mean(dim=(1, 2, 3)) * math.nan}

    with pytest.raises(PipelineError, match="the loss is not a finite number in epoch 1, batch 1"):
        loop.fit(training(loss=loss))

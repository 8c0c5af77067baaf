"""An encoder that is frozen, keeps its statistics or learns slower: what moves, to the bit, and what is said of it."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segpipe.diagnostics import trace
from segpipe.models.layers.style import Style
from segpipe.models.unet import unet
from segpipe.params.schema import OptimParams
from segpipe.training import accumulate, encoder_schedule, loop, optim, precision, schedule
from tests.models.suite import small
from tests.training.suite import batches, dice, model, optim_params, run

EPOCHS = 3
Moved = dict[str, list[bool]]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def training(params: OptimParams, segmenter: Any = None, **parts: Any) -> loop.Run:
    """Three epochs of two batches, put together as the stage does."""
    segmenter = segmenter or model()
    encoder = segmenter.network.encoder
    optimizer = optim.build(params, segmenter, encoder)
    made: dict[str, Any] = {
        "model": segmenter,
        "optimizer": optimizer,
        "step": precision.stepper(segmenter, optimizer, params.clip_norm, None),
        "learning_rate": lambda epoch, history: schedule.learning_rate(params, epoch, EPOCHS, dice(history)),
        "at_epoch": encoder_schedule.at_epoch(segmenter.network, encoder, params, EPOCHS),
        "epochs": EPOCHS,
    }
    return run(**made | parts)


def moves(training: loop.Run) -> Moved:
    """Whether each weight and each statistic changed a bit in each of the epochs."""
    states = [copy(training.model)]

    def keep(run: loop.Run) -> None:
        if run.progress.batch == 0:
            states.append(copy(training.model))

    loop.fit(dataclasses.replace(training, save_state=keep))
    assert len(states) == EPOCHS + 1
    return {name: [before[name] != after[name] for before, after in itertools.pairwise(states)] for name in states[0]}


def copy(segmenter: nn.Module) -> dict[str, bytes]:
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in segmenter.state_dict().items()}


def parts_of(moved: Moved) -> tuple[Moved, Moved, Moved]:
    """The encoder's weights, its statistics, and all of the rest but the input's normalisation."""
    inside = {name: each for name, each in moved.items() if name.startswith("network.encoder.")}
    statistics = {name: each for name, each in inside.items() if name.endswith(STATISTICS)}
    outside = {name: each for name, each in moved.items() if name.startswith("network.") and name not in inside}
    weights = {name: each for name, each in inside.items() if name not in statistics}
    assert weights and statistics and outside
    return weights, statistics, outside


def all_are(moved: Moved, wanted: list[bool]) -> bool:
    return all(each == wanted for each in moved.values())


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_nothing_of_a_frozen_encoder_moves_and_all_of_it_afterwards(name: str, frozen: int) -> None:
    """Not by weight decay nor by momentum either."""
    params = optim_params(name=name, encoder_frozen=frozen, weight_decay=0.5, momentum=0.9, warmup_epochs=0)
    weights, statistics, outside = parts_of(moves(training(params)))
    wanted = [epoch >= frozen for epoch in range(EPOCHS)]
    assert all_are(weights, wanted)
    assert all_are(statistics, wanted)
    assert all_are(outside, [True] * EPOCHS)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_with_rate_0_nothing_of_it_ever_moves_and_the_optimizer_holds_nothing_of_it(name: str) -> None:
    made = training(optim_params(name=name, encoder_rate=0.0, weight_decay=0.5))
    held = {id(weight) for group in made.optimizer.param_groups for weight in group["params"]}
    encoder: Any = made.model.get_submodule("network.encoder")
    assert held == {id(each) for each in made.model.parameters()} - {id(each) for each in encoder.parameters()}
    weights, statistics, outside = parts_of(moves(made))
    assert all_are(weights | statistics, [False] * EPOCHS)
    assert all_are(outside, [True] * EPOCHS)
    assert all(weight.grad is None for weight in encoder.parameters())


@pytest.mark.parametrize("frozen", [0, 1])
def test_kept_statistics_never_move_and_scale_and_shift_do(frozen: int) -> None:
    params = optim_params(encoder_statistics="keep", encoder_frozen=frozen, warmup_epochs=0)
    weights, statistics, outside = parts_of(moves(training(params)))
    assert all_are(statistics, [False] * EPOCHS)
    assert all_are(weights, [epoch >= frozen for epoch in range(EPOCHS)])
    assert all_are({name: each for name, each in outside.items() if name.endswith(STATISTICS)}, [True] * EPOCHS)


@pytest.mark.parametrize("encoder_rate", [1.0, 0.0])
def test_the_same_holds_in_a_network_of_smp(encoder_rate: float) -> None:
    params = optim_params(encoder_frozen=1, encoder_statistics="keep", encoder_rate=encoder_rate, warmup_epochs=0)
    wide = [
        dataclasses.replace(batch, image=batch.image.repeat(1, 1, 2, 2), target=batch.target.repeat(1, 2, 2))
        for batch in batches(0)
    ]
    made = training(params, small("smp", n_classes=3), batches=lambda epoch, first: wide)
    weights, statistics, outside = parts_of(moves(made))
    assert all_are(statistics, [False] * EPOCHS)
    later = encoder_rate > 0
    assert all(each[0] is False for each in weights.values())
    assert {each[-1] for each in weights.values()} == {later}
    assert all_are(outside, [True] * EPOCHS)


@pytest.mark.parametrize(
    ("changes", "epoch", "alone"),
    [
        ({"encoder_frozen": 1}, 0.5, True),
        ({"encoder_frozen": 1}, 1.0, False),
        ({"encoder_statistics": "keep"}, 0.0, True),
        ({"encoder_rate": 0.0}, 2.5, True),
        ({}, 0.0, False),
    ],
)
def test_by_its_own_statistics_an_image_is_seen_alike_whatever_is_beside_it(
    changes: dict[str, Any], epoch: float, alone: bool
) -> None:
    torch.manual_seed(0)
    network: Any = unet(3, 3, [4, 8], Style("relu", "batch", 0.0, "transposed")).train()
    encoder_schedule.at_epoch(network, network.encoder, optim_params(**changes), EPOCHS)(epoch)
    images = torch.rand(4, 3, 8, 8)
    both, one = network.encoder(images), network.encoder(images[:1])
    assert all(torch.allclose(a[:1], b, atol=1e-6) for a, b in zip(both, one, strict=True)) is alone


def test_dropout_rests_in_a_frozen_encoder_and_nowhere_else() -> None:
    segmenter: Any = model().train()
    at_epoch = encoder_schedule.at_epoch(segmenter.network, segmenter.network.encoder, optim_params(encoder_frozen=1), EPOCHS)
    for epoch, learns in ((0.5, False), (1.0, True)):
        at_epoch(epoch)
        inside = [*segmenter.network.encoder.modules()]
        assert any(isinstance(each, nn.Dropout2d) for each in inside)
        assert {each.training for each in inside} == {learns}
        assert all(each.training for each in segmenter.network.decoder.modules())


def test_a_weight_that_could_not_learn_before_never_does() -> None:
    segmenter: Any = model()
    fixed = next(segmenter.network.encoder.parameters()).requires_grad_(False)
    at_epoch = encoder_schedule.at_epoch(segmenter.network, segmenter.network.encoder, optim_params(encoder_frozen=1), EPOCHS)
    for epoch in (0.0, 1.0):
        at_epoch(epoch)
        assert not fixed.requires_grad


@pytest.mark.parametrize("frozen", [0, 1])
def test_clipping_counts_only_what_learns(frozen: int) -> None:
    """By SGD of rate 1 the rest moves as far as its gradient is long: all of the bound where nothing else has one."""
    params = optim_params(name="sgd", momentum=0.0, weight_decay=0.0, clip_norm=1e-3, encoder_frozen=frozen, lr=1.0)
    made = training(
        params, learning_rate=lambda epoch, history: 1.0, batches=lambda epoch, first: batches(0, 0, (3,)), n_batches=1
    )
    rest = [weight for name, weight in made.model.named_parameters() if "encoder" not in name]
    before = [weight.detach().clone() for weight in rest]
    loop.train_epoch(made)
    moved = [(new.detach() - old).double().square().sum() for new, old in zip(rest, before, strict=True)]
    length = float(torch.stack(moved).sum().sqrt())
    assert length == pytest.approx(1e-3, rel=1e-3) if frozen else length < 0.999e-3


@pytest.mark.parametrize("name", ["constant", "cosine", "poly", "step", "plateau"])
def test_warm_up_and_schedule_count_for_both_groups(name: str) -> None:
    params = optim_params(schedule=name, warmup_epochs=1, encoder_rate=0.25, encoder_frozen=1, step_epochs=2, patience=0)
    made, seen = training(params), []

    def step() -> None:
        seen.append([group["lr"] for group in made.optimizer.param_groups])
        made.step()

    loop.fit(dataclasses.replace(made, step=step))
    gains = [0.5] * EPOCHS
    wanted = [schedule.learning_rate(params, number / 2, EPOCHS, gains[: number // 2]) for number in range(2 * EPOCHS)]
    assert seen == [[0.25 * rate, rate] for rate in wanted]
    assert wanted[0] == 0 < wanted[1], "it warms up"


@pytest.mark.parametrize("frozen", [0, 1])
def test_the_rate_of_the_encoder_is_its_share(frozen: int) -> None:
    """One step of SGD with both groups' gradients at hand."""
    params = optim_params(name="sgd", momentum=0.0, weight_decay=0.0, clip_norm=0.0, encoder_rate=0.5, encoder_frozen=frozen)
    made = training(
        params, learning_rate=lambda epoch, history: 0.1, batches=lambda epoch, first: batches(0, 0, (3,)), n_batches=1
    )
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    loop.train_epoch(made)
    for name, weight in made.model.named_parameters():
        if "encoder" in name and frozen:
            assert weight.grad is None
            continue
        assert weight.grad is not None
        rate = 0.05 if "encoder" in name else 0.1
        torch.testing.assert_close(weight.detach(), before[name] - rate * weight.grad)


@pytest.mark.parametrize("changes", [{"encoder_frozen": 2}, {"encoder_rate": 0.0}])
def test_the_scaler_of_fp16_steps_past_a_frozen_encoder(changes: dict[str, Any]) -> None:
    params = optim_params(name="sgd", momentum=0.0, warmup_epochs=0, **changes)
    plain, made = training(params), training(params)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    step = precision.stepper(made.model, made.optimizer, params.clip_norm, scaler)
    scaled = dataclasses.replace(made, backward=accumulate.backward(1, scaler, made.model), step=step)
    loop.fit(plain)
    loop.fit(scaled)
    assert scaler.get_scale() == 1024, "no step was skipped"
    for one, other in zip(plain.model.state_dict().values(), made.model.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)


def traced(params: OptimParams, segmenter: Any = None, steps: int = 2 * EPOCHS) -> list[trace.Entry]:
    found = trace.Trace()
    watched = trace.watched(training(params, segmenter), found, steps)
    with pytest.raises(trace.EnoughError):
        loop.fit(watched)
    return found.entries


def test_a_trace_has_a_frozen_encoders_outputs_and_its_gradients_once_it_learns() -> None:
    params = optim_params(encoder_frozen=1)
    entries = traced(params)
    assert entries == traced(params)
    outputs = {where for where, what, _ in entries if what.startswith("output of network.encoder.")}
    gradients = {where for where, what, _ in entries if what.startswith("gradient of network.encoder.")}
    assert outputs == {f"epoch {epoch}, batch {number}" for epoch in range(1, EPOCHS + 1) for number in (1, 2)}
    assert gradients == {where for where in outputs if not where.startswith("epoch 1,")}


def test_a_trace_names_a_frozen_encoder_that_differs() -> None:
    params, other = optim_params(encoder_frozen=1), model()
    with torch.no_grad():
        next(other.network.get_submodule("encoder").parameters()).mul_(1.001)
    pairs = zip(traced(params, steps=1), traced(params, other, steps=1), strict=True)
    first = next(one for one, two in pairs if one != two)
    assert first[1].startswith("output of network.encoder.")


@pytest.mark.parametrize(
    ("changes", "shares"),
    [
        ({}, [1.0, 1.0, 1.0, 1.0]),
        ({"encoder_rate": 0.1}, [0.1, 0.1, 0.1, 0.1]),
        ({"encoder_rate": 0.1, "encoder_frozen": 1}, [0.0, 0.0, 0.1, 0.1]),
        ({"encoder_rate": 0.0, "encoder_frozen": 1}, [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_the_share_by_epoch(changes: dict[str, Any], shares: list[float]) -> None:
    assert [encoder_schedule.lr_scale(optim_params(**changes), epoch) for epoch in (0, 0.999, 1, 2.5)] == shares


def test_the_rate_that_is_recorded() -> None:
    def recorded(epoch: int, **changes: Any) -> dict[str, float]:
        return encoder_schedule.encoder_lr({"epoch": epoch, "lr": 0.5}, optim_params(**changes))

    assert recorded(0) == {}
    assert recorded(0, encoder_rate=0.5) == {"lr_encoder": 0.25}
    assert [recorded(epoch, encoder_frozen=1) for epoch in (0, 1)] == [{"lr_encoder": 0.0}, {"lr_encoder": 0.5}]


def with_norm(norm: str) -> nn.Module:
    network: Any = unet(3, 3, [16, 16], Style("relu", norm, 0.0, "transposed"))
    return network.encoder


@pytest.mark.parametrize(
    ("changes", "norm", "wanted"),
    [
        ({}, "batch", ""),
        ({"encoder_frozen": 2}, "batch", "encoder: frozen for 2 of 9 epochs"),
        ({"encoder_frozen": 2, "encoder_rate": 0.1}, "batch", "encoder: frozen for 2 of 9 epochs, learns at 0.1 of the rate"),
        ({"encoder_statistics": "keep"}, "batch", "encoder: its batch normalisation keeps the statistics it came with"),
        (
            {"encoder_statistics": "keep"},
            "group",
            "encoder: it has no batch normalisation, so encoder_statistics changes nothing",
        ),
        (
            {"encoder_rate": 0.0, "encoder_frozen": 1},
            "batch",
            "encoder: frozen to the end, weights and statistics stay as they came",
        ),
    ],
)
def test_what_the_start_of_a_training_says(changes: dict[str, Any], norm: str, wanted: str) -> None:
    assert encoder_schedule.describe(with_norm(norm), optim_params(**changes), 9) == wanted


def test_a_network_without_an_encoder_is_left_alone() -> None:
    layer: Callable[[Tensor], Tensor] = nn.Conv2d(1, 1, 1)
    assert isinstance(layer, nn.Conv2d)
    encoder_schedule.at_epoch(layer, None, optim_params(encoder_frozen=1), EPOCHS)(0.0)
    assert layer.training and layer.weight.requires_grad
    assert encoder_schedule.describe(None, optim_params(encoder_rate=0.0), EPOCHS) == ""

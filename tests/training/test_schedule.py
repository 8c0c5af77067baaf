"""Learning rates by hand and against torch's schedulers."""

import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD, lr_scheduler

from segpipe.params.schema import OptimParams
from segpipe.training.schedule import learning_rate
from tests.training.suite import optim_params

SCHEDULES = get_args(OptimParams.model_fields["schedule"].annotation)
EPOCHS = 12


def ours(params: OptimParams, epochs: int = EPOCHS) -> list[float]:
    return [learning_rate(params, float(epoch), epochs, []) for epoch in range(epochs)]


def theirs(build: Callable[[SGD], Any], lr: float) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler, found = build(optimizer), []
    for _ in range(EPOCHS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "build"),
    [
        ("constant", lambda optimizer: lr_scheduler.ConstantLR(optimizer, factor=1)),
        ("cosine", lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)),
        ("poly", lambda optimizer: lr_scheduler.PolynomialLR(optimizer, total_iters=EPOCHS, power=0.9)),
        ("step", lambda optimizer: lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.1)),
    ],
)
def test_without_warm_up_it_is_torchs(schedule: str, build: Callable[[SGD], Any]) -> None:
    params = optim_params(schedule=schedule, warmup_epochs=0, step_epochs=5, lr=0.3)
    assert ours(params) == pytest.approx(theirs(build, 0.3), rel=1e-9)


@given(st.lists(st.floats(0, 1) | st.just(-math.inf), max_size=20), st.integers(0, 3))
def test_plateau_drops_when_torch_does(gains: list[float], patience: int) -> None:
    params = optim_params(schedule="plateau", warmup_epochs=0, patience=patience, lr=0.3)
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=patience, threshold=0, eps=0)
    for done in range(len(gains) + 1):
        assert learning_rate(params, float(done), 50, gains[:done]) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        if done < len(gains):
            scheduler.step(gains[done])


def test_cosine_by_hand() -> None:
    params = optim_params(schedule="cosine", warmup_epochs=2, lr=0.4)
    found = [learning_rate(params, epoch, 10, []) for epoch in (0, 0.5, 1, 2, 4, 6, 8, 10, 11)]
    middle = [0.4 * (1 + math.cos(math.pi * done / 8)) / 2 for done in (2, 4, 6)]
    assert found == pytest.approx([0, 0.1, 0.2, 0.4, *middle, 0, 0])


def test_poly_by_hand() -> None:
    params = optim_params(schedule="poly", warmup_epochs=1, power=2, lr=1.0)
    assert [learning_rate(params, epoch, 5, []) for epoch in (0, 0.25, 1, 2, 3, 5, 6)] == pytest.approx(
        [0, 0.25, 1, 9 / 16, 1 / 4, 0, 0]
    )


def test_step_by_hand() -> None:
    params = optim_params(schedule="step", warmup_epochs=0, step_epochs=2, factor=0.5, lr=1.0)
    assert [learning_rate(params, epoch, 9, []) for epoch in (0, 1.9, 2, 3.5, 4, 8)] == [1, 1, 0.5, 0.5, 0.25, 0.0625]


def test_plateau_by_hand() -> None:
    params = optim_params(schedule="plateau", warmup_epochs=0, patience=1, factor=0.5, lr=1.0)
    gains = [0.5, 0.6, 0.6, 0.55, 0.5, 0.4, 0.7, 0.1, 0.1]
    # Better, better, wait, drop, wait, drop, better, wait, drop.
    assert [learning_rate(params, 0, 9, gains[:done]) for done in range(10)] == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_plateau_counts_epochs_without_a_score_and_drops_at_none_of_them() -> None:
    params = optim_params(schedule="plateau", warmup_epochs=0, patience=1, factor=0.5, lr=1.0)
    scores = [None, None, 0.5, None, None, None, 0.4, None, 0.4, 0.6]
    # Nothing known, nothing known, better, three that prove nothing, drop, proves nothing, drop, better.
    assert [learning_rate(params, 0, 9, scores[:done]) for done in range(11)] == [1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(epoch=st.floats(0, 30), epochs=st.integers(1, 30), warmup=st.integers(0, 40))
def test_every_rate_lies_between_0_and_the_one_asked_for(schedule: str, epoch: float, epochs: int, warmup: int) -> None:
    params = optim_params(schedule=schedule, warmup_epochs=warmup, lr=0.1)
    assert 0 <= learning_rate(params, epoch, epochs, [0.5, 0.4, 0.3, 0.2]) <= 0.1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_warm_up_grows_evenly_to_the_rate_asked_for(schedule: str) -> None:
    params = optim_params(schedule=schedule, warmup_epochs=4, lr=0.8)
    assert [learning_rate(params, epoch, 20, []) for epoch in (0, 1, 2.5, 4)] == pytest.approx([0, 0.2, 0.5, 0.8])

"""Epochs for a budget of time: the arithmetic by hand and by property, and a trial of a real training."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations import convert
from segpipe.annotations.examination.result import Examination
from segpipe.params.schema import Params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training.validation_plan import ValidationPlan
from segpipe.workflows import time_budget
from segpipe.workflows.assemble import Training
from segpipe.workflows.time_budget import START_S, Pace, Plan, part_sizes, passes, plan
from tests import plain_params
from tests.annotations.records import record

PARAMS = plain_params.PARAMS


def pace_of(train: float, first: float, validate: float) -> Pace:
    return Pace(train, first, validate, work=train)


BATCH = 8


def seconds(found: Plan, pace: Pace, n_train: int, n_validation: int) -> tuple[float, float]:
    """Of training and of validation, by what validation_plan says of each epoch."""
    drawn = found.epochs * (found.steps_per_epoch * BATCH or n_train)
    ids = [str(number) for number in range(n_validation)]
    images = ValidationPlan(ids, ids[: found.validate_images], found.validate_every)
    validated = sum(len(images.images(epoch, found.epochs)) for epoch in range(found.epochs))
    return pace.train * drawn + (pace.first - pace.train) * min(drawn, n_train), validated * pace.validate


def test_epochs_by_hand() -> None:
    # 150 s less 20 s: an epoch takes 10 s, a validation 1 s, a tenth of that; every second one is, and the last.
    assert START_S == 20
    assert plan(pace_of(0.1, 0.1, 0.1), 100, 10, BATCH, 150.0) == Plan(12, 0, 2, 0)


def test_steps_by_hand_where_few_epochs_fit() -> None:
    # 100 s less 20 s, in ten epochs: a step takes 0.8 s. Five validations of 1 s leave 75 s, which are 93 steps.
    assert plan(pace_of(0.1, 0.1, 0.1), 100, 10, BATCH, 100.0) == Plan(10, 9, 2, 0)
    # Less than a pass: each image takes half a second more, since it is decoded for the first time. One validation of 9 s.
    assert plan(pace_of(0.1, 0.6, 0.1), 1000, 90, BATCH, 222.0) == Plan(10, 4, 10, 0)


@pytest.mark.parametrize("n_train", [30, 100, 2192, 20000])
def test_a_large_set_uses_its_time_as_a_small_one_does(n_train: int) -> None:
    found = plan(pace_of(0.1, 0.1, 0.1), n_train, 10, BATCH, 600.0)
    training, validation = seconds(found, pace_of(0.1, 0.1, 0.1), n_train, 10)
    assert 0.9 * 600 < START_S + training + validation <= 600


def test_a_slow_validation_comes_seldom() -> None:
    found = plan(pace_of(0.1, 0.1, 1.0), 100, 10, BATCH, 600.0)
    assert found.validate_every > 3 and found.validate_images == 0


def test_of_a_huge_validation_part_a_subset_is_watched() -> None:
    pace = pace_of(0.01, 0.01, 1.0)
    found = plan(pace, 100, 500, BATCH, 1800.0)
    assert 0 < found.validate_images < 500
    # The one at the end is whole all the same.
    assert seconds(found, pace, 100, 500)[1] >= 500


def test_a_step_an_epoch_at_least() -> None:
    assert plan(pace_of(1.0, 1.0, 0.1), 1000, 10, BATCH, 60.0) == Plan(10, 1, 2, 0)


@given(
    train=st.floats(0.001, 1),
    decode=st.floats(0, 1),
    validate=st.floats(0.001, 2),
    n_train=st.integers(1, 2000),
    n_validation=st.integers(1, 500),
    minutes=st.floats(0.5, 120),
)
def test_what_is_planned_fits(
    train: float, decode: float, validate: float, n_train: int, n_validation: int, minutes: float
) -> None:
    pace = pace_of(train, train + decode, validate)
    found = plan(pace, n_train, n_validation, BATCH, 60 * minutes)
    training, validation = seconds(found, pace, n_train, n_validation)
    assert found.epochs >= 10
    if found.steps_per_epoch != 1:
        assert START_S + training + validation <= 60 * minutes * (1 + 1e-9)
    # More often than at the end only where it stays within its twelfth.
    if found.validate_every < found.epochs:
        images = found.steps_per_epoch * BATCH or n_train
        assert validation <= (found.epochs * train * images) / 11 * (1 + 1e-9)


def test_parts_as_the_split_makes_them() -> None:
    records = [record(str(number)) for number in range(100)]
    split = PARAMS.split
    assert part_sizes(records, split) == (64, 16)  # a fifth for the test, and a fifth of the rest for validation
    assert part_sizes(records, split.model_copy(update={"val_share": 0.5})) == (40, 40)
    given_parts = ["train"] * 60 + ["val"] * 30 + ["test"] * 10
    listed = [dataclasses.replace(each, given=part) for each, part in zip(records, given_parts, strict=True)]
    assert part_sizes(listed, split) == (60, 30)


def test_passes_of_epochs_and_of_steps() -> None:
    records = [record(str(number)) for number in range(100)]

    def with_train(**values: int) -> Params:
        return PARAMS.model_copy(update={"train": PARAMS.train.model_copy(update=values)})

    assert passes(with_train(epochs=12, steps_per_epoch=0), records) == 12
    # 10 epochs of 4 steps of 8 images, of which 64 train.
    assert passes(with_train(epochs=10, steps_per_epoch=4, batch_size=8), records) == 5


def examined(folder: Path, params: Params) -> Examination:
    rng = np.random.default_rng(0)
    for number in range(10):
        ids = np.zeros((40, 40), np.uint8)
        ids[10:30, 5 : 15 + number] = 1
        for name, pixels in (("images", rng.integers(0, 256, (40, 40, 3), np.uint8)), ("masks", ids)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return convert.examine(params.data, (), folder / "spool")


@pytest.fixture
def params(tmp_path: Path) -> Params:
    """A small U-Net on masks below the temporary folder."""
    data = PARAMS.data.model_copy(update={"source": "masks", "path": str(tmp_path / "data")})
    model = PARAMS.model.model_copy(update={"width": 4, "depth": 2})
    sizes = PARAMS.input.model_copy(update={"crop": 32})
    return PARAMS.model_copy(update={"data": data, "model": model, "input": sizes})


def test_the_gain_of_a_precision_is_that_of_one_thread(tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that others use, the work of several threads is mostly waiting."""
    threads: dict[str, int] = {}

    def seen(trainings: Mapping[time_budget.Choice, Training], scratch: Path) -> dict[time_budget.Choice, Pace]:
        (threads[", ".join(map(str, trainings))],) = {training.params.threads for training in trainings.values()}
        return {choice: pace_of(1, 1, 2 if choice == 0 else 9) for choice in trainings}

    monkeypatch.setattr(time_budget, "_paces", seen)
    monkeypatch.setattr(time_budget.devices, "bf16_units", lambda: "AMX")
    monkeypatch.chdir(tmp_path)
    found = time_budget.suggest(params, examined(tmp_path / "data", params), 1.0)
    assert threads.pop("fp32, bf16") == 1
    assert set(threads.values()) == {2}
    assert next(each for each in found if each.key == "threads").reason == "1 core here"
    # Two images are validated; with workers a large part of 9 s is their start.
    assert {each.reason for each in found if each.key == "train.validate_every"} == {"4.0 s for all 2 images"}


@pytest.mark.parametrize(
    ("cores", "speeds", "best"),
    [(2, {2: 1.0}, 2), (8, {2: 1.0, 4: 1.9, 8: 2.0}, 4), (64, {2: 1.0, 4: 1.9, 8: 3.0, 16: 4.0}, 16), (1, {2: 1.0}, 2)],
)
def test_as_few_threads_as_train_about_as_fast_as_more(cores: int, speeds: dict[int, float], best: int, params: Params) -> None:
    tried: list[int] = []

    def measure(choices: Mapping[time_budget.Choice, TrainKeys]) -> dict[time_budget.Choice, Pace]:
        tried.extend(keys.threads for keys in choices.values())
        return {keys.threads: pace_of(1 / speeds[keys.threads], 1, 1) for keys in choices.values()}

    advice, keys = time_budget._threads(TrainKeys.of(params), torch.device("cpu"), cores, measure)
    assert (advice.value, keys.threads) == (best, best)
    assert tried == (list(speeds) if len(speeds) > 1 else [])
    assert time_budget._threads(TrainKeys.of(params), torch.device("cuda"), cores, measure)[0].reason == "the GPU trains"


def test_ways_of_training_that_count_passes_are_given_passes(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan(pace_of(1.0, 1.0, 0.1), 1000, 10, BATCH, 60.0, cut=False) == Plan(1, 0, 1, 0)
    assert plan(pace_of(0.1, 0.1, 0.1), 100, 10, BATCH, 100.0, cut=False).epochs == 7
    # What a private training needs may not be installed, and nothing of it is tried here.
    monkeypatch.setattr(time_budget, "assemble", lambda keys, data, device, installed: None)
    monkeypatch.setattr(time_budget, "_paces", lambda trainings, scratch: {choice: pace_of(1, 1, 1) for choice in trainings})
    monkeypatch.chdir(tmp_path)
    seen = examined(tmp_path / "data", params)
    found = {}
    for strategy in ("single", "private", "federated"):
        own = params.model_copy(update={"train": params.train.model_copy(update={"strategy": strategy})})
        advised = {each.key: each.value for each in time_budget.suggest(own, seen, 1.0)}
        found[strategy] = advised["train.steps_per_epoch"]
    assert found["single"] > 0 and found["private"] == found["federated"] == 0


def test_what_an_earlier_budget_left_does_not_count(tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def seen(trainings: Mapping[time_budget.Choice, Training], scratch: Path) -> dict[time_budget.Choice, Pace]:
        tried.extend(training.run.n_batches for training in trainings.values())
        return {choice: pace_of(1, 1, 1) for choice in trainings}

    monkeypatch.setattr(time_budget, "_paces", seen)
    monkeypatch.chdir(tmp_path)
    train = params.train.model_copy(update={"steps_per_epoch": 5000})
    time_budget.suggest(params.model_copy(update={"train": train}), examined(tmp_path / "data", params), 1.0)
    assert tried and max(tried) <= time_budget.STEPS


def test_a_round_computes_by_the_threads_of_its_training(tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = time_budget.loop.train_epoch
    monkeypatch.setattr(time_budget, "STEPS", 2)
    monkeypatch.setattr(time_budget, "ROUNDS", 1)
    monkeypatch.setattr(time_budget.loop, "train_epoch", lambda run: [seen.append(torch.get_num_threads()), real(run)][1])
    monkeypatch.setattr(time_budget.torch, "get_num_threads", lambda real=torch.get_num_threads: real() if seen else 4)
    monkeypatch.chdir(tmp_path)
    time_budget.suggest(params, examined(tmp_path / "data", params), 1.0)
    assert {2, 4} <= set(seen)


def test_the_training_is_tried_and_every_choice_has_what_was_measured(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_budget, "STEPS", 2)
    monkeypatch.setattr(time_budget, "ROUNDS", 1)
    monkeypatch.chdir(tmp_path)
    found = {each.key: each for each in time_budget.suggest(params, examined(tmp_path / "data", params), 1.0)}
    assert list(found) == [
        "threads",
        "train.precision",
        "runtime.workers",
        "train.epochs",
        "train.steps_per_epoch",
        "optim.warmup_epochs",
        "train.validate_every",
        "train.validate_images",
    ]
    # 40 s for images of 40 pixels a side.
    assert found["train.epochs"].value > 10
    assert found["train.epochs"].reason.startswith("1 min at ")
    assert "images a second here" in found["runtime.workers"].reason
    # Nothing is left in the project.
    assert [path.name for path in tmp_path.iterdir()] == ["data"]

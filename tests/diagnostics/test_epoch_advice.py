"""Advice that follows from the numbers, and none where they give none."""

import dataclasses
from typing import Any

import pytest

from segpipe.diagnostics.epoch_advice import Loading, sentences
from segpipe.diagnostics.epoch_costs import Cost, Counts, Saving, costs, share
from segpipe.diagnostics.sample_times import SampleTimes
from segpipe.diagnostics.step_times import BACKWARD, FIRST, FORWARD, WAITING
from segpipe.training.validation_plan import ValidationPlan

IDS = [str(number) for number in range(10)]
EPOCHS = 20
LOADING = Loading(workers=2, cores=2, library="albumentations", on_gpu=False, images=100, kept=100, cache_gib=3.5)


def found(
    waiting: float = 0.0,
    validation: float = 0.0,
    pause: float = 1e9,
    every: int = 1,
    decoding: float = 0.01,
    augmenting: float = 0.01,
    **loading: Any,
) -> list[str]:
    """The sentences for an epoch of ten steps that take 1 s without waiting, and ten images to validate."""
    plan = ValidationPlan(IDS, (), every)
    images = [len(plan.images(epoch, EPOCHS)) for epoch in range(EPOCHS)]
    counts = Counts(EPOCHS, 100, 10, 100.0, sum(map(bool, images)) / EPOCHS, sum(images) / EPOCHS)
    steps = {FIRST: waiting, WAITING: waiting, FORWARD: 0.4, BACKWARD: 0.6}
    given = costs(counts, SampleTimes(0.0, decoding, augmenting), steps, (0.0, validation), Saving(0.5, pause))
    return sentences(given, dataclasses.replace(LOADING, **loading), plan, EPOCHS)


def test_where_nothing_stands_out_the_network_is_named() -> None:
    assert found() == [
        "the network takes 100% of an epoch, and neither data, validation nor saving much: "
        "`segpipe models` shows what others would take"
    ]
    assert found(waiting=0.1)[0].startswith("the network takes 91% of an epoch")


@pytest.mark.parametrize(
    ("case", "remedy"),
    [
        # 100 images of 0.3 s in the 10 s of the steps are work for 3; the remaining cores are enough, too few, none.
        ({"augmenting": 0.3, "cores": 8}, "runtime.workers: 3 would bring more, since there are cores for them"),
        ({"augmenting": 0.9, "cores": 8}, "runtime.workers: 8 would bring more, since there are cores for them"),
        ({"augmenting": 0.9, "cores": 2}, "augmenting is most of the loading, so fewer changes (augment) or more cores"),
        # What is kept decoded is decoded once.
        ({"decoding": 0.9, "kept": 0}, "runtime.cache_gib: 3.5 would keep all images decoded"),
        (
            {"decoding": 0.9, "kept": 0, "cores": 4},
            "runtime.cache_gib: 3.5 would keep all images decoded, and runtime.workers: 4 would bring more",
        ),
        ({"decoding": 0.9, "augmenting": 0.9}, "augmenting is most of the loading"),
        ({"augmenting": 0.9, "on_gpu": True}, "augment.library: torchvision would change the images on the GPU (other bytes)"),
        ({"augmenting": 0.9, "library": "torchvision"}, "augment.library: albumentations would make the changes beside"),
    ],
)
def test_what_helps_a_loop_that_waits(case: dict[str, Any], remedy: str) -> None:
    (sentence,) = found(waiting=1.0, **case)
    assert sentence.startswith(f"the loop waits for data for 50% of an epoch: {remedy}")


def test_validation_that_takes_much_comes_less_often() -> None:
    # 10 s of validation beside 10 s of steps; every fifth, 2 s of 12, which is a sixth.
    assert found(validation=1.0) == ["validation takes 50% of an epoch: with train.validate_every: 5 it would be 17%"]
    assert found(validation=1.0, every=5)[0].startswith("the network")


def test_no_advice_that_would_not_help() -> None:
    # Once, at the end, takes more than all the epochs.
    assert found(validation=100.0)[0].startswith("the network takes 1% of an epoch")


def test_states_that_are_saved_at_every_batch() -> None:
    assert found(pause=0.0) == ["saving takes 35% of an epoch: a larger runtime.save_every saves fewer states"]


def test_all_that_is_true_is_said() -> None:
    assert len(found(waiting=1.0, validation=1.0, pause=0.0, augmenting=0.9)) == 3


def test_the_shares_are_those_of_the_table() -> None:
    plain = [Cost(FORWARD, 1.0, "step", 3), Cost(WAITING, 1.0, "step", 1)]
    assert share(plain, WAITING) == 0.25

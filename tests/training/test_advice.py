"""Advice comes where a training goes wrong, once, and not where it goes well: by histories as trainings write them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from segpipe.scores.counts import scores
from segpipe.training import advice, loop, monitored_score
from segpipe.training.advice import Parted
from tests.training.suite import run

DICE = monitored_score.of_whole("dice")

SAMPLE = {
    "train": [0.564, 0.184, 0.127, 0.108, 0.094, 0.083, 0.066, 0.059, 0.058, 0.051, 0.048, 0.048, 0.048, 0.046, 0.043],
    "val": [None, None, None, None, 0.096, None, None, None, None, 0.054, None, None, None, None, 0.046],
    "dice": [None, None, None, None, 0.917, None, None, None, None, 0.954, None, None, None, None, 0.961],
}
"""The losses of the sample, as it is shipped."""


def history(
    train: Sequence[float], val: Sequence[float | None], dice: Sequence[float | None] = (), prefix: str = "val_"
) -> list[loop.Record]:
    """An epoch's record each; those without a validation loss were not validated."""
    records: list[loop.Record] = []
    for epoch, (loss, validation) in enumerate(zip(train, val, strict=True)):
        found = {"epoch": float(epoch), "train_loss": loss}
        if validation is not None:
            found[f"{prefix}loss"] = validation
            found[f"{prefix}dice"] = dice[epoch] if dice else 0.5  # type: ignore[assignment]
        records.append(found)
    return records


def falling(epochs: int) -> list[float]:
    return [0.9**epoch for epoch in range(epochs)]


def test_parted_losses_are_said_when_validation_has_risen_for_long_while_training_falls() -> None:
    found = history(falling(8), [0.9, 0.6, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75])
    assert [advice.parted(found[:done], "val_", DICE, 0) is not None for done in range(1, 9)] == [False] * 6 + [True] * 2
    assert advice.parted(found[:7], "val_", DICE, 0) == Parted(2, (0.9**2, 0.9**6), (0.5, 0.7))


def test_parted_losses_are_said_where_few_epochs_are_validated_and_on_a_subset() -> None:
    sparse = [value if epoch % 4 == 3 else None for epoch, value in enumerate(np.linspace(0.3, 0.9, 20))]
    found = history(falling(20), sparse, prefix="subset_")
    at = [done for done in range(1, 21) if advice.parted(found[:done], "subset_", monitored_score.of_subset("dice"), 0)]
    assert at and at[0] == 16, "the best is the first validation, and three follow"
    assert advice.parted(found, "val_", DICE, 0) is None, "the whole part was never validated"


@pytest.mark.parametrize(
    ("what", "train", "val"),
    [
        ("it still falls", falling(8), [0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.45, 0.4]),
        ("it stays where it is", falling(8), [0.9, 0.5, 0.5, 0.51, 0.5, 0.52, 0.51, 0.5]),
        ("it rises by little", falling(8), [0.9, 0.6, 0.5, 0.52, 0.53, 0.54, 0.55, 0.56]),
        ("it is noisy", falling(8), [0.9, 0.5, 0.7, 0.45, 0.65, 0.5, 0.7, 0.46]),
        ("it rose twice only", falling(5), [0.9, 0.6, 0.5, 0.7, 0.8]),
        ("both rise: the rate is too high", [0.5, 0.4, 0.5, 0.6, 0.7, 0.8], [0.6, 0.5, 0.7, 0.8, 0.9, 1.0]),
        ("training has come to rest", [0.5, 0.4, 0.39, 0.4, 0.4, 0.4], [0.6, 0.5, 0.7, 0.8, 0.9, 1.0]),
        ("nothing was validated", falling(6), [None] * 6),
    ],
)
def test_losses_have_not_parted(what: str, train: list[float], val: list[float | None]) -> None:
    found = history(train, val)
    assert [advice.parted(found[:done], "val_", DICE, 0) for done in range(len(found) + 1)] == [None] * (len(found) + 1), what


def test_parted_losses_are_not_said_while_the_monitored_score_gets_better() -> None:
    """A network that is surer of itself pays more for the same errors."""
    val = [0.9, 0.6, 0.5, 0.6, 0.65, 0.7, 0.75]
    better, worse = [0.5, 0.6, 0.7, 0.71, 0.72, 0.73, 0.74], [0.5, 0.6, 0.7, 0.69, 0.68, 0.69, 0.68]
    assert advice.parted(history(falling(7), val, better), "val_", DICE, 0) is None
    assert advice.parted(history(falling(7), val, worse), "val_", DICE, 0) is not None


def test_losses_may_swing_at_first() -> None:
    found = history(falling(12), [0.9, 0.6, 0.5, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7])
    said = [advice.parted(found[:done], "val_", DICE, first=6) is not None for done in range(1, 13)]
    assert said == [False] * 8 + [True] * 4


def test_losses_of_the_sample_have_not_parted() -> None:
    found = history(SAMPLE["train"], SAMPLE["val"], SAMPLE["dice"])  # type: ignore[arg-type]
    assert [advice.parted(found[:done], "val_", DICE, 0) for done in range(16)] == [None] * 16


TRUE = np.array([9000, 800, 200])
"""Pixels of background and of two kinds of objects."""


def scored(counts: Any, epoch: int, prefix: str = "val_", has_background: bool = True) -> loop.Record:
    """The record of an epoch with these confusion counts."""
    found = scores([np.array(counts)], has_background)
    return {"epoch": float(epoch)} | {f"{prefix}{name}": value for name, value in found.items() if value is not None}


def everywhere(number: int, true: Any = TRUE) -> Any:
    counts = np.zeros((len(true), len(true)), np.int64)
    counts[:, number] = true
    return counts


LEARNED = np.diag(TRUE)
HARDLY = everywhere(0) + np.array([[-40, 40, 0], [-3, 3, 0], [0, 0, 0]])
"""Background, but for a few pixels, right and wrong."""
SOME = everywhere(0) + np.array([[-40, 40, 0], [-60, 60, 0], [0, 0, 0]])
"""A little of one class is found, and nothing of the other."""
MIXED_UP = np.array([[9000, 0, 0], [0, 0, 800], [0, 200, 0]])
"""Where objects are is learned, and what they are is not: their recall is 0, too."""


ALONE = {"val_": advice.scores_of_one_class(TRUE, has_background=True)}


def said(counts: Sequence[Any], first: float = 0.0, every: int = 1) -> list[int | None]:
    """What is said after each epoch, of which every so many-th was validated."""
    found: list[loop.Record] = []
    for each in counts:
        found += [{"epoch": float(len(found) + skipped)} for skipped in range(every - 1)]
        found.append(scored(each, len(found)))
    return [advice.only_class(found[:done], ALONE, first) for done in range(every, len(found) + 1, every)]


def test_one_class_only_is_said_at_the_second_validation_of_which_it_is_true() -> None:
    assert said([everywhere(0)] * 3) == [None, 0, 0]
    assert said([HARDLY] * 3, every=5) == [None, 0, 0]
    assert said([LEARNED, everywhere(0), everywhere(0)]) == [None, None, 0], "it may be lost again"


def test_any_class_may_be_the_only_one() -> None:
    assert said([everywhere(2), everywhere(2)]) == [None, 2]
    assert said([everywhere(2), everywhere(0)]) == [None, None], "it changes yet"


def test_the_first_epochs_may_predict_one_class_only() -> None:
    assert said([everywhere(0)] * 5, first=2) == [None, None, None, 0, 0]


@pytest.mark.parametrize("counts", [LEARNED, SOME, MIXED_UP])
def test_one_class_only_is_not_said_of_what_finds_objects(counts: Any) -> None:
    assert said([counts] * 5) == [None] * 5
    assert said([everywhere(0), counts, counts]) == [None] * 3


def test_one_class_only_is_said_without_background() -> None:
    true = np.array([400, 300, 200, 100])
    alone = {"val_": advice.scores_of_one_class(true, has_background=False)}
    found = [scored(everywhere(1, true), epoch, has_background=False) for epoch in range(2)]
    assert advice.only_class(found, alone, 0) == 1
    # By chance, as often as they occur: the mean recall is that of one class everywhere.
    chance = np.outer(true, true) // true.sum()
    assert advice.only_class([scored(chance, epoch, has_background=False) for epoch in range(2)], alone, 0) is None


def test_the_whole_part_and_its_subset_have_scores_of_their_own() -> None:
    few = np.array([100, 0, 100])
    alone = {"val_": advice.scores_of_one_class(TRUE, True), "subset_": advice.scores_of_one_class(few, True)}
    found = [scored(everywhere(0, few), 0, "subset_"), scored(everywhere(0), 1) | scored(everywhere(0, few), 1, "subset_")]
    assert advice.only_class(found, alone, 0) == 0
    assert advice.only_class([found[0], scored(LEARNED, 1)], alone, 0) is None


def test_images_of_one_class_are_predicted_as_that_class() -> None:
    assert advice.scores_of_one_class(np.array([1000, 0, 0]), has_background=True) == {}
    found = [scored([[1000, 0], [0, 0]], epoch) for epoch in range(3)]
    assert advice.only_class(found, {"val_": advice.scores_of_one_class(np.array([1000, 0]), True)}, 0) is None
    # Without a background the class that is right everywhere is no trouble, and the other one is.
    assert [*advice.scores_of_one_class(np.array([0, 1000]), has_background=False)] == [0]


def speeds(*waits: float, seconds: float = 100.0) -> list[loop.Speed]:
    return [loop.Speed(images_per_s=10.0, data_wait=wait, seconds=seconds) for wait in waits]


@pytest.mark.parametrize(
    ("what", "waits", "seconds", "epochs_left", "share"),
    [
        ("two epochs after the first wait", (0.1, 0.5, 0.4), 100.0, 10, 0.45),
        ("it began late", (0.1, 0.0, 0.0, 0.5, 0.4), 100.0, 10, 0.45),
        ("the first epoch of a process decodes", (0.9, 0.5), 100.0, 10, None),
        ("one of two", (0.9, 0.5, 0.1), 100.0, 10, None),
        ("little", (0.2, 0.2, 0.2), 100.0, 10, None),
        ("short epochs", (0.5, 0.5, 0.5), 1.0, 10, None),
        ("short epochs, but many", (0.5, 0.5, 0.5), 1.0, 1000, 0.5),
        ("nothing is left to be saved", (0.5, 0.5, 0.5), 100.0, 0, None),
    ],
)
def test_where_waiting_for_data_is_said(
    what: str, waits: tuple[float, ...], seconds: float, epochs_left: int, share: float | None
) -> None:
    found = advice.data_wait(speeds(*waits, seconds=seconds), epochs_left)
    assert found == (None if share is None else pytest.approx(share)), what


def test_advice_is_given_once_each() -> None:
    said: list[str] = []
    rules: list[advice.Rule] = [
        lambda history, speeds, run: "two epochs" if len(history) >= 2 else None,
        lambda history, speeds, run: "three of this process" if len(speeds) >= 3 else None,
        lambda history, speeds, run: None,
    ]
    loop.fit(run(epochs=5, hooks=(advice.hook(rules, said.append),)))
    assert said == ["two epochs", "three of this process"]

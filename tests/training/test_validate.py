"""The validation's record: means over the images that have a pixel to be right or wrong about, to the last digit."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
import torch

from segpipe.dataset.loader import WholeImage
from segpipe.inference.scoring import score_images
from segpipe.losses.table import Classes, build
from segpipe.record import DatasetInfo
from segpipe.training import loop, monitored_score, validate
from segpipe.training.validation_plan import ValidationPlan
from tests.dataset.packs import noise
from tests.inference.cards import PARAMS, small
from tests.training.suite import run

INFO = DatasetInfo(("background", "a", "b"), True, 3, 8, 4)
LOSS = build(PARAMS.loss, Classes(True))
CPU = torch.device("cpu")
IDS = [*"0123"]


def images(ignored: Sequence[int] = ()) -> list[WholeImage]:
    """Four images; the masks of those in `ignored` hold nothing else."""
    found = [WholeImage(str(k), noise(k), noise(k + 9)[:, :, 0] % 3) for k in range(4)]
    for number in ignored:
        found[number].mask[:] = 255
    return found


def scorer(whole: Sequence[WholeImage], predicted: list[str] | None = None) -> validate.Scorer:
    """Scores by a small model; `predicted` is told each id."""

    def read(ids: Sequence[str]) -> Iterable[WholeImage]:
        for image in whole:
            if image.id in ids:
                if predicted is not None:
                    predicted.append(image.id)
                yield image

    return validate.scorer(small()[0], read, 3, LOSS, PARAMS.infer, 0, CPU)


def validated(whole: Sequence[WholeImage]) -> loop.Record:
    return validate.validator(ValidationPlan([each.id for each in whole], (), 1), scorer(whole), INFO)(run(), {})


def test_images_that_are_ignored_wholly_change_nothing() -> None:
    whole = images(ignored=(0, 2))
    found = validated(whole)
    assert found == validated([whole[1], whole[3]])
    assert found["val_loss"] > 0.1


def test_without_such_images_the_loss_is_the_sum_by_the_number_to_the_last_digit() -> None:
    segmenter, card = small()
    losses = [each.losses["loss"] for each in score_images(segmenter, images(), 3, LOSS, card.infer, 0, CPU)]
    assert validated(images())["val_loss"] == sum(value for value in losses if value is not None) / 4


def test_a_validation_part_of_such_images_alone_has_no_number() -> None:
    assert validated(images(ignored=range(4))) == {}


def test_an_image_with_one_pixel_counts() -> None:
    whole = images(ignored=(0, 1, 2, 3))
    whole[2].mask[5, 6] = 1
    found = validated(whole)
    assert np.isfinite([*found.values()]).all()
    assert found["val_pixel_accuracy"] in (0.0, 1.0)


def renamed(record: loop.Record) -> loop.Record:
    return {name.replace("val_", "subset_"): value for name, value in record.items()}


def fitted(plan: ValidationPlan, epochs: int, **parts: object) -> tuple[loop.Run, loop.Best, list[str]]:
    """A training that is validated by the plan, its best epoch, and the images that were predicted."""
    predicted: list[str] = []
    validate_by = validate.validator(plan, scorer(images(), predicted), INFO)
    training = run(epochs=epochs, **{"validate": validate_by, "score": monitored_score.of_whole("dice")} | parts)
    return training, loop.fit(training), predicted


def kinds(training: loop.Run) -> list[str]:
    """Of each epoch: `w` where the whole part was validated, `s` the subset, both, or nothing."""
    names = [{name.split("_")[0] for name in record} for record in training.progress.history]
    return [("w" if "val" in each else "") + ("s" if "subset" in each else "") for each in names]


def test_an_epoch_that_is_not_validated_has_no_number_and_predicts_nothing() -> None:
    training, best, predicted = fitted(ValidationPlan(IDS, (), 2), 3)
    assert kinds(training) == ["", "w", "w"]
    assert predicted == IDS + IDS
    assert best.epoch == 1
    assert list(training.progress.history[0]) == ["epoch", "lr", "train_loss", "train_loss_dice", "train_loss_cross_entropy"]


def test_the_subset_has_its_own_numbers_in_each_validated_epoch_and_no_image_is_predicted_twice() -> None:
    training, best, predicted = fitted(ValidationPlan(IDS, ["1", "3"], 1), 2)
    assert kinds(training) == ["s", "ws"]
    assert predicted == ["1", "3", *IDS]
    first, last = training.progress.history
    assert best.epoch == 1, "the first was not validated on the whole part"
    # The model of these tests learns nothing meanwhile, so both epochs find the same.
    assert {name: value for name, value in first.items() if "subset" in name} == renamed(validated(images()[1::2]))
    assert {name: value for name, value in last.items() if "val" in name} == validated(images())
    assert {name: value for name, value in last.items() if "subset" in name}.items() <= first.items()


@pytest.mark.parametrize("plan", [ValidationPlan(IDS, ["1", "3"], 1), ValidationPlan(IDS, (), 3)], ids=["subset", "every third"])
def test_the_epoch_in_which_a_training_stops_is_validated_on_the_whole_part(plan: ValidationPlan) -> None:
    training, best, _ = fitted(plan, 9, stop=lambda history: len(history) == 2)
    assert [kind.replace("s", "") for kind in kinds(training)] == ["", "w"]
    assert best.epoch == 1
    assert best.score == training.progress.history[1]["val_dice"]


def test_a_longer_training_goes_on_from_what_was_validated_before() -> None:
    """Its last tenth is another, and the epoch that was the last stays one that may be the best."""
    training, best, _ = fitted(ValidationPlan(IDS, ["1"], 1), 2)
    longer = dataclasses.replace(training, epochs=4)
    assert loop.fit(longer).epoch == best.epoch == 1, "all are equally good, so the first stays the best"
    assert kinds(longer) == ["s", "ws", "s", "ws"]

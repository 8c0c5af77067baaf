"""The monitored score of an epoch's record."""

import math

import pytest

from segpipe.errors import PipelineError
from segpipe.training import monitored_score


def test_by_hand() -> None:
    assert monitored_score.of_whole("dice")({"val_dice": 0.7, "val_loss": 2.0}) == 0.7
    assert monitored_score.of_whole("loss")({"val_dice": 0.7, "val_loss": 2.0}) == -2.0
    assert monitored_score.of_subset("loss")({"val_loss": 1.0, "subset_loss": 2.0}) == -2.0
    assert monitored_score.latest({"epoch": 3}) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_as_bad_as_can_be(value: float) -> None:
    assert monitored_score.of_whole("loss")({"val_loss": value}) == -math.inf
    assert monitored_score.of_subset("dice")({"subset_dice": value}) == -math.inf


def test_an_epoch_that_was_not_validated_has_none() -> None:
    assert monitored_score.of_whole("dice")({"epoch": 1, "subset_dice": 0.5}) is None
    assert monitored_score.of_subset("dice")({"epoch": 1}) is None


def test_a_validation_part_without_the_number_is_an_error_and_a_subset_without_it_is_not() -> None:
    with pytest.raises(PipelineError, match=r"train\.monitor: the validation part has no dice, since it holds no object"):
        monitored_score.of_whole("dice")({"val_loss": 1.0})
    assert monitored_score.of_subset("dice")({"subset_loss": 1.0}) is None

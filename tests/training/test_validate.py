"""The validation's record: means over the images that have a pixel to be right or wrong about, to the last digit."""

from collections.abc import Sequence

import numpy as np
import torch

from segpipe.dataset.loader import WholeImage
from segpipe.inference.scoring import score_images
from segpipe.losses.table import Classes, build
from segpipe.record import DatasetInfo
from segpipe.training.loop import Record
from segpipe.training.validate import validator
from tests.dataset.packs import noise
from tests.inference.cards import PARAMS, small

INFO = DatasetInfo(("background", "a", "b"), True, 3, 8, 4)
LOSS = build(PARAMS.loss, Classes(True))
CPU = torch.device("cpu")


def images(ignored: Sequence[int] = ()) -> list[WholeImage]:
    """Four images; the masks of those in `ignored` hold nothing else."""
    found = [WholeImage(str(k), noise(k), noise(k + 9)[:, :, 0] % 3) for k in range(4)]
    for number in ignored:
        found[number].mask[:] = 255
    return found


def validated(whole: Sequence[WholeImage]) -> Record:
    return validator(small()[0], whole, INFO, LOSS, PARAMS.infer, 0, CPU)()


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

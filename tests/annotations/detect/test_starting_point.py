"""A start that suits the data: each value by hand for small, large, deep, few and many images."""

from typing import Any

import pytest

from segpipe.annotations.detect.starting_point import Machine, suggest_groups, suggest_training
from segpipe.annotations.examination.result import Examination
from tests.annotations.records import record

LAPTOP, CARD = Machine(False, 8 * 2**30), Machine(True, 24 * 2**30)


def advised(
    machine: Machine = LAPTOP,
    n_images: int = 100,
    classes: tuple[str, ...] = ("background", "cat"),
    pixels: tuple[int, ...] = (70, 30),
    **keys: Any,
) -> dict[str, Any]:
    sides = {"width": 10, "height": 10} | keys
    records = tuple(record(f"{number:05}", pixels, **sides) for number in range(n_images))
    return {each.key: each.value for each in suggest_training(Examination(records, classes, ()), machine, 16, 16)}


@pytest.mark.parametrize(
    ("size", "machine", "crop"),
    [
        ((480, 360), LAPTOP, 256),
        ((480, 360), CARD, 352),
        ((4000, 3000), CARD, 512),
        ((100, 90), LAPTOP, 80),
        ((9, 9), LAPTOP, 16),
    ],
)
def test_the_crop_fits_the_images_the_stride_and_the_machine(size: tuple[int, int], machine: Machine, crop: int) -> None:
    assert advised(machine, width=size[0], height=size[1])["input.crop"] == crop


@pytest.mark.parametrize(
    ("sides", "crop"),
    [
        ([20, 20, *[500] * 8], 256),  # two thumbnails of ten
        ([8, 300, 300], 256),
        ([30] * 3 + [200] * 7, 192),
        ([40] * 6 + [500] * 4, 64),  # most are small: the floor
        ([40] * 10, 32),  # none holds the floor
        ([48, 700], 64),
    ],
)
def test_a_few_small_images_do_not_decide_the_crop(sides: list[int], crop: int) -> None:
    records = tuple(record(f"{number:05}", width=side + 7, height=side) for number, side in enumerate(sides))
    told = suggest_training(Examination(records, ("background", "cat"), ()), LAPTOP, 16, 16)[0]
    assert (told.key, told.value) == ("input.crop", crop)
    small = sum(side < crop for side in sides)
    assert told.reason.startswith(
        f"{small} of {len(sides)} images are smaller" if small else f"shorter sides are {min(sides)} or"
    )


def test_the_batch_fits_the_memory_and_leaves_several_an_epoch() -> None:
    assert advised(n_images=1000, width=480, height=360)["train.batch_size"] == 8
    assert advised(n_images=1000, width=128, height=128)["train.batch_size"] == 16
    assert advised(n_images=20, width=128, height=128)["train.batch_size"] == 2
    assert advised(CARD, n_images=1000, width=480, height=360)["train.batch_size"] == 16


def test_few_images_are_seen_more_often() -> None:
    assert advised(n_images=20)["train.epochs"] > 200
    assert advised(n_images=20000)["train.epochs"] == 10


def test_deep_images_are_measurements() -> None:
    deep = advised(bits=16)
    assert (deep["input.normalise"], deep["augment.preset"]) == ("percentile", "medical")
    assert advised()["input.normalise"] == "dataset"
    assert advised(channels=5)["augment.preset"] == "medical"


def test_rare_objects_are_sought_and_few_images_varied() -> None:
    assert advised(n_images=600, pixels=(9995, 5), width=100, height=100)["augment.preset"] == "crop"
    assert advised(n_images=100)["augment.preset"] == "standard"
    assert advised(n_images=600)["augment.preset"] == "light"


def test_groups_in_names_are_suggested() -> None:
    ids = [f"patient{patient:02}_slice{number}" for patient in range(4) for number in range(5)]
    found = suggest_groups(ids)
    assert [each.key for each in found] == ["split.group", "split.group_pattern"]
    assert found[0].reason == "4 groups in the names, such as patient00"
    assert suggest_groups([f"{number:05}" for number in range(20)]) == []


def test_without_a_background_all_classes_count() -> None:
    assert advised(classes=("sky", "road"))["train.monitor"] == "miou"
    assert advised()["train.monitor"] == "dice"

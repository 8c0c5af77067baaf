"""A start that suits the data: each value by hand for small, large, deep, few and many images."""

from typing import Any

import pytest

from segpipe.annotations.detect.object_sizes import ObjectSize
from segpipe.annotations.detect.starting_point import MODEL, STRIDE, Machine, suggest_augment, suggest_groups, suggest_training
from segpipe.annotations.examination.result import Examination
from segpipe.dataset.presets import PRESETS
from segpipe.params.architectures import ARCHITECTURES
from tests.annotations.records import record

LAPTOP, CARD = Machine(False, 8 * 2**30), Machine(True, 24 * 2**30)


def advised(
    machine: Machine = LAPTOP,
    n_images: int = 100,
    classes: tuple[str, ...] = ("background", "cat"),
    pixels: tuple[int, ...] = (70, 30),
    sizes: dict[int, ObjectSize] | None = None,
    **keys: Any,
) -> dict[str, Any]:
    sides = {"width": 10, "height": 10} | keys
    records = tuple(record(f"{number:05}", pixels, **sides) for number in range(n_images))
    return {each.key: each.value for each in suggest_training(Examination(records, classes, ()), machine, sizes or {})}


@pytest.mark.parametrize(
    ("size", "machine", "crop"),
    [
        ((480, 360), LAPTOP, 192),
        ((480, 360), CARD, 352),
        ((4000, 3000), CARD, 512),
        ((100, 90), LAPTOP, 64),
        ((9, 9), LAPTOP, 32),
    ],
)
def test_the_crop_fits_the_images_the_stride_and_the_machine(size: tuple[int, int], machine: Machine, crop: int) -> None:
    assert advised(machine, width=size[0], height=size[1])["input.crop"] == crop


@pytest.mark.parametrize(
    ("sides", "machine", "scale", "crop"),
    [
        ([128] * 9, LAPTOP, 2, 96),  # half of the largest crop
        ([128] * 9, CARD, 2, 128),
        ([64] * 9, LAPTOP, 2, 64),
        ([144] * 9, LAPTOP, 2, 96),
        ([145] * 9, LAPTOP, 1, 128),
        ([128, 128, 128, *[600] * 6], LAPTOP, 1, 192),  # a third may be smaller
        ([*[128] * 4, *[600] * 5], LAPTOP, 2, 96),
    ],
)
def test_small_images_are_enlarged(sides: list[int], machine: Machine, scale: int, crop: int) -> None:
    records = tuple(record(f"{number:05}", width=side + 7, height=side) for number, side in enumerate(sides))
    advice = suggest_training(Examination(records, ("background", "cat"), ()), machine, {})
    found = {each.key: each.value for each in advice}
    assert (found["model.input_scale"], found["input.crop"]) == (scale, crop)


@pytest.mark.parametrize(
    ("sides", "crop"),
    [
        ([20, 20, *[500] * 8], 192),  # two thumbnails of ten
        ([8, 300, 300], 192),
        ([30] * 3 + [200] * 7, 192),
        ([40] * 6 + [500] * 4, 64),  # most are small: the floor
        ([40] * 10, 32),  # none holds the floor
        ([48, 700], 64),
    ],
)
def test_a_few_small_images_do_not_decide_the_crop(sides: list[int], crop: int) -> None:
    records = tuple(record(f"{number:05}", width=side + 7, height=side) for number, side in enumerate(sides))
    advice = suggest_training(Examination(records, ("background", "cat"), ()), LAPTOP, {})
    told = next(each for each in advice if each.key == "input.crop")
    assert told.value == crop
    small = sum(side < crop for side in sides)
    assert told.reason.startswith(
        f"{small} of {len(sides)} images are smaller" if small else f"shorter sides are {min(sides)} or"
    )


@pytest.mark.parametrize(
    ("size", "objects", "long_side"),
    [
        ((4000, 3000), ObjectSize(400, 600), 640),  # objects of 600 pixels fill half of a crop of 192
        ((4000, 3000), ObjectSize(500, 4000), 512),  # a facade: the shorter side keeps two crops
        ((4000, 3000), ObjectSize(8, 2000), 2016),  # cracks: 4 pixels are left of 8
        ((4000, 3000), ObjectSize(4, 2000), 0),  # thin lines are not shrunk
        ((1000, 1000), ObjectSize(30, 100), 0),  # small objects are not shrunk
        ((480, 360), ObjectSize(100, 400), 0),  # nor are small images
        ((512, 512), ObjectSize(14, 512), 0),  # nor what would lose a quarter only
    ],
)
def test_images_are_shrunk_as_far_as_their_objects_allow(size: tuple[int, int], objects: ObjectSize, long_side: int) -> None:
    assert advised(width=size[0], height=size[1], sizes={1: objects})["input.long_side"] == long_side


def test_crops_are_multiples_of_the_models_own_stride() -> None:
    assert advised()["model.name"] == MODEL
    assert ARCHITECTURES[MODEL].stride == STRIDE


def test_the_thinnest_class_decides_how_far() -> None:
    sizes = {1: ObjectSize(400, 600), 2: ObjectSize(16, 3000)}
    names = ("background", "car", "wire")
    found = advised(classes=names, pixels=(60, 30, 10), width=4000, height=3000, sizes=sizes)
    assert (found["input.long_side"], found["input.crop"]) == (1024, 192)


def test_the_batch_fits_the_memory_and_leaves_several_an_epoch() -> None:
    assert advised(n_images=1000, width=480, height=360)["train.batch_size"] == 8
    assert advised(Machine(False, 2**31), n_images=1000, width=480, height=360)["train.batch_size"] == 2
    assert advised(n_images=20, width=128, height=128)["train.batch_size"] == 4
    # Enlarged images take four times the memory: crops of 96, of which the network sees 192.
    assert advised(Machine(False, 2**31), n_images=1000, width=128, height=128)["train.batch_size"] == 2
    assert advised(CARD, n_images=1000, width=480, height=360)["train.batch_size"] == 16


def test_few_images_are_seen_more_often() -> None:
    assert advised(n_images=20)["train.epochs"] > 200


@pytest.mark.parametrize(
    ("n_images", "machine", "epochs", "steps"),
    [
        (20000, CARD, 10, 0),
        # Of 0.64 of them 8 a batch: 150 and 151 steps a pass.
        (1875, LAPTOP, 10, 0),
        (1877, LAPTOP, 10, 150),
        (20000, LAPTOP, 10, 150),
    ],
)
def test_a_first_training_of_many_images_ends_without_a_gpu_too(n_images: int, machine: Machine, epochs: int, steps: int) -> None:
    found = advised(machine, n_images=n_images)
    assert (found["train.epochs"], found["train.steps_per_epoch"]) == (epochs, steps)
    whole = suggest_training(Examination((record("a"),) * n_images, ("background", "cat"), ()), machine, {}, whole_passes=True)
    assert {each.key: each.value for each in whole}["train.steps_per_epoch"] == 0


def test_deep_images_are_measurements() -> None:
    deep = advised(bits=16)
    assert (deep["input.normalise"], deep["augment.preset"]) == ("percentile", "medical")
    assert advised()["input.normalise"] == "centred"
    assert advised(channels=5)["input.normalise"] == "dataset"
    assert advised(channels=5)["augment.preset"] == "medical"


def test_rare_objects_are_sought() -> None:
    assert advised(n_images=200, pixels=(9995, 5), width=100, height=100)["augment.preset"] == "crop"
    assert advised(n_images=6000, pixels=(9995, 5), width=100, height=100)["augment.preset"] == "light_crop"
    # Without a background there is something in every crop.
    found = advised(n_images=6000, classes=("sky", "pole"), pixels=(9995, 5), width=100, height=100)
    assert found["augment.preset"] == "light"


@pytest.mark.parametrize(
    ("n_images", "passes", "long_side", "preset"),
    [
        (63, 159, 0, "light"),  # 252 crops, and a pass shows a quarter of an image: 39.75 views
        (63, 160, 0, "standard"),
        (62, 10, 0, "standard"),  # 248 crops
        (250, 39, 192, "light"),  # a crop shows the whole shrunk image
        (250, 40, 192, "standard"),
        (249, 10, 192, "standard"),
        (250, 39, 96, "light"),  # which no crop shows more than once
        (250, 40, 96, "standard"),
    ],
)
def test_many_crops_that_are_seen_seldom_are_changed_little(n_images: int, passes: int, long_side: int, preset: str) -> None:
    records = tuple(record(str(number), width=384, height=384) for number in range(n_images))
    advice = suggest_augment(Examination(records, ("sky", "road"), ()), passes, 192, long_side)
    assert (advice.key, advice.value) == ("augment.preset", preset)


def test_a_first_training_without_a_budget_changes_many_images_little() -> None:
    assert advised(n_images=200)["augment.preset"] == "standard"
    assert advised(n_images=600)["augment.preset"] == "light"


def test_rare_classes_weigh_more_where_every_pixel_has_a_class() -> None:
    assert advised()["loss.class_weights"] == "none"
    assert advised(classes=("background", "car", "wire"), pixels=(60, 30, 10))["loss.class_weights"] == "none"
    assert advised(classes=("sky", "road"))["loss.class_weights"] == "log"


def test_groups_in_names_are_suggested() -> None:
    ids = [f"patient{patient:02}_slice{number}" for patient in range(4) for number in range(5)]
    found = suggest_groups(ids)
    assert [each.key for each in found] == ["split.group", "split.group_pattern"]
    assert found[0].reason == "4 groups in the names, such as patient00"
    assert suggest_groups([f"{number:05}" for number in range(20)]) == []


def test_without_a_background_all_classes_count() -> None:
    assert advised(classes=("sky", "road"))["train.monitor"] == "miou"
    assert advised()["train.monitor"] == "dice"


@pytest.mark.parametrize("keys", [{}, {"bits": 16}, {"pixels": (999, 1)}, {"n_images": 9000, "width": 900, "height": 900}])
def test_predictions_are_mirrored_as_training_mirrors(keys: dict[str, Any]) -> None:
    found = advised(**keys)
    assert found["infer.flips"] == "horizontal"
    assert PRESETS[found["augment.preset"]]["flip_horizontal"] == 0.5

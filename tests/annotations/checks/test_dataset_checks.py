"""Warnings about the whole: each raised by the smallest data set that deserves it, none for a sound one."""

from typing import Any

import pytest

from segpipe.annotations.checks.dataset_checks import warnings_of
from segpipe.annotations.class_map import class_ids
from segpipe.record import Record
from tests.annotations.records import record

SIDE: dict[str, Any] = {"width": 40, "height": 40, "sums": (80000,), "squares": (9000000,)}
CLASSES = ("background", "cat", "dog")


def sound(n_images: int = 6, **keys: Any) -> list[Record]:
    return [record(str(number), (1000, 400, 200), ignored=0, **(SIDE | keys)) for number in range(n_images)]


def told(records: list[Record], classes: tuple[str, ...] = CLASSES) -> list[str]:
    found = warnings_of(records, classes)
    assert all(each.warning for each in found)
    return [f"{each.file}: {each.problem}" for each in found]


def test_nothing_is_said_of_a_sound_data_set() -> None:
    assert told(sound()) == []


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([*sound(5), record("x", (1000, 400, 0), ignored=200, **SIDE)], None),
        ([*sound(4), record("x", (1000, 600, 0), ignored=0, **SIDE)], "class dog: it occurs in fewer than 5 images"),
        ([record(str(n), (1000, 600, 0), ignored=0, **SIDE) for n in range(5)], "class dog: it occurs in no image"),
        (
            [record(str(n), (1000, 599, 1), ignored=0, **SIDE) for n in range(5)],
            "class dog: it covers less than a 1000th of the pixels",
        ),
        ([*sound(), record("x", (0, 0, 0), ignored=1600, **SIDE)], "x.png: every pixel of it is ignored, so it teaches nothing"),
        (
            [*sound(), record("x", (1000, 400, 200), ignored=0, **(SIDE | {"squares": (4000000,)}))],
            "x.png: an image of one single value",
        ),
        (sound() + sound(1, width=31), "0.png: an image with a side below 32 pixels"),
    ],
)
def test_each_warning(records: list[Record], sentence: str | None) -> None:
    found = told(records)
    assert sentence in found if sentence else found == []


def test_nothing_is_said_of_classes_where_no_file_was_sound() -> None:
    assert warnings_of([], ["background", "cat"]) == []


def test_a_first_class_that_is_called_void_is_named_until_it_is_mapped() -> None:
    what = 'class void: the first class: its name means "no class", and yet it counts as a class of objects'
    assert told(sound(), ("void", "cat", "dog")) == [what]
    assert told(sound(), class_ids(("void", "cat", "dog"), {"void": "background"}).classes) == []
    assert told(sound(), class_ids(("background", "void", "cat"), {}).classes) == [], "no first class"


def test_empty_images_are_named_where_they_are_the_most() -> None:
    empty = [record(f"e{number}", (1600, 0, 0), ignored=0, **SIDE) for number in range(7)]
    assert told(sound(6) + empty[:5]) == []
    assert [line for line in told(sound(6) + empty) if "no object" in line] == [
        f"e{number}.png: no object in it, as in most images here" for number in range(7)
    ]


def test_the_same_picture_with_another_annotation_is_named() -> None:
    same = [*sound(6), record("x", (1000, 400, 200), ignored=0, image_sha256="image of 0", mask_sha256="mask of 0", **SIDE)]
    assert told(same) == []
    other = [*sound(6), record("x", (1000, 400, 200), ignored=0, image_sha256="image of 0", **SIDE)]
    assert told(other) == [f"{name}.png: the same picture as another, with another annotation" for name in ("0", "x")]

"""Whether a model belongs to the data that lies here, and what is said where it does not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segpipe.errors import PipelineError
from segpipe.models import origin
from segpipe.record import DatasetInfo
from tests.inference.cards import small

MODEL = Path("models/fold0/model.safetensors")
CARD = small()[1]
INFO = DatasetInfo(CARD.classes, True, 3, 8, 10)
DATA, FOLDS = "d" * 64, "f" * 64


@pytest.mark.parametrize(
    ("channels", "bits", "words"),
    [(1, 8, "gray 8-bit"), (1, 16, "gray 16-bit"), (3, 8, "RGB 8-bit"), (2, 8, "2-channel 8-bit"), (5, 16, "5-channel 16-bit")],
)
def test_kinds_of_images_in_words(channels: int, bits: int, words: str) -> None:
    assert origin.image_kind(channels, bits) == words


@pytest.mark.parametrize(
    ("here", "words"),
    [
        ({}, []),
        ({"n_images": 99}, []),
        (
            {"classes": ("background", "class 1", "cat")},
            ["the classes background, class 1, class 2 there, background, class 1, cat here"],
        ),
        # The same names are other classes in another order.
        (
            {"classes": ("background", "class 2", "class 1")},
            ["the classes background, class 1, class 2 there, background, class 2, class 1 here"],
        ),
        ({"has_background": False}, ["background is background there, an object here"]),
        ({"channels": 1, "bits": 16}, ["RGB 8-bit images there, gray 16-bit ones here"]),
        (
            {"classes": ("a", "b"), "channels": 5},
            ["the classes background, class 1, class 2 there, a, b here", "RGB 8-bit images there, 5-channel 8-bit ones here"],
        ),
    ],
)
def test_what_differs_is_told_with_both(here: dict[str, Any], words: list[str]) -> None:
    assert origin.differences(CARD, replace(INFO, **here)) == words


def test_of_many_classes_the_first_that_differs_is_told() -> None:
    names = tuple(f"c{number}" for number in range(21))
    card = replace(CARD, classes=names)
    other = replace(INFO, classes=(*names[:14], "horse", *names[15:]))
    assert origin.differences(card, other) == ["21 classes there, 21 here, of which number 14 is c14 there, horse here"]
    fewer = replace(INFO, classes=names[:20])
    assert origin.differences(card, fewer) == ["21 classes there, 20 here, of which number 20 is c20 there, missing here"]


def required(training: dict[str, str], fold: int = 0, **info: Any) -> None:
    card = replace(CARD, training=CARD.training | training)
    origin.require_same_data(MODEL, card, replace(INFO, **info), DATA, FOLDS, fold)


@pytest.mark.parametrize("training", [{"data": DATA, "folds": FOLDS}, {}])
def test_its_own_data_and_a_card_of_an_older_version_are_let_through(training: dict[str, str]) -> None:
    required(training)


@pytest.mark.parametrize(
    ("training", "fold", "info", "reason"),
    [
        (
            {"data": DATA, "folds": FOLDS},
            0,
            {"classes": ("x", "y", "z")},
            "the classes background, class 1, class 2 there, x, y, z here",
        ),
        ({"data": "0" * 64}, 0, {}, "data of the hash 000000000000 there, dddddddddddd here, of the same classes"),
        ({"data": DATA, "folds": "0" * 64}, 0, {}, "folds of the hash 000000000000 there, ffffffffffff here"),
        ({"data": DATA, "folds": FOLDS}, 3, {}, "fold 0 there, fold 3 here, whose images it may have been trained on"),
    ],
)
def test_another_origin_is_refused_with_the_remedy(
    training: dict[str, str], fold: int, info: dict[str, Any], reason: str
) -> None:
    with pytest.raises(PipelineError) as caught:
        required(training, fold, **info)
    assert str(caught.value) == (
        f"{MODEL} was trained on something else than lies in data/prepared and data/folds: {reason}. Run `dvc repro train`."
    )

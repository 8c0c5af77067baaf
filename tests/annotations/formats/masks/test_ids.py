"""From codes to class ids: ids, binary and codes, what is ignored, merged or dropped, and masks of another size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.formats.masks import ids as mask_ids
from segpipe.annotations.formats.masks.codes import CodedMask
from segpipe.annotations.items import Item, ParsedAnnotation
from segpipe.errors import PipelineError
from segpipe.storage.byte_source import FileRange
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import BLUE, RED, photo, save

CLASSES = ("background", "cat", "dog")
IDS = [[0, 1, 2], [2, 1, 0]]


def coding(class_map: dict[str, str] | None = None, **keys: Any) -> mask_ids.Coding:
    data = data_params(Path(), "masks", **({"classes": CLASSES} | keys))
    return mask_ids.coding_of(data.masks, class_ids(data.masks.classes, class_map or {}))


def read(path: Path, pixels: Any, dtype: Any = np.uint8, size: tuple[int, int] = (3, 2), **keys: Any) -> ParsedAnnotation:
    save(path / "m.png", pixels, dtype)
    item = Item("a", "images/a.jpg", FileRange(path / "a.jpg"), FileRange(path / "m.png"), annotation_name="masks/a.png")
    return mask_ids.read(item, *size, coding(**keys))


def rows(annotated: ParsedAnnotation) -> list[list[int]]:
    assert annotated.mask is not None
    assert annotated.mask.dtype == np.uint8
    return annotated.mask.tolist()


def test_without_an_annotation_all_is_background(tmp_path: Path) -> None:
    item = Item("a", "a.jpg", FileRange(tmp_path / "a.jpg"), None)
    assert rows(mask_ids.read(item, 3, 2, coding())) == [[0, 0, 0], [0, 0, 0]]


def test_the_ignored_value_becomes_255(tmp_path: Path) -> None:
    expected = [[0, 1, 255], [2, 255, 0]]
    assert rows(read(tmp_path, [[0, 1, 255], [2, 255, 0]])) == expected
    assert rows(read(tmp_path, [[0, 1, 3], [2, 3, 0]], ignore_index=3)) == expected
    assert rows(read(tmp_path, [[0, 1, 65535], [2, 65535, 0]], np.uint16, ignore_index=65535)) == expected
    assert rows(read(tmp_path, IDS, ignore_index=2)) == [[0, 1, 255], [255, 1, 0]], "even where a class has the number"
    assert rows(read(tmp_path, IDS, ignore_index=-1)) == IDS


def test_255_may_be_a_class(tmp_path: Path) -> None:
    keys = {"values": "codes", "codes": [0, 255, 300]}
    assert rows(read(tmp_path, [[0, 255, 300], [65535, 0, 0]], np.uint16, ignore_index=65535, **keys)) == [[0, 1, 2], [255, 0, 0]]
    assert rows(read(tmp_path, [[0, 255, 300], [0, 0, 0]], np.uint16, ignore_index=-1, **keys)) == [[0, 1, 2], [0, 0, 0]]
    assert rows(read(tmp_path, [[0, 255, 0]], size=(3, 1), **keys)) == [[0, 1, 0]], "a listed value is no ignored one"


def test_a_value_that_is_no_class_leaves_no_mask(tmp_path: Path) -> None:
    annotated = read(tmp_path, [[0, 257, 0], [0, 511, 7]], np.uint16)
    assert (annotated.mask, annotated.values, annotated.problems) == (None, ("0", "257", "511", "7"), ())
    assert read(tmp_path, [[RED, BLUE, RED]], size=(3, 1)).values == ("0 0 255", "255 0 0")


@pytest.mark.parametrize("one", [1, 2, 38, 255, 65535])
def test_binary_takes_any_other_value_for_the_object(tmp_path: Path, one: int) -> None:
    keys = {"values": "binary", "classes": ("background", "object")}
    assert rows(read(tmp_path, [[0, one, 0]], np.uint16, size=(3, 1), **keys)) == [[0, 1, 0]]
    assert rows(read(tmp_path, [[one, one, one]], np.uint16, size=(3, 1), **keys)) == [[1, 1, 1]]
    assert rows(read(tmp_path, [[0, 0, 0]], np.uint16, size=(3, 1), **keys)) == [[0, 0, 0]]


def test_binary_ignores_the_ignored_value_beside_another(tmp_path: Path) -> None:
    keys = {"values": "binary", "classes": ("background", "object")}
    assert rows(read(tmp_path, [[0, 1, 255]], size=(3, 1), **keys)) == [[0, 1, 255]]
    assert rows(read(tmp_path, [[0, 128, 255]], size=(3, 1), ignore_index=128, **keys)) == [[0, 255, 1]]
    assert read(tmp_path, [[0, 1, 2]], size=(3, 1), **keys).mask is None
    assert rows(read(tmp_path, [[(0, 0, 0), RED, RED]], size=(3, 1), **keys)) == [[0, 1, 1]]


def test_colours_are_looked_up(tmp_path: Path) -> None:
    keys = {"values": "codes", "codes": ["0 0 0", "255 0 0", "0,0,255"]}
    assert rows(read(tmp_path, [[RED, BLUE, (0, 0, 0)], [(255, 255, 255), RED, RED]], **keys)) == [[1, 2, 0], [255, 1, 1]]


def test_classes_are_merged_ignored_and_dropped(tmp_path: Path) -> None:
    assert rows(read(tmp_path, IDS, class_map={"dog": "cat"})) == [[0, 1, 1], [1, 1, 0]]
    assert rows(read(tmp_path, IDS, class_map={"dog": "__ignore__"})) == [[0, 1, 255], [255, 1, 0]]
    assert rows(read(tmp_path, IDS, class_map={"cat": "__drop__", "dog": "animal"})) == [[0, 0, 1], [1, 0, 0]]
    assert rows(read(tmp_path, IDS, classes=("background", "__ignore__", "dog"))) == [[0, 255, 1], [1, 255, 0]]


def test_nothing_can_be_dropped_without_a_background() -> None:
    with pytest.raises(PipelineError) as caught:
        coding({"cat": "__drop__"}, classes=("sky", "cat", "road"))
    assert str(caught.value) == (
        'data.class_map: "cat" cannot be left out, since none of the classes is background. '
        "Map it to another class or to __ignore__."
    )


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (
            (2, 3),
            "3 x 2 pixels, but the image has 2 x 3: it lies on its side. "
            "Turn it as the image is, or make it again from the image it belongs to.",
        ),
        ((4, 2), "3 x 2 pixels, but the image has 4 x 2. Make the mask again from the image it belongs to."),
        (
            (6, 4),
            "made at another resolution: 2 times smaller than its image. "
            "Resize it to its image by nearest neighbour, or take the images that it was made from.",
        ),
        ((6, 2), "3 x 2 pixels, but the image has 6 x 2. Make the mask again from the image it belongs to."),
        ((1, 1), "3 x 2 pixels, but the image has 1 x 1. Make the mask again from the image it belongs to."),
    ],
)
def test_a_mask_of_another_size_is_reported(tmp_path: Path, size: tuple[int, int], sentence: str) -> None:
    photo(tmp_path / "a.jpg", *size)
    annotated = read(tmp_path, IDS, size=size)
    assert annotated.mask is None
    assert list(map(str, annotated.problems)) == [f"masks/a.png: {sentence}"]
    assert annotated.values == ("0", "1", "2"), "what it holds is judged with the others all the same"


def test_a_mask_larger_than_its_image_is_reported(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, np.zeros((9, 6), np.uint8), size=(2, 3)).problems
    assert problem.problem == "made at another resolution: 3 times larger than its image"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_mask_drawn_before_the_photo_was_turned_is_reported(tmp_path: Path, orientation: int) -> None:
    photo(tmp_path / "a.jpg", 3, 2, orientation)
    shown = (2, 3) if orientation in (6, 8) else (3, 2)
    annotated = read(tmp_path, IDS, size=shown)
    if shown == (3, 2):
        assert rows(annotated) == IDS
        return
    assert list(map(str, annotated.problems)) == [
        "masks/a.png: drawn on the image before its EXIF mark turned it: width and height are swapped. "
        "Turn the mask as the image is shown, or take the mark off the image."
    ]
    assert rows(read(tmp_path, np.transpose(IDS), size=shown)) == np.transpose(IDS).tolist(), "drawn on the turned photo"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.sampled_from([-1, 1, 255, 300]))
def test_ids_are_what_a_plain_loop_makes_of_them(values: list[int], ignored: int) -> None:
    own = coding(ignore_index=ignored)
    expected = [255 if value == ignored else value if value < 3 else None for value in values]
    assert own.ids_of(values) == expected
    if None not in expected:
        coded = CodedMask(np.arange(len(values), dtype=np.uint8)[None], tuple(values), False)
        assert coded.mapped([number for number in own.ids_of(values) if number is not None]).tolist() == [expected]

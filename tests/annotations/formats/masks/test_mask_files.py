"""Several mask files of one image: how they are joined, and one sentence for each mistake."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations.formats.masks import mask_files
from segpipe.annotations.formats.masks import source as masks
from segpipe.annotations.formats.masks.ids import Coding
from segpipe.annotations.formats.masks.mask_files import MaskFile, MaskFiles, classes_present, merge_masks
from segpipe.annotations.items import AnnotationSummary, Item, ParsedAnnotation
from segpipe.errors import PipelineError
from segpipe.storage.byte_source import FileRange
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import save

NUMBERS = {"background": 0, "cat": 1, "dog": 2, "void": 255}
BINARY = Coding("binary", {0: 0, 1: 1}, 255)
IDS = Coding("ids", {0: 0, 1: 1, 2: 2}, 255)


def row(*values: int) -> np.ndarray:
    return np.asarray([values], np.uint8)


def item(root: Path, **files: Any) -> Item:
    """An item with a mask file of each name; `cat` and `cat_1` are of cat, `_` and `_1` of no class."""
    own = []
    for name, values in files.items():
        save(root / f"{name}.png", values)
        own.append(MaskFile(f"{name}.png", FileRange(root / f"{name}.png"), name.split("_")[0]))
    return Item("a", "a.jpg", FileRange(root / "a.jpg"), MaskFiles(tuple(own)), annotation_name="all of a")


def read(one: Item, coding: Coding = BINARY, overlap: str = "order", **numbers: int) -> ParsedAnnotation:
    return mask_files.read(one, 4, 1, coding, numbers or (NUMBERS if coding is BINARY else {}), overlap)


def told(annotated: ParsedAnnotation) -> list[str]:
    return [str(problem) for problem in annotated.problems]


def first_row(annotated: ParsedAnnotation) -> list[int]:
    assert annotated.mask is not None
    return annotated.mask[0].tolist()


def test_each_file_is_its_class_and_none_is_lost(tmp_path: Path) -> None:
    result = read(item(tmp_path, cat=row(255, 0, 0, 0), dog=row(0, 7, 0, 0)))
    assert (first_row(result), told(result)) == ([1, 2, 0, 0], [])
    assert result.values == ("cat: 0", "cat: 255", "dog: 0", "dog: 7")
    assert classes_present(result.values) == {"cat", "dog"}


def test_parts_of_a_class_are_joined(tmp_path: Path) -> None:
    result = read(item(tmp_path, cat=row(255, 0, 0, 0), cat_1=row(0, 0, 255, 0), cat_2=row(255, 0, 0, 255)))
    assert (first_row(result), told(result)) == ([1, 0, 1, 1], [])


def test_parts_without_class_keep_their_ids(tmp_path: Path) -> None:
    result = read(item(tmp_path, _=row(1, 0, 0, 0), _1=row(0, 2, 255, 0)), IDS)
    assert (first_row(result), told(result)) == ([1, 2, 255, 0], [])


def test_what_one_file_ignores_stays_ignored(tmp_path: Path) -> None:
    files = item(tmp_path, cat=row(1, 255, 255, 0), dog=row(0, 0, 1, 1), void=row(0, 0, 0, 9))
    assert first_row(read(files)) == first_row(read(files, overlap="smaller")) == [1, 255, 255, 255]


def test_files_of_background_and_empty_ones_change_nothing(tmp_path: Path) -> None:
    result = read(item(tmp_path, background=row(0, 1, 1, 1), cat=row(1, 0, 0, 0), dog=row(0, 0, 0, 0)))
    assert (first_row(result), classes_present(result.values)) == ([1, 0, 0, 0], {"cat"})


@pytest.mark.parametrize("order", [("cat", "dog"), ("dog", "cat")])
def test_the_later_class_or_the_smaller_wins_in_any_order_of_files(tmp_path: Path, order: tuple[str, str]) -> None:
    values = {"cat": row(1, 1, 0, 0), "dog": row(0, 1, 1, 1)}
    files = item(tmp_path, **{name: values[name] for name in order})
    later, smaller = read(files), read(files, overlap="smaller")
    assert (first_row(later), first_row(smaller)) == ([1, 2, 2, 2], [1, 1, 2, 2])
    assert told(later) == ["all of a: masks of several classes overlap. There the later of data.masks.classes wins."]
    assert told(smaller) == ["all of a: masks of several classes overlap. There the one of fewer pixels wins."]
    assert all(problem.warning for problem in (*later.problems, *smaller.problems))


def test_an_object_that_would_be_lost_wholly_is_an_error_that_the_line_mends(tmp_path: Path) -> None:
    files = item(tmp_path, cat=row(0, 1, 0, 0), dog=row(1, 1, 1, 0))
    (problem,) = read(files).problems
    assert str(problem) == (
        "all of a: the object of cat lies wholly under that of a later class. "
        "Let the smaller one win, or name the class later in data.masks.classes."
    )
    assert (problem.fixes[0].key, problem.fixes[0].value, problem.warning) == ("data.shapes.overlap", "smaller", False)
    assert first_row(read(files, overlap="smaller")) == [2, 1, 2, 0]


def test_two_classes_with_the_same_pixels_are_an_error_under_every_rule(tmp_path: Path) -> None:
    files = item(tmp_path, cat=row(0, 1, 1, 0), dog=row(0, 1, 1, 0))
    assert told(read(files, overlap="smaller")) == [
        "all of a: the object of cat has the same pixels as that of a later class. "
        "Correct one of the masks, or merge the classes in data.class_map."
    ]
    assert told(read(files, cat=1, dog=1)) == []


def test_what_is_ignored_away_is_no_overlap() -> None:
    assert merge_masks([row(1, 1, 0, 0), row(255, 255, 0, 2)], "order")[1] == {}
    assert merge_masks([row(1, 1, 0, 0), row(255, 2, 0, 2)], "order")[1] == {1: True}
    assert merge_masks([row(1, 1, 1, 0), row(255, 2, 0, 2)], "order")[1] == {1: False}


def test_a_mask_of_a_class_with_more_values_is_reported(tmp_path: Path) -> None:
    result = read(item(tmp_path, cat=row(0, 1, 2, 3), dog=row(0, 1, 0, 0)))
    assert result.mask is None
    assert told(result) == [
        "cat.png: more values than 0 and one other in a mask of one class: 0, 1, 2, 3. "
        "Save the pixels of the class as one value, or take the file away if it is no mask of a class."
    ]


def test_a_mask_of_another_size_is_told_by_its_own_name(tmp_path: Path) -> None:
    result = read(item(tmp_path, cat=row(0, 1, 0), dog=row(0, 1, 0, 0)))
    assert result.mask is None
    assert [sentence.split(":")[0] for sentence in told(result)] == ["cat.png"]


def test_a_mask_of_one_value_is_a_warning(tmp_path: Path) -> None:
    result = read(item(tmp_path, cat=row(255, 255, 255, 255)))
    assert first_row(result) == [1, 1, 1, 1]
    assert told(result) == ["cat.png: a mask with the value 255 in every pixel. Check that it is finished."]


def test_parts_in_black_and_white_must_agree_on_the_object(tmp_path: Path) -> None:
    result = mask_files.read(item(tmp_path, _=row(0, 255, 0, 0), _1=row(1, 0, 0, 0)), 4, 1, BINARY, {}, "order")
    assert told(result) == ["all of a: masks of one image whose objects have different values: 1, 255. Make them alike."]


def test_the_ignored_value_as_the_object_of_some_masks_of_a_class_is_reported(tmp_path: Path) -> None:
    seen = []
    for name, values in (("x", row(0, 1, 255, 0)), ("y", row(0, 255, 0, 0)), ("z", row(0, 0, 0, 0))):
        one = item(tmp_path / name, cat=values, dog=row(0, 0, 0, 255))
        seen.append(AnnotationSummary(one, read(one).values))
    (problem,) = mask_files.check_object_values(seen, BINARY)
    assert str(problem) == (
        "cat.png: the object is 1 in some masks of its class and 255, the ignored value, in others. Make them alike."
    )
    assert mask_files.check_object_values(seen[1:], BINARY) == []


def test_a_stray_pixel_in_a_mask_of_a_class_is_told_by_its_own_name(tmp_path: Path) -> None:
    """255 is the object of three masks; in the fourth 254 would be it, and all of 255 ignored."""
    values = {"a": row(0, 255, 255, 0), "b": row(0, 255, 0, 0), "c": row(255, 0, 0, 0), "d": row(0, 254, 255, 255)}
    seen = []
    for name, own in values.items():
        save(tmp_path / f"{name}_cat.png", own)
        layer = MaskFile(f"{name}_cat.png", FileRange(tmp_path / f"{name}_cat.png"), "cat")
        one = Item(name, f"{name}.jpg", FileRange(tmp_path / "x"), MaskFiles((layer,)), annotation_name=layer.name)
        seen.append(AnnotationSummary(one, read(one).values))
    assert [problem.file for problem in mask_files.check_object_values(seen, BINARY)] == ["d_cat.png"]


@pytest.mark.parametrize("colours", [[0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]])
def test_black_is_where_the_class_is_not_by_whatever_palette(tmp_path: Path, colours: list[int]) -> None:
    picture = Image.fromarray(row(0, 1, 1, 0) if colours[0] == 0 else row(1, 0, 0, 1))
    picture.putpalette(colours)
    save(tmp_path / "cat.png", picture)
    one = Item("a", "a.jpg", FileRange(tmp_path / "x"), MaskFiles((MaskFile("cat.png", FileRange(tmp_path / "cat.png"), "cat"),)))
    assert first_row(read(one)) == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            {"values": "ids"},
            "data.masks.values: is ids, but each mask is of one class, as data.masks.template or the list of pairs says: "
            "0 and another value. Set it to binary.",
        ),
        (
            {"classes": ("dog", "cat")},
            "data.masks.classes: they name no background, but each mask is of one class, so there must be one for where no mask "
            "has an object. Write background as the first.",
        ),
    ],
)
def test_keys_that_do_not_fit_masks_of_classes_are_refused(tmp_path: Path, keys: dict[str, Any], sentence: str) -> None:
    own = {"template": "{stem}_{class}", "values": "binary", "classes": ("background", "cat")} | keys
    with pytest.raises(PipelineError) as caught:
        masks.source(tmp_path, data_params(tmp_path, "masks", **own))
    assert str(caught.value) == sentence

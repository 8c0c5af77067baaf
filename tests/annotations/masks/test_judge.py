"""The cause that all masks together show: told once, for each mask concerned, and mended by the lines it names."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.items import Item, Seen
from segpipe.annotations.masks import ids as mask_ids
from segpipe.annotations.masks import judge as mask_judge
from segpipe.annotations.masks.codes import colour_code, told
from segpipe.errors import DataError
from segpipe.params import DataParams
from segpipe.place import Place
from tests.annotations.data_params import data_params
from tests.annotations.masks.folders import mended


def seen(*masks: str) -> list[Seen]:
    """A mask for each text of values, parted by commas."""
    place = Place(Path("x"))
    return [
        Seen(Item(f"{at}", f"{at}.jpg", place, place, annotation_name=f"{at}.png"), tuple(filter(None, values.split(","))))
        for at, values in enumerate(masks)
    ]


def judged(data: DataParams, masks: list[Seen]) -> list[DataError]:
    coding = mask_ids.coding_of(data.masks, class_ids(data.masks.classes, data.class_map))
    return mask_judge.judge(masks, coding, data.masks.classes)


def problems(*masks: str, **keys: Any) -> list[str]:
    return [str(problem) for problem in judged(data_params(Path(), "masks", **keys), seen(*masks)) if not problem.warning]


def test_sound_masks_and_images_without_any_are_no_problem() -> None:
    assert problems("0,1", "0", "", "1,255") == []
    assert problems("0,38", "38", values="binary") == []
    assert problems("0,255 0 0", values="codes", codes=["0 0 0", "255 0 0"]) == []
    assert problems() == []


def test_the_object_may_not_be_the_ignored_value_in_some_masks_alone() -> None:
    assert problems("0,1", "0,255", values="binary") == [
        "1.png: the object is 1 in some masks and 255, the ignored value, in others. Make them alike."
    ]


@pytest.mark.parametrize(
    ("masks", "files"),
    [
        (("0,1", "0,255", "0", "255"), ["1.png", "3.png"]),
        (("0,1", "0,1,255", "0,255"), []),
        (("0,1", "0"), []),
        (("0,255", "0,255"), []),
    ],
)
def test_255_beside_masks_of_an_object_alone_may_be_the_object(masks: tuple[str, ...], files: list[str]) -> None:
    found = judged(data_params(Path(), "masks"), seen(*masks))
    assert [problem.file for problem in found if problem.problem.startswith("255, the ignored value, and no object")] == files
    assert all(problem.warning for problem in found if problem.file in files)


def test_numbers_of_objects_are_told() -> None:
    many = ",".join(map(str, range(90)))
    assert problems(many) == [
        "0.png: 88 values that are no class: 2, 3, 4, 5, 6, 7, 8, 9 and 80 more. "
        "They look like numbers of single objects. Save each pixel as the number of its class."
    ]
    assert problems(many, values="binary") == [
        "0.png: more values than 0 and one other: 0, 1, 2, 3, 4, 5, 6, 7 and 82 more. Save the object's pixels as one value."
    ]


def test_many_colours_are_told() -> None:
    assert problems(",".join(f"{red} 0 1" for red in range(90))) == [
        "0.png: 90 colours and not class ids: 0 0 1, 1 0 1, 2 0 1, 3 0 1, 4 0 1, 5 0 1, 6 0 1, 7 0 1 and 82 more. "
        "These hardly are classes. Save each pixel as the number of its class."
    ]


def test_fewer_colours_than_classes_are_left_to_people() -> None:
    (problem,) = judged(data_params(Path(), "masks", classes=("a", "b", "c")), seen("0,255 0 0"))
    assert problem.fixes == ()
    assert "Say which class each colour is" in problem.remedy


@pytest.mark.parametrize(
    ("masks", "keys", "sentence"),
    [
        (("0,1",), {"ignore_index": 9}, "all masks: no pixel of 9, the ignored value. Check data.masks.ignore_index."),
        (("0,1", "1"), {}, "1.png: a mask with the value 1 in every pixel. Check that it is finished."),
    ],
)
def test_what_stops_nothing_is_a_warning(masks: tuple[str, ...], keys: dict[str, Any], sentence: str) -> None:
    (problem,) = judged(data_params(Path(), "masks", **keys), seen(*masks))
    assert (str(problem), problem.warning) == (sentence, True)


CODES = st.one_of(
    st.sampled_from([0, 1, 2, 3, 127, 128, 254, 255, 65535]),
    st.integers(0, 300),
    st.integers(0, 900).map(lambda low: colour_code(0, low >> 8, low & 255)),
)
MASKS = st.lists(st.sets(CODES, min_size=1, max_size=5), min_size=1, max_size=4)


@settings(deadline=None, max_examples=300)
@given(
    MASKS,
    st.sampled_from(["ids", "binary", "codes"]),
    st.integers(2, 5),
    st.sampled_from([-1, 0, 2, 255, 65535]),
)
def test_any_values_end_in_a_sentence_and_its_lines_mend(masks: list[set[int]], values: str, n_names: int, ignored: int) -> None:
    n_names = 2 if values == "binary" else n_names
    keys = {
        "values": values,
        "classes": [f"c{at}" for at in range(n_names)],
        "codes": list(range(n_names)),
        "ignore_index": ignored,
    }
    data = data_params(Path(), "masks", **keys)
    own = seen(*(",".join(told(code) for code in sorted(codes)) for codes in masks))
    coding = mask_ids.coding_of(data.masks, class_ids(data.masks.classes, {}))
    strange = {each.item.annotation_name for each, codes in zip(own, masks, strict=True) if coding.strange(sorted(codes))}
    for _ in range(4):
        errors = [problem for problem in judged(data, own) if not problem.warning]
        assert strange <= {problem.file for problem in errors}
        if not errors or not errors[0].fixes:
            return
        assert len({(problem.problem, problem.fixes) for problem in errors}) == 1, "one cause, told alike"
        data, strange = mended(data, errors[0].fixes), set()
    raise AssertionError("the lines do not come to an end")

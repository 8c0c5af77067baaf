"""The cause that all masks together show: told once, for each mask concerned, and mended by the lines it names."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.code_counts import CodeCounts
from segpipe.annotations.formats.masks import ids as mask_ids
from segpipe.annotations.formats.masks import value_checks as mask_judge
from segpipe.annotations.formats.masks.codes import colour_code, format_code, parse_code
from segpipe.annotations.items import AnnotationSummary, Item
from segpipe.errors import DataError
from segpipe.params.schema import DataParams
from segpipe.storage.byte_source import FileRange
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import mended


def seen(*masks: str) -> list[AnnotationSummary]:
    """A mask for each text of values, parted by commas, `7:50` for 50 pixels of 7; 100 pixels where nothing is said."""
    place = FileRange(Path("x"))
    return [
        AnnotationSummary(Item(f"{at}", f"{at}.jpg", place, place, annotation_name=f"{at}.png"), (), code_counts(values))
        for at, values in enumerate(masks)
    ]


def code_counts(values: str) -> CodeCounts | None:
    parts = [each.partition(":") for each in values.split(",") if each]
    codes, pixels = tuple(parse_code(code) for code, _, _ in parts), tuple(int(count or 100) for _, _, count in parts)
    return CodeCounts(codes, pixels) if codes else None


def judged(data: DataParams, masks: list[AnnotationSummary]) -> list[DataError]:
    coding = mask_ids.coding_of(data.masks, class_ids(data.masks.classes, data.class_map))
    return mask_judge.check_values(masks, coding, data.masks.classes, data.max_ignored)


def problems(*masks: str, **keys: Any) -> list[str]:
    return [str(problem) for problem in judged(data_params(Path(), "masks", **keys), seen(*masks)) if not problem.warning]


def test_sound_masks_and_images_without_any_are_no_problem() -> None:
    assert problems("0,1", "0", "", "1,255") == []
    assert problems("0,38", "38", values="binary") == []
    assert problems("0,255 0 0", values="codes", codes=["0 0 0", "255 0 0"]) == []
    assert problems() == []


def test_the_object_may_not_be_the_ignored_value_in_some_masks_alone() -> None:
    assert problems("0,1", "0,255", values="binary") == [
        "1.png: the object is 1 in some masks and 255, the ignored value, in others. "
        "If it is the object there too, set data.masks.ignore_index to -1."
    ]
    assert problems("0,1", "0,255", values="binary", ignore_index=-1) == []
    assert problems("0,1", "0,7", values="binary", ignore_index=-1) != []


@pytest.mark.parametrize(
    ("masks", "files"),
    [
        (("0,1", "0,255", "0", "255"), ["1.png"]),
        (("0,1", "0,1,255", "0,255"), ["2.png"]),
        (("0,1:1000", "0,1:5,255:46", "0,1:5,255:44"), ["1.png"]),
        (("0,1", "0", "255", "255"), []),
        (("0,1", "1,255:99"), []),
        (("1,2,255:201", "0"), ["all masks"]),
        (("0,1,255:101", "0,1", "0"), []),
    ],
)
def test_what_is_no_background_may_not_be_ignored_for_the_most_part(masks: tuple[str, ...], files: list[str]) -> None:
    found = judged(data_params(Path(), "masks", classes=("a", "b", "c")), seen(*masks))
    errors = [problem for problem in found if not problem.warning]
    assert [problem.file for problem in errors] == files
    assert all("255, the ignored value" in problem.problem for problem in errors)
    assert all(problem.remedy.endswith("if nobody looked there, set data.max_ignored to 1.0.") for problem in errors)
    willing = data_params(Path(), "masks", classes=("a", "b", "c"), max_ignored=1.0)
    assert [problem for problem in judged(willing, seen(*masks)) if not problem.warning] == []


def lines(*masks: str, **keys: Any) -> dict[str, Any]:
    """The lines that mend the one cause."""
    found = [problem for problem in judged(data_params(Path(), "masks", **keys), seen(*masks)) if not problem.warning]
    assert len({problem.fixes for problem in found}) == 1, found
    return {fix.key.removeprefix("data.masks."): fix.value for fix in found[0].fixes}


@pytest.mark.parametrize("values", ["ids", "binary"])
@pytest.mark.parametrize(
    ("masks", "stray", "codes"),
    [
        (["0,255:300"] * 9 + ["0,255:290,254:1"], 1, (0, 255, 254)),
        (["0,255:300"] * 9 + ["0,255:290,1:1"], 1, (0, 255, 1)),
        (["0,255:300", "0,200:1,255:300"] * 5, 5, (0, 255, 200)),
        (["0,255:300"] * 9 + ["0,1:1,7:2,200:1,255:290"], 1, (0, 255, 1, 7, 200)),
        (["0,128:300"] * 9 + ["0,129:9,128:300"], 1, (0, 128, 129)),
        (["0,255 0 0:300"] * 9 + ["0,255 0 0:300,254 0 0:1"], 1, ("0 0 0", "255 0 0", "254 0 0")),
    ],
)
def test_a_stray_pixel_decides_nothing(masks: list[str], stray: int, codes: tuple[int, ...], values: str) -> None:
    found = lines(*masks, values=values)
    ignored = ["__ignore__"] * (len(codes) - 2)
    assert found == {"values": "codes", "codes": codes, "classes": ("background", "object", *ignored)}
    assert len(problems(*masks, values=values)) == stray
    assert problems(*masks, **found) == []


def test_stray_pixels_are_named_with_their_files() -> None:
    assert problems("0,255:300", "0,255:300", "0,254:2,255:300") == [
        "2.png: 2 stray pixels in all of 254, where nearly all others are 0 and 255. "
        "Correct them to 0 or 255, or let them be ignored."
    ]


@pytest.mark.parametrize(
    "masks",
    [
        ["0,1:300"] * 9 + ["0,1:300,2:1"],  # ids: a rare class
        ["0,1:20,255:30"] * 9,  # rims around small objects
        ["0,255:300,100:300"] * 3,
    ],
)
def test_what_is_no_stray_pixel(masks: list[str]) -> None:
    assert not any("stray" in sentence for sentence in problems(*masks))


def test_many_pixels_of_another_value_are_no_slip_but_never_silent() -> None:
    assert problems(*["0,255:300"] * 5, *["0,1:30,255:300"] * 5) == [
        "all masks: 95 % of what is not the first class is 255, the ignored value. If 255 is an object there, set "
        "data.masks.values to binary and data.masks.ignore_index to -1; if nobody looked there, set data.max_ignored to 1.0."
    ]


def test_a_stray_pixel_beside_codes_is_ignored_and_no_class() -> None:
    masks = ["0,100:500,200:500"] * 20
    keys = {"values": "codes", "codes": (0, 100, 200), "classes": ("a", "b", "c")}
    assert lines(*masks, "0,100:900,57:1", **keys) == {
        "values": "codes",
        "codes": (0, 100, 200, 57),
        "classes": ("a", "b", "c", "__ignore__"),
    }
    assert lines(*["0,1:500,2:500"] * 20, "0,77:1", classes=("a", "b", "c")) == {
        "values": "codes",
        "codes": (0, 1, 2, 77),
        "classes": ("a", "b", "c", "__ignore__"),
    }
    assert lines(*["0,1:500,2:50"] * 20, "0,5:1", classes=("a", "b", "c"), ignore_index=2)["classes"] == (
        "a",
        "b",
        "__ignore__",
        "__ignore__",
    )
    red = {"values": "codes", "codes": ("0 0 0", "255 0 0")}
    assert lines(*["0,255 0 0:290"] * 9, "0,254 1 0:3,255 0 0:290", **red)["classes"] == ("background", "object", "__ignore__")
    more = lines(*masks, "0,57:300", **keys)
    assert more == {"codes": 57, "classes": "class_3"}, "so many pixels are a class that the list lacks"


def test_background_that_the_list_lacks_comes_before_its_names() -> None:
    assert lines("0,1,2", classes=("cat", "dog")) == {"classes": ("background", "cat", "dog")}
    assert lines("0,1,2", classes=("Background", "dog")) == {"classes": "class_2"}
    assert lines("0,1,2,3", classes=("cat", "dog"))["classes"] == "class_3"


def test_numbers_of_objects_are_reported() -> None:
    many = ",".join(map(str, range(90)))
    assert problems(many) == [
        "0.png: 88 values that are no class: 2, 3, 4, 5, 6, 7, 8, 9 and 80 more. "
        "They look like numbers of single objects. Save each pixel as the number of its class."
    ]
    assert problems(many, values="binary") == [
        "0.png: more values than 0 and one other: 0, 1, 2, 3, 4, 5, 6, 7 and 82 more. Save the object's pixels as one value."
    ]


def test_many_colours_are_reported() -> None:
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
    own = seen(*(",".join(format_code(code) for code in sorted(codes)) for codes in masks))
    coding = mask_ids.coding_of(data.masks, class_ids(data.masks.classes, {}))
    strange = {each.item.annotation_name for each, codes in zip(own, masks, strict=True) if coding.unknown(sorted(codes))}
    for _ in range(4):
        errors = [problem for problem in judged(data, own) if not problem.warning]
        assert strange <= {problem.file for problem in errors}
        if not errors or not errors[0].fixes:
            return
        assert len({(problem.problem, problem.fixes) for problem in errors}) == 1, "one cause, told alike"
        data, strange = mended(data, errors[0].fixes), set()
    raise AssertionError("the lines do not come to an end")

"""What init calls the classes that masks hold, and when it does not believe that they are classes."""

import pytest

from segpipe.annotations.class_names import Classes, NameList
from segpipe.annotations.detect.mask_classes import classes_from_codes
from segpipe.annotations.formats.masks.codes import parse_code
from segpipe.annotations.formats.masks.colour_table import ColourTable


def classes(*values: str, names: str = "", table: dict[str, str] | None = None) -> Classes:
    listed = NameList("classes.txt", tuple(names.split())) if names else None
    colours = ColourTable("label_colors.txt", {parse_code(code): name for code, name in table.items()}) if table else None
    return classes_from_codes(dict.fromkeys(values, 1), listed, colours)


def sentences(found: Classes) -> list[str]:
    return list(map(str, found.problems))


@pytest.mark.parametrize(
    ("values", "names", "expected", "how"),
    [
        ("0 1 2", "", "background class_1 class_2", "ids"),
        ("0 1 255", "", "background class_1", "ids"),
        ("0 1 2", "a b c", "a b c", "ids"),
        ("0 1 2", "a b void", "a b", "ids"),
        ("0 255", "", "background object", "binary"),
        ("0 255", "polyp", "background polyp", "binary"),
        ("0 255", "sound crack", "sound crack", "binary"),
        ("0 128", "", "background object", "binary"),
        ("0 1000", "", "background object", "binary"),
        ("0 2", "", "background class_1 class_2", "ids"),
        ("0 127 254", "", "background class_1 class_2", "codes"),
        ("0 127 254", "a b c", "a b c", "codes"),
        ("1 2", "", "class_1 class_2", "codes"),
        ("1 2 255", "a b", "a b", "codes"),
        ("1 2", "a b c", "a b c", "ids"),
        ("128 255 0", "", "background class_1 class_2", "codes"),
        ("0 100 200 255", "", "background class_1 class_2", "codes"),
    ],
)
def test_numbers(values: str, names: str, expected: str, how: str) -> None:
    found = classes(*values.split(), names=names)
    assert (found.names, found.values, found.problems) == (tuple(expected.split()), how, ())


def test_a_blank_line_in_the_list_is_told_whatever_the_masks_hold() -> None:
    listed = NameList("classes.txt", ("background", "cat", "dog"), blank=(2,))
    for values in ("0 1 2", "0 1 3", "0 127 254", "1 2 3"):
        found = classes_from_codes(dict.fromkeys(values.split(), 1), listed, None)
        assert sentences(found)[0].startswith("classes.txt: a blank line above other names (line 2)")


def test_colours_come_black_first_or_the_most_frequent() -> None:
    assert classes("255 0 0", "0", "0 255 0").codes == ("0 0 0", "0 255 0", "255 0 0")
    found = classes_from_codes({"255 0 0": 1, "0 0 255": 2, "1 2 3": 2}, None, None)
    assert found.codes == ("0 0 255", "1 2 3", "255 0 0")
    assert found.names == ("class_1", "class_2", "class_3")


def test_a_table_counts_more_than_a_list_for_colours_and_less_for_ids() -> None:
    table = {"255 0 0": "car", "0": "Void", "0 0 9": "sky"}
    found = classes("255 0 0", "0", table=table, names="a b")
    assert (found.names, found.codes, found.ignore_index) == (("car", "__ignore__", "sky"), ("255 0 0", "0 0 0", "0 0 9"), -1)
    assert classes("0", "1", table=table).names == ("car", "__ignore__", "sky")
    assert classes("0", "1", table=table, names="a b").names == ("a", "b")
    assert classes("0", "70", "200", table={"0": "x", "70": "y", "200": "z"}).codes == ("0 0 0", "70 70 70", "200 200 200")


def test_a_list_of_names_may_hold_their_colours() -> None:
    found = classes_from_codes({"255 0 0": 1, "0": 1}, NameList("own.txt", ("255 0 0 car", "0 0 0 sky")), None)
    assert (found.names, found.codes, found.origin) == (("car", "sky"), ("255 0 0", "0 0 0"), "own.txt")


def test_what_cannot_be_named_is_reported() -> None:
    assert sentences(classes("255 0 0", "0", "7 7 8", table={"255 0 0": "car", "0": "sky"})) == [
        "label_colors.txt: does not name the colours 7 7 8 of the masks. Add a line for each, or correct the masks."
    ]
    assert sentences(classes("255 0 0", "0", names="sky car")) == [
        "classes.txt: names 2 classes, but not the colours that stand for them: 0, 255 0 0. "
        "Write label_colors.txt beside it, a colour and a name a line, such as 64 128 64 animal."
    ]
    assert sentences(classes("255 0 0")) == ["all masks: only the colour 255 0 0 in them. Annotate objects."]
    assert classes("255 0 0", "0", names="sky car").values == "ids", "so that the masks are refused, not named anyhow"
    many = classes(*(f"{red} 0 1" for red in range(100)))
    assert sentences(many)[0].startswith("all masks: 100 colours in them, which hardly are classes: 0 0 1, 1 0 1, ")
    assert sentences(classes("0", "255", names="a b c"))[0].startswith("all masks: only the values 0 and 255 in them")
    assert len(classes(*map(str, range(200))).problems) == 1
    assert len(classes("0").problems) == len(classes().problems) == 1


def test_each_class_is_counted_by_its_value() -> None:
    files = {"0": 3, "255": 2, "255 0 0": 1}
    assert [Classes(("a", "b"), 255, "x").files_with(number, {"0": 3, "1": 2}) for number in (0, 1)] == [3, 2]
    assert [Classes(("a", "b"), 255, "x", values="binary").files_with(number, files) for number in (0, 1)] == [3, 2]
    coded = Classes(("a", "b", "c"), 255, "x", values="codes", codes=("0 0 0", "255 0 0", "255 255 255"))
    assert [coded.files_with(number, files) for number in (0, 1, 2)] == [3, 1, 2]

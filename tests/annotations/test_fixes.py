"""Lines for params.yaml: errors before warnings, lists that grow by all that is missing, no value twice."""

from segpipe.annotations.fixes import line, values_of
from segpipe.errors import DataError, Fix

CURRENT = {"data": {"labelme": {"classes": ["background", "cat"]}, "pages": "error"}}


def problem(fix: Fix | None, warning: bool = False) -> DataError:
    return DataError("a", "b", "c", fix, warning)


def test_a_value_is_replaced_and_what_the_error_wants_comes_first() -> None:
    problems = [problem(Fix("data.pages", "x"), warning=True), problem(Fix("data.pages", "split")), problem(None)]
    assert values_of(problems, CURRENT) == {"data.pages": "split"}


def test_a_list_gets_all_that_is_missing_once() -> None:
    key = "data.labelme.classes"
    problems = [problem(Fix(key, name, adds=True)) for name in ("dog", "cat", "dog", "cow")]
    assert values_of(problems, CURRENT) == {key: ["background", "cat", "dog", "cow"]}


def test_nothing_to_mend_is_nothing() -> None:
    assert values_of([problem(None)], CURRENT) == {}


def test_the_line_a_person_reads() -> None:
    assert line(Fix("data.pages", "split")) == "data.pages: split"
    assert line(Fix("data.labelme.classes", "dog", adds=True)) == "data.labelme.classes: add dog"
    assert line(Fix("data.masks.codes", (0, "255 0 0"))) == "data.masks.codes: 0, 255 0 0"

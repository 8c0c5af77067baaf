"""Lines for params.yaml: errors before warnings, lists that grow by all that is missing, no value twice."""

import shlex

import yaml

from segpipe.annotations.checks.fixes import as_options, lines, values_of
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
    assert lines([Fix("data.pages", "split")]) == ["data.pages: split"]
    adding = [Fix("data.labelme.classes", name, adds=True) for name in ("dog", "cow")]
    assert lines(adding) == ["data.labelme.classes: add dog, cow"]
    assert lines([Fix("data.masks.codes", (0, "255 0 0"))]) == ["data.masks.codes: 0, 255 0 0"]
    assert lines([Fix("data.class_map", ("Cat", "cat"), adds=True)]) == ["data.class_map: add Cat: cat"]


def test_a_map_gets_a_line_more_and_keeps_its_own() -> None:
    problems = [DataError("a", "b", "c", Fix("data.class_map", (name, "cat"), adds=True)) for name in ("Cat", "CAT", "cat")]
    assert values_of(problems, {"data": {"class_map": {"cat": "dog"}}}) == {
        "data.class_map": {"cat": "dog", "Cat": "cat", "CAT": "cat"}
    }


def test_options_are_what_a_shell_and_yaml_read_back() -> None:
    values = {"data.pages": "split", "data.masks.codes": (0, "255 0 0", "no"), "data.class_map": {"it's": "cat"}}
    words = shlex.split(as_options(values))
    assert words[::2] == ["-S"] * 3
    read = {key: yaml.safe_load(text) for key, text in (word.split("=", 1) for word in words[1::2])}
    assert read == values | {"data.masks.codes": [0, "255 0 0", "no"]}

"""Lists read an element at a time: the same as json.loads reads, and each element where it is said to lie."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.annotations.formats.coco.json_lists import scan

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c", "é"]), VALUES | st.lists(VALUES, max_size=4), max_size=4)


def scanned(text: str, at: int = 0) -> tuple[set[str], dict[str, list[Any]]]:
    elements: dict[str, list[Any]] = {}

    def take(key: str, element: Any, start: int, end: int) -> None:
        assert json.loads(text[start:end]) == element
        elements.setdefault(key, []).append(element)

    return scan(text, at, ("a", "b"), take), elements


@given(OBJECTS, st.sampled_from([None, 0, 2]), st.booleans(), st.sampled_from(["", " ", "\n\t\r "]))
def test_elements_are_those_of_json(content: dict[str, Any], indent: int | None, is_ascii: bool, space: str) -> None:
    text = space + json.dumps(content, indent=indent, ensure_ascii=is_ascii) + space
    keys, elements = scanned(text)
    assert keys == {key for key in ("a", "b") if isinstance(content.get(key), list)}
    assert elements == {key: content[key] for key in keys if content[key]}


@given(OBJECTS, st.data())
def test_what_json_refuses_is_refused(content: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(content)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(st.sampled_from(["", ",", "]", "}", "x", ":", '"', "[", "{", " "])) + text[at + 1 :]
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if isinstance(known, dict):
        assert scanned(text)[0] <= known.keys()
    else:
        with pytest.raises(ValueError):
            scanned(text)


def test_a_list_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match='two lists called "a"'):
        scanned('{"a": [1], "b": [], "a": [2]}')


def test_it_begins_where_it_is_told() -> None:
    assert scanned('xx{"a": [1, [2]]}', 2) == ({"a"}, {"a": [1, [2]]})

"""params.yaml's comments and the schema's descriptions are one thing, and the choices they list are those that there are."""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from segpipe.params.edit import REASON, explained
from segpipe.params.schema import Params, Section
from tests.structure.imports import ROOT

TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
EXTENSIBLE = {"model.name", "loss.name"}
"""Names that anyone adds to with a file of their own: the comment lists ours, and theirs need not stand there."""


def fields(section: type[Section], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the schema by its dotted name, sections too."""
    for key, each in section.model_fields.items():
        yield above + key, each
        if isinstance(each.annotation, type) and issubclass(each.annotation, Section):
            yield from fields(each.annotation, f"{above}{key}.")


FIELDS = dict(fields(Params))
CHOICES = [key for key, each in FIELDS.items() if get_origin(each.annotation) is Literal]


def comments(text: str) -> dict[str, str]:
    """Every key of a params.yaml by its dotted name, and the comment behind it, less why `segpipe init` chose its value."""
    return dict(_comments(YAML().load(text), ""))


def _comments(section: Any, above: str) -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        inner = getattr(value, "ca", None)
        token = section.ca.items.get(key, [None] * 3)[2] or (inner.comment[0] if inner and inner.comment else None)
        lines = token.value.partition("\n\n")[0].splitlines() if token else []
        words = " ".join(line.strip().removeprefix("#").strip() for line in lines)
        yield above + key, REASON.sub("", words)
        # What is below class_map are names of classes and no keys.
        if isinstance(value, dict) and above + key != "data.class_map":
            yield from _comments(value, f"{above}{key}.")


def listed(description: str) -> list[str]:
    """The choices at the head of a description: `a | b (why) | c: what for`, or `2007 .. 2012`."""
    head = re.split(r"[:,]", re.sub(r" \([^()]*\)", "", description))[0]
    if numbers := re.fullmatch(r"(\d+) \.\. (\d+)", head):
        return [str(number) for number in range(int(numbers[1]), int(numbers[2]) + 1)]
    return head.split(" | ")


def test_every_key_is_described_by_its_comment() -> None:
    assert comments(TEXT) == {key: each.description for key, each in FIELDS.items()}


def test_a_reason_that_init_wrote_is_no_part_of_a_comment() -> None:
    text = explained(TEXT, {"input.crop": "shorter sides are 128 or more, stride 16, no GPU"})
    assert text != TEXT
    assert comments(text) == comments(TEXT)


def test_comments_are_found_behind_every_kind_of_value_and_over_several_lines() -> None:
    text = "a: 1  # one\nb:  # two\n- x  # item\nc:  # three\n  d: {}  # four\n        # and more\n\n# five\ne: 2\n"
    assert comments(text) == {"a": "one", "b": "two", "c": "three", "c.d": "four and more", "e": ""}


@pytest.mark.parametrize("key", sorted(set(CHOICES) - EXTENSIBLE))
def test_the_choices_that_a_comment_lists_are_those_that_there_are(key: str) -> None:
    assert listed(FIELDS[key].description or "") == [str(choice) for choice in get_args(FIELDS[key].annotation)]


def test_ranges_that_comments_give_are_the_bounds() -> None:
    """`0 .. 1: ...`; what is open at an end may be given as that end."""
    given = {
        key: re.match(r"(\S+) \.\. (\S+?)[: ]", each.description or "") for key, each in FIELDS.items() if key not in CHOICES
    }
    ranges = {key: (float(match[1]), float(match[2])) for key, match in given.items() if match}
    assert len(ranges) > 20
    assert ranges == {key: ends(FIELDS[key]) for key in ranges}


def ends(field: FieldInfo) -> tuple[float | None, ...]:
    """The lower and the upper bound."""
    pairs = (("ge", "gt"), ("le", "lt"))
    found = ([getattr(each, name) for each in field.metadata for name in pair if hasattr(each, name)] for pair in pairs)
    return tuple(bounds[0] if bounds else None for bounds in found)


@pytest.mark.parametrize("key", sorted(EXTENSIBLE))
def test_names_that_a_comment_lists_are_there_in_the_order_of_their_table(key: str) -> None:
    found = listed(FIELDS[key].description or "")
    assert len(found) >= 10
    assert found == [name for name in get_args(FIELDS[key].annotation) if name in found]

"""docs/reference/params.md out of the schema: `python -m segpipe.params.reference > docs/reference/params.md`."""

import re
from collections.abc import Iterator
from typing import Any

from segpipe.params.schema import Params

HEAD = """\
# Parameters

Every key of `params.yaml`, section by section: its type, its bounds, and what it means, in the words of its comment there.
`python -m segpipe.params.reference > docs/reference/params.md` writes this page out of `segpipe/params/schema.py`.

A choice is one of the words between the bars. All keys must be there; `dvc exp run -S loss.dice_weight=0.7` tries another value.
"""
KINDS = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "object": "text to text"}
OPEN_ENDS = {"exclusiveMinimum": "above", "exclusiveMaximum": "below"}

Node = dict[str, Any]
"""A part of the JSON schema."""


def page() -> str:
    """The page as Markdown."""
    schema = Params.model_json_schema()
    return "\n".join([HEAD, *_section("", schema, schema["$defs"])])


def _section(name: str, section: Node, sections: Node) -> Iterator[str]:
    """A table of the section's own keys, and then each section in it under a heading."""
    inner = {key: each for key, each in section["properties"].items() if "$ref" in each}
    rows = [_row(key, each) for key, each in section["properties"].items() if key not in inner]
    if rows:
        yield from ("| key | type | bounds | meaning |", "|---|---|---|---|", *rows, "")
    for key, each in inner.items():
        dotted = f"{name}.{key}".lstrip(".")
        yield from (f"## {dotted}", "", _markdown(each["description"]), "")
        yield from _section(dotted, sections[each["$ref"].rpartition("/")[2]], sections)


def _row(key: str, each: Node) -> str:
    return f"| `{key}` | {_kind(each)} | {_bounds(each)} | {_markdown(each['description'])} |"


def _kind(each: Node) -> str:
    """The type in words."""
    if "enum" in each:
        return "choice"
    if "anyOf" in each:
        return " or ".join(map(_kind, each["anyOf"]))
    return f"list: {_kind(each['items'])}" if each["type"] == "array" else KINDS[each["type"]]


def _bounds(each: Node) -> str:
    """The bounds in words, of a number, or of a list's numbers and its length; empty where there are none."""
    if "anyOf" in each:
        return "; ".join(filter(None, map(_bounds, each["anyOf"])))
    if each.get("type") == "array":
        length = _range(each.get("minItems"), each.get("maxItems"))
        return ", ".join(filter(None, [_bounds(each["items"]), f"{length} of them" if length else ""]))
    open_ends = [f"{word} {each[end]:.15g}" for end, word in OPEN_ENDS.items() if end in each]
    return ", ".join(filter(None, [_range(each.get("minimum"), each.get("maximum")), *open_ends]))


def _range(low: float | None, high: float | None) -> str:
    """Both ends included; either may be open."""
    if low is None:
        return "" if high is None else f"{high:.15g} or less"
    return f"{low:.15g} or more" if high is None else f"{low:.15g} .. {high:.15g}"


def _markdown(text: str) -> str:
    """The words as they are, in a cell of a table too."""
    return re.sub(r"[|*<]|__", lambda found: "".join(f"\\{sign}" for sign in found[0]), text)


if __name__ == "__main__":
    print(page(), end="")

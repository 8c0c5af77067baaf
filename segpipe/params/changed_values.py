"""What in a params.yaml differs from the one segpipe comes with, told without a name, a path or an address of the user's own."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from segpipe.params.schema import Params

NETWORKS = {"model.encoder", "model.architecture"}
"""Keys whose text names a network of a library: no choice of the schema's, and nothing of the user's own."""


def changed_values(params: Params, defaults: Params) -> list[tuple[str, str]]:
    """Each key whose value is another than the default, dotted, and the value in words.

    Numbers, choices and words of the key's description stand as they are. Of any other text only that it is the user's own is
    said, of a list or a map of such only how many it holds.
    """
    fields = dict(_fields(Params.model_json_schema()))
    before, now = (_values(each.model_dump(mode="json"), fields) for each in (defaults, params))
    return [(key, _shown(key, value, fields[key])) for key, value in now.items() if value != before[key]]


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each key of a single value, dotted, with what the schema says of it."""

    def below(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, field in section["properties"].items():
            if "$ref" in field:
                yield from below(schema["$defs"][field["$ref"].rpartition("/")[2]], f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", field

    yield from below(schema, "")


def _values(content: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each of these keys; one whose keys are the user's own (data.class_map) is one value."""
    found = {}
    for key in fields:
        value: Any = content
        for part in key.split("."):
            value = value[part]
        found[key] = value
    return found


def _shown(key: str, value: Any, field: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        return value if key in NETWORKS or value in _words(field) else "a text of its own"
    if isinstance(value, list) and not all(isinstance(each, int | float) for each in value):
        return f"{len(value)} entries"
    return f"{len(value)} entries" if isinstance(value, dict) else json.dumps(value)


def _words(field: Mapping[str, Any]) -> set[str]:
    """The texts that the schema itself names for a key."""
    return {*field.get("enum", ()), *re.findall(r"[\w-]+", field["description"])}

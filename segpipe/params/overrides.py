"""Other values for some keys of params.yaml, by dotted name, in plain values; what is no key is told with what was meant."""

import copy
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from segpipe.errors import PipelineError


def leaves(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its dotted name; a map is its keys, an empty one and a list are values."""
    for name, value in content.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{key}.")
        else:
            yield key, value


def problems_of(content: Mapping[str, Any], overrides: Mapping[str, Any]) -> list[str]:
    """A sentence for each override whose key is none of a single value in `content`."""
    known = dict(leaves(content))
    return [_no_such(key, known) for key in overrides if key not in known]


def with_overrides(content: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `content` in which the keys have other values. Raises PipelineError as `problems_of` says."""
    if problems := problems_of(content, overrides):
        raise PipelineError("\n".join(problems))
    changed = copy.deepcopy(dict(content))
    for key, value in overrides.items():
        *sections, name = key.split(".")
        section = changed
        for each in sections:
            section = section[each]
        section[name] = value
    return changed


def _no_such(key: str, known: Mapping[str, Any]) -> str:
    if any(each.startswith(f"{key}.") for each in known):
        return f"{key}: is a section, not a key. Name the keys below it, such as {key}.{_first_below(key, known)}."
    near = difflib.get_close_matches(key, known, n=1)
    return f"{key}: no such key of params.yaml{f'; did you mean {near[0]}?' if near else '.'}"


def _first_below(key: str, known: Mapping[str, Any]) -> str:
    return next(each for each in known if each.startswith(f"{key}.")).removeprefix(f"{key}.")

"""The lines of params.yaml that mend what the doctor found, as values to write."""

from collections.abc import Iterable, Mapping
from typing import Any

from segpipe.errors import DataError, Fix


def values_of(problems: Iterable[DataError], current: Mapping[str, Any]) -> dict[str, Any]:
    """Each dotted key that a problem names a line for, and its new value; `current` holds the whole of params.yaml.

    Where two problems want different values of one key, that of the error comes first; a list gets all that is to be added.
    """
    ordered = sorted((problem for problem in problems if problem.fix), key=lambda problem: problem.warning)
    values: dict[str, Any] = {}
    for fix in dict.fromkeys(fix for problem in ordered for fix in problem.fixes):
        if fix.adds:
            held = [*values.get(fix.key, _current(current, fix.key))]
            values[fix.key] = held if fix.value in held else [*held, fix.value]
        else:
            values.setdefault(fix.key, fix.value)
    return values


def _current(content: Mapping[str, Any], dotted: str) -> Any:
    for name in dotted.split("."):
        content = content[name]
    return content


def line(fix: Fix) -> str:
    """The fix as a person would write it into params.yaml."""
    value = ", ".join(map(str, fix.value)) if isinstance(fix.value, list | tuple) else fix.value
    return f"{fix.key}: {'add ' if fix.adds else ''}{value}"

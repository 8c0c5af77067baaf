"""The lines of params.yaml that mend what the doctor found, as values to write."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from segpipe.errors import DataError, Fix


def values_of(problems: Iterable[DataError], current: Mapping[str, Any]) -> dict[str, Any]:
    """Each dotted key that a problem names a line for, and its new value; `current` holds the whole of params.yaml.

    Where two problems want different values of one key, that of the error comes first. A list or a map gets all that is to
    be added; what is added to a map is a name and its value.
    """
    ordered = sorted((problem for problem in problems if problem.fix), key=lambda problem: problem.warning)
    values: dict[str, Any] = {}
    for fix in dict.fromkeys(fix for problem in ordered for fix in problem.fixes):
        if not fix.adds:
            values.setdefault(fix.key, fix.value)
            continue
        held = values.get(fix.key, _current(current, fix.key))
        if isinstance(held, Mapping):
            values[fix.key] = dict([fix.value]) | dict(held)
        else:
            values[fix.key] = [*held] if fix.value in held else [*held, fix.value]
    return values


def _current(content: Mapping[str, Any], dotted: str) -> Any:
    for name in dotted.split("."):
        content = content[name]
    return content


def as_options(values: Mapping[str, Any]) -> str:
    """The values as a shell takes them after `segpipe convert`."""
    return " ".join(f"-S {shlex.quote(f'{key}={_flow(value)}')}" for key, value in values.items())


def _flow(value: Any) -> str:
    """YAML in one line."""
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=2**31, allow_unicode=True).removesuffix("...\n").strip()


def lines(fixes: Iterable[Fix]) -> list[str]:
    """The fixes as a person would write them into params.yaml, a line a key."""
    texts: dict[str, str] = {}
    for fix in fixes:
        values = list(map(str, fix.value)) if isinstance(fix.value, list | tuple) else [str(fix.value)]
        if not fix.adds:
            texts.setdefault(fix.key, ", ".join(values))
        elif fix.key in texts:
            texts[fix.key] += f", {': '.join(values)}"
        else:
            texts[fix.key] = f"add {': '.join(values)}"
    return [f"{key}: {value}" for key, value in texts.items()]

"""Results of an examination as JSON for the cache, and back: plain values, errors and fixes; nothing is ever executed."""

import base64
import json
from typing import Any

from segpipe.annotations.code_counts import CodeCounts
from segpipe.errors import DataError, Fix

KNOWN = {"error": DataError, "fix": Fix, "code_counts": CodeCounts}
"""Classes that an entry may hold, rebuilt from their fields."""


def encode(value: Any) -> bytes | None:
    """The value as JSON; None where `decode` would not give the same value again: such a one is not kept."""
    try:
        plain = _plain(value)
        content = json.dumps(plain, allow_nan=False).encode("ascii")
        return content if _plain(decode(content)) == plain else None
    except (TypeError, ValueError):
        return None


def decode(content: bytes) -> Any:
    """The value. Raises ValueError, LookupError or TypeError for what `encode` did not give."""
    return _value(json.loads(content))


def _plain(value: Any) -> Any:
    """Lists stand for themselves; any other collection is a dict of one key, which says what it stands for."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(each) for each in value]}
    if isinstance(value, dict):
        return {"dict": [[_plain(key), _plain(each)] for key, each in value.items()]}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    for name, kind in KNOWN.items():
        if type(value) is kind:
            return {name: _plain(dict(vars(value)))}
    raise TypeError(f"{type(value).__name__}: no value of an entry")


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "tuple":
        return tuple(_value(each) for each in content)
    if kind == "dict":
        return {_value(key): _value(each) for key, each in content}
    if kind == "bytes":
        return base64.b64decode(content)
    return KNOWN[kind](**_value(content))

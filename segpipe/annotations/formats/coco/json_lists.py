"""Reads the lists of a JSON object an element at a time, with its position: gigabytes are never held as objects."""

import json
import re
from collections.abc import Callable, Collection
from typing import Any

SPACE = re.compile(r"[ \t\n\r]*")

decode_value = json.JSONDecoder().raw_decode
Take = Callable[[str, Any, int, int], None]


def scan(text: str, at: int, lists: Collection[str], take: Take) -> set[str]:
    """Reads a JSON object and hands on each element of those `lists` that it has: the list's key, the element, its place.

    Returns the keys of these lists; all else is read over. Raises ValueError for what is no JSON, RecursionError.
    """
    found: set[str] = set()
    at = _expect(text, at, "{")
    while not text.startswith("}", at):
        key, after = decode_value(text, at)
        if not isinstance(key, str):
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        at = _expect(text, after, ":")
        if key in lists and text.startswith("[", at):
            if key in found:
                raise json.JSONDecodeError(f'two lists called "{key}"', text, at)
            found.add(key)
            at = _scan_list(text, at, key, take)
        else:
            _, at = decode_value(text, at)
        at = _space(text, at)
        if not text.startswith("}", at):
            at = _expect(text, at, ",")
            if text.startswith("}", at):
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
    if _space(text, at + 1) != len(text):
        raise json.JSONDecodeError("Extra data", text, at + 1)
    return found


def _scan_list(text: str, at: int, key: str, take: Take) -> int:
    at = _space(text, at + 1)
    if text.startswith("]", at):
        return at + 1
    while True:
        element, end = decode_value(text, at)
        take(key, element, at, end)
        at = _space(text, end)
        if text.startswith("]", at):
            return at + 1
        at = _expect(text, at, ",")


def _space(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, character: str) -> int:
    """The place of what follows the character. Raises ValueError where another stands there."""
    at = _space(text, at)
    if not text.startswith(character, at):
        raise json.JSONDecodeError(f"Expecting '{character}' delimiter", text, at)
    return _space(text, at + 1)

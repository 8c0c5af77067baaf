"""What pydantic finds wrong with params.yaml, in sentences for people: the key, what is wrong, what would be right."""

import difflib
import reprlib
from typing import Any

from pydantic import BaseModel, ValidationError

SHORT = reprlib.Repr()
"""A wrong value in a sentence: a few lines of YAML can stand for a list of a billion."""
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother = 2, 200, 200


OWN_FILE = "the project's own params.yaml"


def all_sentences(error: ValidationError, whole: type[BaseModel], section: tuple[str, ...], example: str = OWN_FILE) -> list[str]:
    """What pydantic found in a section of the `whole` schema, a line each; the empty tuple is all of it.

    `example` is a file that has a line for every key.
    """
    details: list[dict[str, Any]] = [dict(detail) | {"loc": section + detail["loc"]} for detail in error.errors()]
    meant = {(*detail["loc"][:-1], _near(detail["loc"], whole)) for detail in details if detail["type"] == "extra_forbidden"}
    # A key that is missing because it was misspelt is one mistake and not two.
    kept = [detail for detail in details if detail["type"] != "missing" or detail["loc"] not in meant]
    return [line for detail in kept for line in _sentences(detail, whole, example)]


def _sentences(detail: dict[str, Any], whole: type[BaseModel], example: str) -> list[str]:
    """What pydantic found, in words: the key, what is wrong, what would be right."""
    location = detail["loc"]
    key = ".".join(str(part) for part in location)
    match detail["type"]:
        case "extra_forbidden":
            near = _near(location, whole)
            ending = f"; did you mean {near}?" if near else f". There are: {', '.join(_keys(location, whole))}."
            return [f"{key}: no such key{ending}"]
        case "missing":
            return [f"{key}: is missing. Every key must be there; take the line from {example}."]
        case "value_error":
            prefix = f"{key}." if key else ""
            return [prefix + line for line in str(detail["ctx"]["error"]).splitlines()]
        case "model_type":
            return [f"{key}: {SHORT.repr(detail['input'])} is no section. Write its keys below it, each in a line, indented."]
        case "string_type" if location[-1] == "[key]":
            key = ".".join(str(part) for part in location[:-2])
            return [f"{key}: YAML reads a name there as {SHORT.repr(detail['input'])}, which is no text. Put it in quotes."]
        case _:
            return [f"{key}: {SHORT.repr(detail['input'])} will not do. {detail['msg']}."]


def _near(location: tuple[int | str, ...], whole: type[BaseModel]) -> str:
    """The key that an unknown one was meant to be, or nothing."""
    return next(iter(difflib.get_close_matches(str(location[-1]), _keys(location, whole), n=1)), "")


def _keys(location: tuple[int | str, ...], whole: type[BaseModel]) -> list[str]:
    """The keys of the section that holds this key."""
    section: Any = whole
    for part in location[:-1]:
        section = section.model_fields[part].annotation
    return list(section.model_fields)

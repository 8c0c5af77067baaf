"""A labelme file's JSON, checked as far as its frame goes: a list of shapes, no key twice, text in UTF-8."""

import json
from typing import Any

from segpipe.annotations import foreign_files, json_error
from segpipe.annotations.formats.labelme import supervisely
from segpipe.errors import DataError
from segpipe.images.unsupported import POINTER, kind_of

NOT_LABELME = "a JSON file that is not labelme's (it has no list of shapes)"
SAVE_AGAIN = "Save it again in labelme, or remove it."


def read_json(content: bytes, name: str) -> dict[str, Any]:
    """A labelme file's content, or Supervisely's as labelme would have it; `imageData` stays text.

    Raises DataError where it is no JSON, or JSON of another kind.
    """
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) < len(pairs):
            keys = [key for key, _ in pairs]
            twice.extend(key for key in read if keys.count(key) > 1)
        return read

    content_read = _parsed(content, name, once)
    if supervisely.is_supervisely(content_read):
        content_read = supervisely.as_labelme(content_read, name)
    shapes = content_read.get("shapes") if isinstance(content_read, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        program = foreign_files.program_of(content_read)
        if program:
            raise DataError(name, program.what, program.remedy)
        raise DataError(name, NOT_LABELME, "Move it out of the folder.")
    if twice:
        remedy = "Keep one of the two; a merge of two versions may have left both."
        raise DataError(name, f'a JSON file that says "{short(twice[0])}" twice in one place', remedy)
    return dict(content_read)


def text(content: dict[str, Any], key: str) -> str:
    """The text under a key, empty where there is none or something else."""
    value = content.get(key)
    return value if isinstance(value, str) else ""


def short(value: object) -> str:
    """A value of a file as it may stand in a sentence: a stranger's text can be a megabyte."""
    shown = value if isinstance(value, str) else _format_value(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _format_value(value: object) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool | int | float) else type(value).__name__


def _parsed(content: bytes, name: str, once: Any) -> Any:
    """The JSON, with or without a byte order mark."""
    if kind_of(content) == POINTER:
        raise DataError(name, POINTER.name, POINTER.remedy)
    try:
        return json.loads(content, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise json_error.problem(error, content, name, SAVE_AGAIN) from None

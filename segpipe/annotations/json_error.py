"""Why a JSON file cannot be read, in words for a person: the line and column where it breaks."""

import json

from segpipe.errors import DataError

NOT_UTF_8 = ("a JSON file that is not in UTF-8", "Save it as UTF-8 in a text editor.")


def problem(error: ValueError | RecursionError, content: bytes, name: str, remedy: str) -> DataError:
    """What json, or a decoder of UTF-8, raised over a file of this content; `remedy` is for a broken one."""
    if isinstance(error, UnicodeDecodeError):
        line = content.count(b"\n", 0, error.start) + 1
        return DataError(f"line {line} of {name}", *NOT_UTF_8)
    where, reason = name, "a number of too many digits"  # all that is left of ValueError
    if isinstance(error, RecursionError):
        reason = "nested too deeply"
    elif not content.strip():
        reason = "an empty file"
    elif isinstance(error, json.JSONDecodeError):
        where, reason = f"line {error.lineno}, column {error.colno} of {name}", error.msg.split(": ")[0]
    return DataError(where, f"a JSON file that is broken ({reason})", remedy)


def in_bytes(error: json.JSONDecodeError, content: bytes) -> json.JSONDecodeError:
    """The same error of a text that was read a character a byte, as its place in the text of UTF-8."""
    before = content[: error.pos].decode("utf-8-sig", "replace")
    return json.JSONDecodeError(error.msg, before, len(before))

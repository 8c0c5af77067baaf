"""A value as text after `-S`, so that DVC writes this very value into params.yaml and both readers of YAML read it there."""

import math
import re
from collections.abc import Sequence
from typing import Any

from segpipe.errors import PipelineError
from segpipe.params.edit import reads_as_itself

BARE = re.compile(r"[A-Za-z][A-Za-z0-9_/-]*")
"""Text that Hydra's grammar, which DVC reads -S by, takes as it stands; anything else goes in quotes."""


def option(key: str, value: Any) -> str:
    """KEY=VALUE. Raises PipelineError for a value that would come out as another one, and says which could be taken."""
    try:
        return f"{key}={_text(value)}"
    except ValueError as error:
        raise PipelineError(f"{key}: {error}") from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number that can be computed with. Write another.")
        return repr(value)  # the shortest digits that are this number: 0.7 stays 0.7
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, Sequence):
        return f"[{','.join(map(_text, value))}]"
    raise ValueError(f"{value!r} is neither a number, true, false, a text nor a list of them. Write one of these.")


def _word(text: str) -> str:
    # DVC writes no quotes: what PyYAML would read as false or as a number would come out as that.
    if not reads_as_itself(text) or "${" in text or "\\" in text:
        raise ValueError(f"DVC cannot set the text {text!r} so that it is read again as this text. Set it in params.yaml.")
    if BARE.fullmatch(text):
        return text
    quoted = text.replace("'", "\\'")
    return f"'{quoted}'"

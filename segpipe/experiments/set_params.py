"""A value as text after `-S`, so that DVC writes this very value into params.yaml and both readers of YAML read it there."""

import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from segpipe.errors import PipelineError
from segpipe.paths import PARAMS


def option(key: str, value: Any) -> str:
    """KEY=VALUE. Raises PipelineError for a value that would come out as another one, and says which could be taken."""
    try:
        return f"{key}={_text(value)}"
    except ValueError as error:
        raise PipelineError(f"{key}: {error}") from None


def written(text: str, options: Sequence[str]) -> str:
    """What DVC makes of the text of a params.yaml when an experiment with these options starts, byte for byte."""
    # By its own function, and here: it is asked for after a kill alone, and takes half a second to import.
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PARAMS.name
        file.write_text(text, encoding="utf-8", newline="\n")
        apply_overrides(str(file), [*options])
        return file.read_text(encoding="utf-8")


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
    if not _survives(text) or "${" in text or "\\" in text:
        raise ValueError(f"DVC cannot set the text {text!r} so that it is read again as this text. Set it in params.yaml.")
    # Always in quotes: Hydra's grammar, which DVC reads -S by, has meanings for many a bare word.
    quoted = text.replace("'", "\\'")
    return f"'{quoted}'"


def _survives(text: str) -> bool:
    """Whether PyYAML reads what ruamel.yaml, by which DVC writes, makes of it; without quotes `no` would come out as false."""
    stream = io.StringIO()
    YAML().dump([text], stream)
    try:
        return bool(yaml.safe_load(stream.getvalue()) == [text])
    except yaml.YAMLError:
        return False

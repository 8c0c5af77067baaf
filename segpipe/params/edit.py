"""Writes values into params.yaml as a person would: comments stay, lists stand in block style, the rest is untouched."""

import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from segpipe.errors import PipelineError
from segpipe.params import schema
from segpipe.params.load import load_params
from segpipe.storage.files import write_text

Value = str | int | float | bool | Sequence[str] | Sequence[int] | Mapping[str, str]
SHOWN = 6
REASON = re.compile(r" *\[here: [^\]]*\]$")
"""Why a key has its value, as `segpipe init` wrote it the last time."""


@dataclass(frozen=True)
class Change:
    """One key, by its dotted name, that got another value."""

    key: str
    old: Any
    new: Value

    def __str__(self) -> str:
        return f"{self.key}: {_format(self.old)} -> {_format(self.new)}"


def write(path: Path, values: Mapping[str, Value], reasons: Mapping[str, str] | None = None) -> list[Change]:
    """Sets keys by dotted name, such as `data.source`, and returns what changed, in the order given.

    `reasons` says why for some of them, at the end of their comment. Raises PipelineError where a key is not there or
    the file would not pass `params.load`; it then stays as it was.
    """
    old = path.read_text(encoding="utf-8")
    text, changes = edited(old, values)
    text = explained(text, reasons or {})
    if text != old:
        _check(path, text)
        write_text(path, text)
    return changes


def edited(text: str, values: Mapping[str, Value]) -> tuple[str, list[Change]]:
    """The text with the values set, and what changed. Raises PipelineError for a key that is not there."""
    content = _round_trip().load(text)
    changes = []
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        section = content
        for name in sections:
            section = section.get(name, {})
        if key not in section:
            raise PipelineError(f"params.yaml: {dotted} is missing. Take the line from the project's own params.yaml.")
        old = _plain(section[key])
        if old != _plain(value):
            section[key] = _block(value, section[key])
            changes.append(Change(dotted, old, value))
    stream = io.StringIO()
    _round_trip().dump(content, stream)
    return stream.getvalue(), changes


def with_values(path: Path, values: Mapping[str, Value]) -> schema.Params:
    """The parameters as they would be with these values; nothing is written. Raises PipelineError as `write` does."""
    return _check(path, edited(path.read_text(encoding="utf-8"), values)[0])


def explained(text: str, reasons: Mapping[str, str]) -> str:
    """The text with each key's reason at the end of its line, in place of the one that stood there."""
    content = _round_trip().load(text)
    lines = text.splitlines()
    for dotted, reason in reasons.items():
        *sections, key = dotted.split(".")
        section = content
        for name in sections:
            section = section[name]
        at = section.lc.key(key)[0]
        lines[at] = f"{REASON.sub('', lines[at])}{' ' if '#' in lines[at] else '  # '}[here: {reason}]"
    return "\n".join(lines) + "\n"


def reads_as_itself(word: str) -> bool:
    """Whether YAML 1.1 (PyYAML) and 1.2 (DVC) both read this word, without quotes, as itself."""
    # YAML 1.1 has types of their own for these: the default value and the merge key.
    if not word.isprintable() or word.startswith(("=", "<<")):
        return False
    try:
        return all(load(f"- {word}\n") == [word] for load in (yaml.safe_load, YAML(typ="safe", pure=True).load))
    except (yaml.YAMLError, YAMLError, ValueError):
        return False


def _round_trip() -> YAML:
    loader = YAML()
    loader.preserve_quotes = True
    loader.width = 2**16  # a long path stays on its line
    return loader


def _scalar(value: Any) -> Any:
    """The value, in quotes where some reader of YAML would take it for a number, a truth or nothing."""
    return DoubleQuotedScalarString(value) if isinstance(value, str) and not reads_as_itself(value) else value


def _block(value: Any, old: Any) -> Any:
    """The value as it stands in place of the old one: lists and maps in block style."""
    if _is_list(value):
        return _block_list(value, old)
    return _block_map(value, old) if isinstance(value, Mapping) else _scalar(value)


def _block_map(value: Mapping[str, str], old: Any) -> CommentedMap:
    """A map in block style that keeps the comment after its key, and those of its lines where only some are added."""
    if isinstance(old, CommentedMap) and old and not old.fa.flow_style() and _plain(old).items() <= value.items():
        for name in [name for name in value if name not in _plain(old)]:
            old.insert(0, _scalar(name), _scalar(value[name]))
        return old
    new = CommentedMap({_scalar(name): _scalar(each) for name, each in value.items()})
    new.ca.comment = getattr(old, "ca", new.ca).comment
    return new


def _block_list(values: Any, old: Any) -> CommentedSeq:
    """A list in block style that keeps the comment after its key, those of items that stay, and what follows the last."""
    new = CommentedSeq(map(_scalar, values))
    if not isinstance(old, CommentedSeq) or old.fa.flow_style():
        return new
    new.ca.comment = old.ca.comment
    own = {at: comment for at, comment in old.ca.items.items() if comment[0]}
    new.ca.items.update({at: comment for at, comment in own.items() if at < len(new) and _plain(old[at]) == values[at]})
    last = len(old) - 1
    # ruamel.yaml keeps what follows the list as part of its last item's comment.
    if last in own and (len(new) != len(old) or last not in new.ca.items):
        new.ca.items.pop(last, None)
        new.ca.items[len(new) - 1] = _below(own[last])
    return new


def _below(comment: Any) -> Any:
    """The comment of a last item without what stood on its own line: that goes with the item."""
    token = comment[0]
    token.value = token.value[token.value.index("\n") :]
    return comment


def _check(path: Path, text: str) -> schema.Params:
    """What the new text holds. Raises PipelineError where it would not load, and says that nothing was changed."""
    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / path.name
        candidate.write_text(text, encoding="utf-8", newline="\n")
        try:
            return load_params(candidate)
        except PipelineError as error:
            raise PipelineError(f"{path} was not changed, since then:\n{str(error).replace(str(candidate), str(path))}") from None


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _plain(value: Any) -> Any:
    """Python's own list, map or scalar, so that values compare whatever class ruamel.yaml read them as."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(item) for item in value] if _is_list(value) else value


def _format(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items()) or "{}"
    if not _is_list(value):
        return str(value)
    more = f", ... ({len(value)})" if len(value) > SHOWN else ""
    return ", ".join(map(str, value[:SHOWN])) + more

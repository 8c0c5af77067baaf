"""A YAML file as plain values: one document, a mapping, no tags, no key twice. What is wrong is told with its line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from segpipe.errors import PipelineError
from segpipe.storage.text_file import read_text

UNREADABLE = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError)
"""What PyYAML raises for broken YAML, and lets through for values that are not what their tag says."""
BRING_BACK = "Bring it back with `git checkout {path}`, or copy the project's own."


def read(path: Path) -> dict[Any, Any]:
    """The mapping that the file holds. Raises PipelineError where it is no such file; all keys that stand twice are told at once.

    PyYAML would take the last of two equal keys, and DVC, which reads the same file, refuses it.
    """
    try:
        loader = yaml.SafeLoader(_text(path))
        root = loader.get_single_node()
        # Before anything is made of them: what `<<` brings in may stand there again.
        twice = [*_twice(root, "", set())] if root else []
        content = loader.construct_document(root) if root else None
    except UNREADABLE as error:
        raise PipelineError(_unreadable(path, error)) from None
    if content is None:
        raise PipelineError(f"{path} is empty: it holds no key. {BRING_BACK.format(path=path)}")
    if not isinstance(content, dict):
        kind = "a list" if isinstance(content, list) else "a single value"
        raise PipelineError(f"{path} is {kind}, and not keys with their values. {BRING_BACK.format(path=path)}")
    if twice:
        raise PipelineError("\n".join(f"{path}: {sentence}" for sentence in twice))
    return content


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file. Run this in the folder that holds {path.name}.") from None
    except OSError as error:
        raise PipelineError(f"{path} cannot be read ({error.strerror}). {BRING_BACK.format(path=path)}") from None


def _twice(node: yaml.Node, prefix: str, seen: set[int]) -> Iterator[str]:
    """A sentence a key that its mapping holds more than once; a node that aliases name again is looked at once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item, prefix, seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], list[int]] = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            lines.setdefault((key.tag, key.value), []).append(key.start_mark.line + 1)
            yield from _twice(value, f"{prefix}{key.value}.", seen)
    for (_, name), found in lines.items():
        if len(found) > 1:
            where = f"{', '.join(map(str, found[:-1]))} and {found[-1]}"
            yield f"{prefix}{name}: stands there more than once, in the lines {where}. Keep one of them."


def _unreadable(path: Path, error: Exception) -> str:
    """What PyYAML says, in a sentence with the line and what to do about it."""
    mark = getattr(error, "problem_mark", None)
    line = f" (line {mark.line + 1})" if mark else ""
    problem = getattr(error, "problem", None) or " ".join(str(error).split()) or type(error).__name__
    if "\\t" in problem:
        return f"{path} cannot be read as YAML: a tab where spaces must stand{line}. Put spaces in its place."
    if "another document" in problem:
        return f"{path} cannot be read as YAML: another document begins in it{line}. Keep one, and take out the line of ---."
    remedy = "Write plain values, without tags (!)." if "tag" in problem else "Mend that line: KEY: VALUE, indented by spaces."
    return f"{path} cannot be read as YAML: {problem}{line}. {remedy}"

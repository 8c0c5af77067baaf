"""Atomic, durable writes: a file is the old one or the new one, whole, whatever happens in between."""

import contextlib
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, making parent folders.

    Raises PipelineError where the disk is full or the folder cannot be written; the old file then still stands.
    """
    write_with(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with Unix line ends; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Writes sorted, indented JSON; see `write_bytes`. Raises ValueError for NaN, which JSON cannot hold."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a temporary file beside `path`, then puts it in place of `path` in one step.

    Raises PipelineError where the operating system refuses; the temporary file is gone then. Those that killed processes
    left of the same file go, too.
    """
    # In the same folder, since a rename is one step within one file system only.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in _left_in(path.parent.absolute()).pop(path.name, []):
            left.unlink(missing_ok=True)
        write(temporary)
        _sync(temporary)  # before the rename, or a crash could leave the new name on an empty file
        os.replace(temporary, path)
        _sync(path.parent)  # the rename itself
    except OSError as error:
        raise PipelineError(f"{path}: could not be written ({error.strerror}). Free space or mend the rights.") from error
    finally:
        # Where the folder is none, this is refused as the writing was; the sentence above says so.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def left_overs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Temporary files of `write_with` whose process was killed, each after the name it was to have."""
    for path in folder.glob(".*.tmp"):
        match = re.fullmatch(r"\.(.+)\.(\d{1,9})\.tmp", path.name)
        if match and path.is_file() and not _lives(int(match[2])):
            yield match[1], path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _left_in(folder: Path) -> dict[str, list[Path]]:
    """What lay in the folder before this process wrote into it, looked for once: folders can be large."""
    found: dict[str, list[Path]] = {}
    for name, path in left_overs(folder):
        found.setdefault(name, []).append(path)
    return found


def _lives(process: int) -> bool:
    """Whether a process of this number runs here, whoever's it is. In doubt it does."""
    if os.name != "posix":
        return True  # Windows has no signal 0: it would be a real one.
    try:
        os.kill(process, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _sync(path: Path) -> None:
    """Makes the operating system put a file or a folder's entries on the disk; Windows has no such call for a folder."""
    if sys.platform == "win32" and path.is_dir():
        return
    # Windows flushes only what may be written.
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

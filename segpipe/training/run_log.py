"""The log of a training for programs: a JSON object a line, beside its saved states, which it outlives."""

import contextlib
import errno
import json
import math
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from segpipe.errors import PipelineError

SUFFIX = ".jsonl"


class RunLog:
    """Appends events to a file that others may follow meanwhile; where that fails, one warning is all.

    Each has `time` (UTC), `event`, and `attempt`: 1 for the first process that trained this, 2 for the next, so that an epoch
    which was trained again after a kill is told from its first time. What ends the block by an exception is an event, too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempt = 1
        self._warned = False

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.attempt = _attempts(self.path) + 1
        except OSError as error:
            self._warn(error)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            # Ctrl-C, a signal and an exit are no Exception: somebody ended the training, and nothing failed.
            self.add("failed" if isinstance(error, Exception) else "interrupted", reason=_words(error))

    def add(self, event: str, **fields: Any) -> None:
        """Writes a line. A number that is not finite is null, as JSON has none."""
        about = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "attempt": self.attempt, "event": event}
        text = json.dumps(about | {name: _finite(value) for name, value in fields.items()}, ensure_ascii=False, allow_nan=False)
        try:
            _append(self.path, f"{text}\n".encode("utf-8", errors="replace"))
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            print(f"warning: the log {self.path} cannot be written ({error.strerror}); the training goes on", file=sys.stderr)
        self._warned = True


def forget_old(folder: Path, but: Path, older_than_s: float) -> None:
    """Deletes the logs of the folder into which nothing was written for so long."""
    for path in folder.glob(f"train-*{SUFFIX}"):
        # Another process may delete it at the same time.
        with contextlib.suppress(OSError):
            if path != but and time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()


def _append(path: Path, line: bytes) -> None:
    """All of the line or nothing of it: half a line would spoil the file for whoever reads it."""
    with path.open("ab", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        try:
            if stream.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            stream.truncate(size)
            raise


def _attempts(path: Path) -> int:
    """How many processes wrote this log so far. Half a line that a crash of the machine left at its end is cut off."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    if whole := content.rpartition(b"\n")[0]:
        last = whole.rpartition(b"\n")[2]
        os.truncate(path, len(whole) + 1)
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return int(json.loads(last)["attempt"])
    else:
        os.truncate(path, 0)
    return 0


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, PipelineError) else f"{type(error).__name__}: {error}".removesuffix(": ")

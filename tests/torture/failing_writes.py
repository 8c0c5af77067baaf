"""Lets one write of this process fail as a full disk or a missing right would, and counts all of them."""

import builtins
import errno
import io
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Half(io.BufferedWriter):
    """A file on a disk that is full after half of the bytes."""

    def write(self, content: Any) -> int:
        whole = bytes(content)
        super().write(whole[: len(whole) // 2])
        self.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fileno(self) -> int:
        """Keeps shutil from copying past `write`."""
        raise io.UnsupportedOperation


class Writes:
    """All writes below a folder: files opened or renamed, folders made, bytes brought to the disk, room taken, databases opened.

    The write of the given number fails, counted from 1, and all later ones to the same path: neither trouble goes by
    itself. 0 lets all through.
    """

    def __init__(self, root: Path, number: int, code: int) -> None:
        self.root, self.number, self.code = f"{root}{os.sep}", number, code
        self.count = 0
        self.failed = self._refused = ""

    def install(self) -> None:
        """Stands between this process and its system from now on."""
        io.open = builtins.open = self._opening(builtins.open)  # type: ignore[assignment]
        os.open = self._opening_low(os.open)  # type: ignore[assignment]
        for name in ("mkdir", "replace", "rename", "fsync", "posix_fallocate"):
            setattr(os, name, self._checked(name, getattr(os, name)))
        sys.addaudithook(self._connecting)

    def _is_next(self, what: str, path: Any) -> bool:
        """Counts a write, and says whether it is the one to fail."""
        # Not Path.resolve: it would follow links, and os.replace does not.
        name = str(Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else Path(os.fsdecode(path)).absolute())
        if not name.startswith(self.root):
            return False
        self.count += 1
        if self.count == self.number:
            self.failed = f"{what} {name.removeprefix(self.root)}"
            self._refused = name
        return name == self._refused

    def _error(self, path: Any) -> OSError:
        return OSError(self.code, os.strerror(self.code), path)

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opening(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wax+") or not self._is_next("open", file):
                return real(file, mode, *arguments, **named)
            if self.code != errno.ENOSPC:
                raise self._error(file)
            half = Half(io.FileIO(file, mode.replace("b", "").replace("t", "")))
            return half if "b" in mode else io.TextIOWrapper(half, encoding="utf-8")

        return opening

    def _opening_low(self, real: Callable[..., int]) -> Callable[..., int]:
        def opening(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
            if flags & WRITING and self._is_next("open", path):
                raise self._error(path)
            return real(path, flags, *arguments, **named)

        return opening

    def _checked(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def checked(first: Any, *arguments: Any, **named: Any) -> Any:
            # A folder that is there is told of before any other trouble.
            if not (name == "mkdir" and Path(first).exists()) and self._is_next(name, first):
                raise self._error(first)
            return real(first, *arguments, **named)

        return checked

    def _connecting(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect" and self._is_next("database", arguments[0]):
            self._refused = ""  # MLflow tries again, and again, for 100 seconds.
            raise sqlite3.OperationalError("unable to open database file")

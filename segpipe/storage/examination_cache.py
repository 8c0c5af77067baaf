"""Results kept between commands, by the hash of all that decides them: one SQLite file, bounded in size and age.

An entry is given back only whole: it carries a checksum over its key and its content. A file that is damaged or another
program's is replaced, and where none can be written a warning says so; what is not kept is computed again.
"""

import hashlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MOST_BYTES = 2**30
"""Of all contents; what was not used for longest goes first."""
MOST_DAYS = 30
"""Since an entry was used last."""

_PATIENCE = 10.0  # seconds to wait for another process that writes
_FAILURES = (sqlite3.Error, OSError)
_NOT_OURS = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""What SQLite says of a file that holds other tables, is damaged, or is none of its own; else it is locked or the disk full."""

_TABLE = "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, checksum BLOB, content BLOB, day INTEGER)"


@dataclass(frozen=True)
class Cache:
    """The entries in the file `path`; without a path nothing is kept. Can be sent to other processes, which only read."""

    path: Path | None

    def get(self, key: str) -> bytes | None:
        """The content under `key`, None where there is none, or a damaged one."""
        if self.path is None:
            return None
        try:
            connection = _reader(self.path, os.getpid())
            row = connection.execute("SELECT checksum, content FROM entries WHERE key = ?", (key,)).fetchone()
            return row[1] if row and row[0] == _checksum(key, row[1]) else None
        except (*_FAILURES, TypeError):  # what is no text or bytes was written by no one of ours
            return None

    def keep(self, new: Sequence[tuple[str, bytes]], used: Iterable[str]) -> None:
        """Adds entries in one step, notes that those `used` were, and deletes what is over the bounds."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(self.path, new, used)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode not in _NOT_OURS:
                    raise
                # This process may have the old file open.
                _reader.cache_clear()
                self.path.unlink()
                _write(self.path, new, used)
        except _FAILURES as error:
            print(f"warning: {self.path} cannot be written ({error}), so the next command examines all again", file=sys.stderr)


def _write(path: Path, new: Sequence[tuple[str, bytes]], used: Iterable[str]) -> None:
    today = int(time.time() // 86400)
    rows = [(key, _checksum(key, content), content, today) for key, content in new]
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
        connection.execute("PRAGMA auto_vacuum = FULL")  # before the first table, or it does nothing
        with connection:
            connection.execute(_TABLE)
            connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", rows)
            connection.executemany("UPDATE entries SET day = ? WHERE key = ? AND day < ?", [(today, key, today) for key in used])
            # a day to come: the clock was wrong
            connection.execute("DELETE FROM entries WHERE day < ? OR day > ?", (today - MOST_DAYS, today))
            _trim(connection)


def _trim(connection: sqlite3.Connection) -> None:
    """Deletes the oldest entries until the rest is within MOST_BYTES."""
    sizes = connection.execute("SELECT key, length(content) FROM entries ORDER BY day DESC, rowid DESC").fetchall()
    left, gone = MOST_BYTES, []
    for key, size in sizes:
        left -= size
        if left < 0:
            gone.append((key,))
    connection.executemany("DELETE FROM entries WHERE key = ?", gone)


@lru_cache(maxsize=4)
def _reader(path: Path, process: int) -> sqlite3.Connection:
    """A connection that only reads, one a process: none may be carried into another."""
    # As a URI for mode=ro; as_uri escapes a ? or # in the path.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)


def _checksum(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + content).digest()

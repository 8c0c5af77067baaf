"""One process at a time does a piece of work; the next one waits and says for whom.

The lock saves work and guards nothing that could break: whoever holds the same fingerprint writes the same bytes, each
file whole. So where a file system cannot lock (some network drives), going on without one is as safe, and is said.
"""

import contextlib
import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_DESCRIPTOR_LOCKS = fcntl is not None
"""Whether an open file can be locked by whoever has it open, so that a child holds its parent's lock to its own end."""


@contextlib.contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path` while the block runs; waits for the process that has it, named on stderr."""
    holder = path.with_suffix(".holder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _taken(path, what, holder)
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        print(
            f"warning: {path.parent} cannot be locked ({reason}). A second run of the same thing would do the work twice; "
            "it could not damage it.",
            file=sys.stderr,
        )
        yield
        return
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    with contextlib.suppress(OSError):
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {since}", encoding="utf-8", newline="\n")
    try:
        yield
    finally:
        for file in (holder, path):
            # The lock file goes while it is held; who waits for it takes a new one. Windows deletes none that is open.
            with contextlib.suppress(PermissionError):
                file.unlink(missing_ok=True)
        lock.release()


def lock_descriptor(descriptor: int, wait: bool) -> None:
    """Locks an open file until the last process that has the descriptor is gone.

    Raises OSError where another has it, unless it is to be waited for, and where nothing can be locked.
    """
    if not HAS_DESCRIPTOR_LOCKS:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _taken(path: Path, what: str, holder: Path) -> FileLock:
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        with contextlib.suppress(OSError):
            what = f"{what}: {holder.read_text(encoding='utf-8')}"
        print(f"waiting for another run of {what}", file=sys.stderr, flush=True)
        lock.acquire()
    return lock

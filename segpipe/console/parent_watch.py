"""A stage ends with the dvc that started it: a killed dvc must not leave a training behind that nobody waits for."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from segpipe.console.stop_signals import ask_to_stop

INTERVAL_S = 0.5
PATIENCE_S = 30.0
"""A training has so long to save its state; without that it loses what it did since the last one."""
SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "cmd.exe"}


def end_with_dvc() -> None:
    """Under DVC (it sets DVC_STAGE), lets a small thread end this process when the one that started it is gone."""
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_watch, args=(ancestors(os.getpid()),), daemon=True, name="end-with-dvc").start()


def end_with(parent: int) -> None:
    """Lets a small thread end this process, which `parent` asked for, when that is gone, whatever it does then."""
    # Another one where a fork server stands between the two.
    above = os.getppid()

    def watch() -> None:
        # Windows keeps the number of a parent that is gone, so it is looked for as well.
        while os.getppid() == above and _exists(parent):
            time.sleep(INTERVAL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


def _exists(process: int) -> bool:
    if sys.platform == "win32":
        # There signal 0 is Ctrl-C, and no question.
        return bool(_psutil().pid_exists(process))
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def ancestors(process: int) -> list[tuple[int, str]]:
    """Number and name of the parent, and through shells of the first that is none: DVC starts stages by a shell."""
    found: list[tuple[int, str]] = []
    while True:
        found.append(_parent(process))
        process, name = found[-1]
        if name not in SHELLS or process <= 1:
            return found


def _watch(before: list[tuple[int, str]]) -> None:
    while ancestors(os.getpid()) == before and not _is_orphan(before):
        time.sleep(INTERVAL_S)
    if ask_to_stop():
        time.sleep(PATIENCE_S)
    # Nothing is left half-written: every file is put in place in one step.
    # `sys.exit` would end this thread only.
    os._exit(1)


def _is_orphan(chain: list[tuple[int, str]]) -> bool:
    """Whether dvc was gone before the thread began: orphans go to the system's first process, which can be dvc in a container."""
    process, name = chain[-1]
    return process == 1 and bool(name) and not name.startswith(("dvc", "python"))


def _parent(process: int) -> tuple[int, str]:
    """Number and name, by /proc; by psutil where there is none (macOS, Windows)."""
    try:
        parent = int(_stat(process)[1][1])  # after the state comes the parent
        return parent, _stat(parent)[0] if parent else ""
    except (OSError, ValueError, IndexError):
        return _parent_by_psutil(process)


def _parent_by_psutil(process: int) -> tuple[int, str]:
    """Of a parent that is gone 0 and no name; where nothing can be asked for, the number of this process's parent alone."""
    psutil = _psutil()
    try:
        # Another process that has its number by now is none to psutil, which looks when both were started.
        parent = psutil.Process(process).parent()
        return (parent.pid, parent.name()) if parent else (0, "")
    except psutil.Error:
        return os.getppid(), ""


def _psutil() -> Any:
    """Imported where it is needed alone: on Linux /proc tells the same at once."""
    import psutil

    return psutil


def _stat(process: int) -> tuple[str, list[str]]:
    """Name and further fields of /proc/N/stat, state first; the name stands in brackets and may hold anything."""
    text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, rest.split()

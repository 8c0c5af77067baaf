"""The installed libraries that decide bytes, held against runtime.lock."""

import re
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

LOCK = Path("runtime.lock")


def check(lock: Path = LOCK) -> dict[str, str]:
    """The installed version of each package of runtime.lock; warns of those that differ or are missing."""
    installed, warnings = {}, []
    for name, wanted in read(lock).items():
        found = _installed(name)
        installed[name] = found
        if found not in wanted:
            warnings.append(f"{name} {found or 'is missing'} (wanted {' or '.join(sorted(wanted))})")
    if warnings:
        print(f"warning: other versions than runtime.lock's, so the bytes may differ: {', '.join(warnings)}", file=sys.stderr)
    return installed


def compare(recorded: Mapping[str, str], name: str) -> None:
    """Warns where a model was made with other versions than those that will run it now."""
    pairs = [(library, then, _installed(library)) for library, then in recorded.items()]
    differ = [f"{library} {then or 'none'} (now {now or 'missing'})" for library, then, now in pairs if then != now]
    if differ:
        print(f"warning: {name} was made with {', '.join(differ)}: its last digits may differ here", file=sys.stderr)


def read(lock: Path) -> dict[str, set[str]]:
    """The versions that each package may have; several where they differ by Python version."""
    wanted: dict[str, set[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([\w.-]+)==([^\s;]+)", line)
        if match:
            wanted.setdefault(match[1], set()).add(match[2])
    return wanted


def _installed(name: str) -> str:
    try:
        # A local part such as +cu130 names the build, and the device is recorded apart from it.
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return ""

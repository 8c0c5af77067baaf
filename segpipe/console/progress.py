"""Progress of long work: a bar with an ETA on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")
QUIET_SECONDS = 15.0


def track(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yields the items in order and shows on stderr how far they are and how long the rest will take."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        yield from _bar(items, what, total)
    else:
        yield from _lines(items, what, total)


def _bar(items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    # Imported here: where stderr is no terminal, nobody need wait for it.
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=what, total=total, console=Console(stderr=True), transient=True)


def _lines(items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    start = last = time.monotonic()
    for count, item in enumerate(items):
        now = time.monotonic()
        if count and now - last > QUIET_SECONDS:
            last = now
            left = f" of {total}, about {(now - start) / count * (total - count):.0f} s left" if total else ""
            print(f"{what}: {count}{left}", file=sys.stderr, flush=True)
        yield item

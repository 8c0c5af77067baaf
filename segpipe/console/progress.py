"""Progress of long work: a bar with an ETA on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
QUIET_SECONDS = 15.0


def on_terminal() -> bool:
    """Whether stderr is a terminal on which a line can be written anew."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def track(items: Iterable[Item], what: str, total: int | None = None, after_s: float = 0.0) -> Iterator[Item]:
    """Yields the items in order and shows on stderr how far they are and how long the rest will take.

    A bar is shown to those only that take longer than `after_s` seconds.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if on_terminal():
        yield from _bar(items, what, total, after_s)
    else:
        yield from _lines(items, what, total)


def _bar(items: Iterable[Item], what: str, total: int | None, after_s: float) -> Iterator[Item]:
    iterator, count, start = iter(items), 0, time.monotonic()
    while time.monotonic() - start < after_s:
        try:
            yield next(iterator)
        except StopIteration:
            return
        count += 1
    # Imported here: where stderr is no terminal, nobody need wait for it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # What is printed meanwhile into a file must not come out on the terminal.
    progress = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())
    with progress:
        yield from progress.track(iterator, total=total, completed=count, description=what)


def _lines(items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    start = last = time.monotonic()
    for count, item in enumerate(items):
        now = time.monotonic()
        if count and now - last > QUIET_SECONDS:
            last = now
            left = f" of {total}, about {(now - start) / count * (total - count):.0f} s left" if total else ""
            print(f"{what}: {count}{left}", file=sys.stderr, flush=True)
        yield item


class LiveLine:
    """One line at the bottom of a terminal, on stderr, that is written anew in its place: a bar between two texts.

    It has no thread, so that processes may be forked while it stands: it shows what it was last told. Nothing of it stays.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def show(self, before: str, done: int, total: int, after: str) -> None:
        """Writes the line; the bar is filled as far as `done` is of `total`."""
        if self._progress is None:
            self._progress = _live(before, total)
        (task,) = self._progress.tasks
        self._progress.update(task.id, description=before, completed=done, total=total, after=after)
        self._progress.refresh()

    def close(self) -> None:
        """Takes the line away; `show` brings it back."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = None


def _live(before: str, total: int) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, min_width=len(before))),
        # The bar gives way where a terminal is narrow.
        BarColumn(None, table_column=Column(ratio=1)),
        TextColumn("{task.fields[after]}", markup=False, table_column=Column(no_wrap=True)),
    )
    # What goes into a file must not come out on the terminal.
    progress = Progress(
        *columns, console=console, auto_refresh=False, transient=True, expand=True, redirect_stdout=sys.stdout.isatty()
    )
    progress.add_task(before, total=total, after="")
    progress.start()
    # A killed process could not bring it back.
    console.show_cursor(True)
    return progress

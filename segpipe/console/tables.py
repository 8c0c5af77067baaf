"""Tables for the console: names to the left, numbers to the right."""

import sys
from collections.abc import Sequence

from segpipe.errors import plain

PIPED_WIDTH = 100_000
"""Columns of a pipe or a file: nothing is wrapped there, so that grep finds whole rows."""


def format_table(rows: Sequence[Sequence[str]], head: Sequence[str] = (), n_left: int = 1) -> str:
    """The rows as lines of aligned columns, below a head if there is one; no line end after the last.

    The first `n_left` columns are aligned to the left, the others to the right. Cells appear as they are: markup such as
    [red] means nothing, control characters are written out. Where stdout is a terminal, the head is bold and long cells
    are wrapped to its width; elsewhere the text is plain and nothing is wrapped or cut.
    """
    from rich.console import Console  # imported here: commands without a table need not wait for it
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=bool(head), header_style="bold")
    for number, name in enumerate(head or rows[0]):
        table.add_column(Text(plain(name)), justify="left" if number < n_left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    # A notebook's kernel asks for colours and for HTML, which would come into the text.
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else PIPED_WIDTH, force_terminal=terminal, force_jupyter=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())

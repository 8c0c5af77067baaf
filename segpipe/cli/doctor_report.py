"""segpipe doctor-report: what a bug report should say of a project and its machine, without a name of the user's."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def doctor_report(
    out: Annotated[Path | None, typer.Option(help="A file to write it to as well.", show_default=False)] = None,
) -> None:
    """Prints versions, processor, changed parameters, findings and stages as Markdown to paste into a bug report."""
    from segpipe.storage.files import write_text
    from segpipe.workflows import doctor_report

    text = doctor_report.text()
    print(text, flush=True)
    if out:
        write_text(out, f"{text}\n")
    command.done(str(out or "the text above"), "read it, and paste it into the form for a bug")

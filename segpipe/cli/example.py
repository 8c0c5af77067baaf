"""segpipe example: a worked example from its data to the report, by the commands that a person would type."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def example(
    name: Annotated[str | None, typer.Argument(help="Which one; without it they are listed.", show_default=False)] = None,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A new folder for the project.", show_default="example-NAME")
    ] = None,
    only_data: Annotated[bool, typer.Option("--only-data", help="Make its data in DIR, and nothing else.")] = False,
) -> None:
    """Lays out a project, makes its data and runs the commands, each printed first; the same command goes on after a stop."""
    from segpipe.workflows import example as workflow

    if name is None:
        print(workflow.titles())
        command.done("nothing was made", "segpipe example NAME")
    else:
        where = folder or Path(f"example-{name}")
        command.done(*(workflow.make_data(name, where) if only_data else workflow.run(name, where)))

"""segpipe new: begins a project in a folder of its own."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def new(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.", show_default=False)]) -> None:
    """Lays out a project in a new folder: dvc.yaml, params.yaml, stages, the versions in use; under Git and DVC."""
    from segpipe.workflows.new import lay_out

    lay_out(folder)
    command.done(str(folder), f"cd {shlex.quote(str(folder))} && dvc repro")

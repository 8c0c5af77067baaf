"""segpipe study run: the arms of a study, one DVC experiment each."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def run(
    file: Annotated[Path, typer.Argument(help="The study's YAML file, such as studies/dice_weight.yaml.")],
) -> None:
    """Runs each arm of a study as a DVC experiment, one after another. The project itself stays as it is.

    Arms that are done are not run again, so the same command goes on after Ctrl-C, a kill or a failure.
    """
    from segpipe.workflows import study as workflow

    command.done(*workflow.run(file))

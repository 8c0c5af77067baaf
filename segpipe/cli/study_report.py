"""segpipe study report: what a study says."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def report(
    file: Annotated[Path, typer.Argument(help="The study's YAML file, such as studies/dice_weight.yaml.")],
) -> None:
    """Brings the arms of a study together: a table, findings in words, and a page below metrics/studies.

    Arms without results are named and left out. Nothing is run.
    """
    from segpipe.workflows import study_report as workflow

    command.done(*workflow.report(file))

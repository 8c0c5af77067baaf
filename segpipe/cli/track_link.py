"""segpipe track link: from a run to its bytes, and back."""

from typing import Annotated

import typer

from segpipe.console import command


def link(
    name: Annotated[str, typer.Argument(help="An MLflow run (id or name), or an experiment, branch, tag, commit or workspace.")],
) -> None:
    """Says where the bytes of an MLflow run are in DVC, or which runs of MLflow trained what a revision has.

    Both know each other by the training's fingerprint, so a run is found again whatever it is called now.
    """
    from segpipe.workflows import track_link as workflow

    for line in workflow.link(name):
        print(line)
    command.done(f"what belongs to {name}", "dvc exp apply NAME brings an experiment's models here, segpipe ui shows runs")

"""segpipe profile: where an epoch of the training goes, part by part, and a trace of every operation."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def profile(
    fold: Annotated[int | None, typer.Option(help="Which fold; the first of `folds` otherwise.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Training steps that are measured.")] = 20,
    out: Annotated[Path, typer.Option(help="Folder of the trace; each has a name of its own there.")] = Path("profiles"),
) -> None:
    """Trains some steps as `dvc repro` would, and shows where an epoch's time goes and what would shorten it.

    Reading, decoding, augmenting, waiting for data, copying, forward, backward, step, validation, saving. Models, data, saved
    states and MLflow stay as they are.
    """
    from segpipe.workflows import profile as workflow

    command.done(*workflow.profile(fold, steps, out))

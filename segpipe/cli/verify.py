"""segpipe verify: whether a training repeats itself, here and as it was recorded; it ends in one of three words.

`same`, `other processor` with what differs, or `different` with the first thing that does.
"""

from typing import Annotated

import typer

from segpipe.console import command


def verify(
    steps: Annotated[int, typer.Option(min=1, help="Batches to train, twice, each layer's output and gradient hashed.")] = 8,
    fold: Annotated[int | None, typer.Option(help="Which fold; the first of `folds` otherwise.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Run the whole pipeline again and compare dvc.lock and metrics/.")] = False,
) -> None:
    """Trains a few steps twice in fresh processes, and compares them with each other and with the model that is there."""
    from segpipe.workflows import verify as workflow

    command.done(*workflow.verify(steps, fold, full))

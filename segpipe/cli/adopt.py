"""segpipe adopt: keeps a trained model after an edit of the code that changes no byte of it, once that is proved."""

from typing import Annotated

import typer

from segpipe import paths
from segpipe.console import command


def adopt(
    fold: Annotated[int | None, typer.Option(help="Which fold; all of `folds` otherwise.")] = None,
    against: Annotated[str, typer.Option(help="The commit whose code trained the model.")] = "HEAD",
    steps: Annotated[int, typer.Option(min=1, help="Batches to train with every layer hashed.")] = 8,
) -> None:
    """Proves over some steps that edited code still gives the model that is there, and then records it without training."""
    from segpipe.workflows import adopt as workflow

    folds = workflow.adopt(fold, against, steps)
    models = ", ".join(paths.model_folder(each).as_posix() for each in folds)
    command.done(f"{models}: recorded, not trained again", "dvc repro")

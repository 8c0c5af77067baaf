"""segpipe curve: whether more images would help."""

from typing import Annotated

import typer

from segpipe.console import command


def curve(
    fold: Annotated[int | None, typer.Option(help="Which fold; the first of `folds` otherwise.")] = None,
    shares: Annotated[str, typer.Option(help="Shares of the training images, each a part of the next.")] = "0.125,0.25,0.5,1",
    same_epochs: Annotated[
        bool, typer.Option("--same-epochs", help="Train every part for train.epochs, in place of as many steps as the whole.")
    ] = False,
) -> None:
    """Trains on growing parts of a fold's images, and says what twice the images would give, or why that cannot be told.

    Models, metrics, dvc.lock and MLflow stay as they are; what is done lies in curve/, and a second run goes on from there.
    """
    from segpipe.workflows import curve as workflow

    command.done(*workflow.curve(fold, shares, same_epochs))

"""Stage train: trains one fold and keeps the weights of its best epoch; logs to MLflow."""

from typing import Annotated

import typer

from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys


def main(fold: Annotated[int, typer.Option(help="Which fold to train, 0 or more.")]) -> None:
    """Trains on all folds but one, validates on that one, and writes models/foldN; goes on where it was killed."""
    params = TrainKeys.of(load_params())

    from segpipe.workflows.train import train

    trained = train(params, fold)
    score = "none" if trained.monitored is None else f"{params.train.monitor} {trained.monitored:.4f}"
    command.done(f"{trained.model} (validation {score} in epoch {trained.best_epoch + 1})", "dvc repro")


if __name__ == "__main__":
    command.run(main)

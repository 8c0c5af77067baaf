"""segpipe compare: whether one model is better than another, and whether one setting is."""

from typing import Annotated, Literal

import typer

from segpipe.console import command

Score = Literal["miou", "dice", "pixel_accuracy", "precision", "recall", "dice_per_image"]


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="Experiments, branches, tags, commits; workspace: what lies here. The first is the baseline.",
        ),
    ],
    score: Annotated[Score, typer.Option(help="The score to compare by.")] = "dice",
    part: Annotated[Literal["val", "test"] | None, typer.Option(help="Which images; test where there are any.")] = None,
) -> None:
    """Compares models on the same images, and settings over their seeds: better, worse, or cannot be told.

    Runs that differ in train.seed alone are one setting. Nothing is run, and the project stays as it is.
    """
    from segpipe.workflows import compare as workflow

    print("\n\n".join(workflow.compare(names, score, part)))
    command.done(f"{len(names)} compared by {score}", "more seeds: dvc exp run --temp --name NAME -S train.seed=1")

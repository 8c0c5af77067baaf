"""segpipe replay: the step at which a training met a number that is not finite, once more and looked into."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def replay(
    folder: Annotated[Path, typer.Argument(help="The folder that the training named when it ended: .resume/not-finite-...")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where code, data or parameters are others than then.")] = False,
) -> None:
    """Repeats the step at which a loss, a gradient or a weight was not finite, and names the layer, the image and the class.

    Models, data, saved states and MLflow stay as they are.
    """
    from segpipe.workflows import replay as workflow

    command.done(*workflow.replay(folder, anyway))

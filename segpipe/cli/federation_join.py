"""segpipe federation join: trains on this project's data, together with other sites that do not see it."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def join(
    address: Annotated[str, typer.Argument(help="HOST:PORT of the server.", show_default=False)],
    certificates: Annotated[Path, typer.Option(help="This site's folder.")] = Path("federation"),
    patience: Annotated[float, typer.Option(min=1, help="Seconds to wait for a server that is not there.")] = 600.0,
) -> None:
    """Trains on this project's data what the server asks for, round by round; weights and sums leave it, and no image.

    The data is that of `dvc repro split`. Of params.yaml only `runtime` counts beside it. May be stopped and started again.
    """
    from segpipe.params.load import load_params
    from segpipe.workflows import federation_site

    rounds = federation_site.join(load_params(), address, certificates, patience)
    command.done(f"{rounds} rounds answered; the model is the server's", "ask who runs the server for it")

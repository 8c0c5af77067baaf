"""segpipe federation serve: the rounds of sites that train together, held without any data."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def serve(
    sites: Annotated[list[str], typer.Argument(help="The sites that may take part, by the names in their certificates.")],
    address: Annotated[str, typer.Option(help="HOST:PORT to listen at.")] = "0.0.0.0:9443",
    certificates: Annotated[Path, typer.Option(help="The server's folder.")] = Path("federation/server"),
    out: Annotated[Path, typer.Option(help="Folder of the model.")] = Path("models/federated"),
    patience: Annotated[float, typer.Option(min=1, help="Seconds to wait for all sites at first, and for any later.")] = 600.0,
) -> None:
    """Holds the rounds that params.yaml asks for (train.strategy: federated), and writes the model.

    It goes on where it was stopped. A site that does not answer is left out of the round, and may come back.
    """
    from segpipe.params.load import load_params
    from segpipe.workflows import federation_server

    served = federation_server.serve(load_params(), sites, address, certificates, out, patience)
    command.done(f"{served.model} ({served.score} in round {served.best_round})", f"segpipe predict IMAGE --model {served.model}")

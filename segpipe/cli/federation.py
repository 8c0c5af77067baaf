"""segpipe federation: sites that train together over the network, and show nobody an image."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys

app = command.new_app()
Seconds = Annotated[float, typer.Option(min=1, help="How long is waited for whoever is not there yet, or no more.")]


@app.callback()
def about() -> None:
    """Sites train together over the network and show nobody an image. Needs Flower: make federated."""


@app.command()
def certificates(
    address: Annotated[str, typer.Argument(help="Host name or IP address by which sites reach the server.", show_default=False)],
    sites: Annotated[list[str], typer.Argument(help="The names of the sites.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where they are kept; with more sites it adds theirs.")] = Path("federation"),
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long they are valid.")] = 365,
) -> None:
    """Makes an authority, and by it certificates for the server and each site, by which they know one another.

    OUT/server stays with the server, OUT/sites/NAME goes to the site of that name, by a safe way: who has it is that site.
    OUT/authority.key.pem signs new sites, and is given to nobody.
    """
    from segpipe.federation import certificates

    made = certificates.make(out, address, sites, days)
    following = f"give each site its folder under {out / 'sites'}, by a safe way"
    command.done(", ".join(str(each) for each in made) or f"{out}, where all of them are already", following)


@app.command()
def serve(
    sites: Annotated[
        list[str], typer.Argument(help="The sites that take part, by the names in their certificates.", show_default=False)
    ],
    address: Annotated[str, typer.Option(help="HOST:PORT to listen at.")] = "0.0.0.0:9443",
    identity: Annotated[Path, typer.Option("--certificates", help="The server's folder.")] = Path("federation/server"),
    out: Annotated[Path, typer.Option(help="Folder of the model.")] = Path("models/federated"),
    patience: Seconds = 600.0,
) -> None:
    """Holds the rounds that params.yaml asks for (train.strategy: federated), without any data, and writes the model.

    It goes on where it was stopped. A site that does not answer is left out of the round, and may come back.
    """
    params = load_params()
    if params.train.strategy != "federated":
        raise PipelineError(
            f"train.strategy: {params.train.strategy}. Write federated, and the other parameters that sites train by."
        )

    from segpipe.federation import certificates
    from segpipe.federation.rounds import Patience
    from segpipe.workflows import federation_server

    patient = Patience(start=patience)
    served = federation_server.serve(
        TrainKeys.of(params), params.folds[0], sites, address, certificates.read(identity), out, patient
    )
    score = f"validation {params.train.monitor} {abs(served.score):.4f}" if served.images else "no validation"
    command.done(f"{served.model} ({score} in round {served.best_round})", f"segpipe predict IMAGE --model {served.model}")


@app.command()
def join(
    address: Annotated[str, typer.Argument(help="HOST:PORT of the server.", show_default=False)],
    identity: Annotated[Path, typer.Option("--certificates", help="This site's folder.")] = Path("federation"),
    patience: Seconds = 600.0,
) -> None:
    """Trains on this project's data what the server asks for, round by round; weights and sums leave it, and no image.

    The data is that of `dvc repro split`. Of params.yaml only `runtime` counts beside it. May be stopped and started again.
    """
    params = load_params()

    from segpipe.federation import certificates
    from segpipe.workflows import federation_site

    rounds = federation_site.join(params, address, certificates.read(identity), patience)
    command.done(f"{rounds} rounds answered; the model is the server's", "ask who runs the server for it")

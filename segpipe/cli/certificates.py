"""segpipe certificates: what the server and the sites of a federation know each other by."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


def certificates(
    folder: Annotated[Path, typer.Argument(help="Where they are kept; with more sites it adds theirs.", show_default=False)],
    address: Annotated[str, typer.Option(help="Host name or IP address by which sites reach the server.", show_default=False)],
    site: Annotated[list[str], typer.Option(help="A site's name, once for each.", show_default=False)],
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long they are valid.")] = 365,
) -> None:
    """Makes an authority, and by it certificates for the server and each site of a federation; no other program is needed.

    FOLDER/server stays with the server, FOLDER/sites/NAME goes to the site of that name, by a safe way: who has it is that site.
    FOLDER/authority.key.pem signs new sites, and is given to nobody.
    """
    from segpipe.federation.certificates import make

    made = make(folder, address, site, days)
    following = f"give each site its folder under {folder}/sites, by a safe way"
    command.done(", ".join(str(each) for each in made) or f"{folder}, where all of them are already", following)

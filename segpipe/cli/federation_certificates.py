"""segpipe federation certificates: what the server and the sites of a federation know each other by."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command


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
    from segpipe.federation.certificates import make

    made = make(out, address, sites, days)
    following = f"give each site its folder under {out / 'sites'}, by a safe way"
    command.done(", ".join(str(each) for each in made) or f"{out}, where all of them are already", following)

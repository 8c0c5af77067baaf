"""segpipe unpack: data/prepared as plain folders of images and masks."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from segpipe import paths
from segpipe.console import command


def unpack(
    out: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    pack: Annotated[Path, typer.Option(help="What convert made.")] = paths.PREPARED,
) -> None:
    """Writes what convert made as folders: images as they came, masks of class ids (255 ignored), classes.txt."""
    from segpipe.dataset.pack import open_pack
    from segpipe.dataset.unpack import new_folder
    from segpipe.dataset.unpack import unpack as write

    opened = open_pack(pack)
    with new_folder(out) as folder:
        write(opened, folder)
    command.done(f"{out}/images, {out}/masks", f"segpipe init {shlex.quote(str(out))}, in another project")

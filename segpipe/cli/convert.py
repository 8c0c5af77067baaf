"""segpipe convert: what stage convert does, for any folder, without a project."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from segpipe.console import command

Kind = Literal["labelme", "masks", "voc", "coco", "yolo"]


def convert(
    src: Annotated[Path, typer.Argument(help="A folder of annotated images; nothing in it is changed.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The folder to make.", show_default=False)],
    source: Annotated[
        Kind | None, typer.Option("--source", "--kind", help="The format; without it the folder is looked at.")
    ] = None,
    image_dir: Annotated[str, typer.Option(help="The folder name of images (masks).")] = "",
    mask_dir: Annotated[str, typer.Option(help="The folder name of masks (masks).")] = "",
    classes: Annotated[Path | None, typer.Option(help="A class name a line, in the order of the ids.")] = None,
    unpack: Annotated[bool, typer.Option("--unpack", help="Write plain images/ and masks/ in place of the pack.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", "-S", help="A key of params.yaml's data section: -S data.shapes.fill=exact")
    ] = None,
) -> None:
    """Checks every image and annotation, tells all problems at once, and writes one canonical form."""
    from segpipe.workflows.convert_folder import convert_folder

    command.done(*convert_folder(src, out, source, image_dir, mask_dir, classes, unpack, set_ or []))

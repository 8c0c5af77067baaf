"""segpipe init: looks at a folder of annotated images, brings it in, and writes what belongs to it into params.yaml."""

from typing import Annotated, Literal

import typer

from segpipe.console import command

Kind = Literal["labelme", "masks", "voc", "coco", "yolo"]


def init(
    path: Annotated[str, typer.Argument(help="A folder, a tar or zip, or an address with --sha256.", show_default=False)],
    in_place: Annotated[bool, typer.Option("--in-place", help="Leave the data where it is; use its absolute path.")] = False,
    sha256: Annotated[str | None, typer.Option(help="The archive's SHA-256, in hexadecimal.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", "--source", help="Decides where several layouts fit.")] = None,
    image_dir: Annotated[str, typer.Option(help="The folder name of images (masks).")] = "",
    mask_dir: Annotated[str, typer.Option(help="The folder name of masks (masks).")] = "",
    template: Annotated[str, typer.Option(help="How masks are called after images (masks), such as {stem}_mask.")] = "",
    fix: Annotated[bool, typer.Option("--fix", help="Write the lines that mend what the doctor finds.")] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Try the training, and write as many epochs as fit into so many minutes here.")
    ] = None,
) -> None:
    """Examines annotated images, brings them to data/source under DVC, and sets params.yaml to suit them."""
    from segpipe.workflows import init as workflow

    command.done(*workflow.init(path, in_place, sha256, kind, image_dir, mask_dir, template, fix, minutes))

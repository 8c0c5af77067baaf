"""segpipe predict: images in, class masks and what is made of them out, with a torch or an ONNX model."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from segpipe import paths
from segpipe.console import command

Device = Literal["auto", "cpu", "cuda"]
Kind = StrEnum("Kind", ["masks", "overlays", "probabilities", "labelme", "attention", "areas"])
"""What can be written; typer takes no list of Literals."""


def predict(
    inputs: Annotated[
        list[Path], typer.Argument(help="Images, folders of images, or patterns: 'in/**/*.tif'.", show_default=False)
    ],
    model: Annotated[
        list[Path] | None,
        typer.Option(help="A model.onnx or a model.safetensors; several are averaged.", show_default=paths.ONNX.as_posix()),
    ] = None,
    folds: Annotated[bool, typer.Option("--folds", help="Average the models of all folds, models/foldN.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("predictions"),
    write: Annotated[
        list[Kind] | None, typer.Option(help="What to write, each kind once.", show_default="masks, overlays")
    ] = None,
    device: Annotated[Device, typer.Option(help="auto, cpu or cuda; an ONNX model runs on the CPU.")] = "auto",
) -> None:
    """Predicts images of any size and writes what is asked for below OUT, and OUT/trust.csv: how far each is to be trusted.

    It replaces what it wrote itself, as OUT/written_by_predict.csv lists it, and nothing else.
    """
    from segpipe.workflows import predict as workflow

    command.done(*workflow.predict(inputs, model or [], folds, out, write or [], device))

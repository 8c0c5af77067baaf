"""segpipe predict: images in, class masks and overlays out, with a torch or an ONNX model."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from segpipe import paths
from segpipe.console import command

Device = Literal["auto", "cpu", "cuda"]


def predict(
    inputs: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", show_default=False)],
    model: Annotated[
        list[Path] | None,
        typer.Option(help="A model.onnx or a model.safetensors; several are averaged.", show_default=paths.ONNX.as_posix()),
    ] = None,
    folds: Annotated[bool, typer.Option("--folds", help="Average the models of all folds, models/foldN.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the masks and overlays.")] = Path("predictions"),
    device: Annotated[Device, typer.Option(help="auto, cpu or cuda; an ONNX model runs on the CPU.")] = "auto",
    attention: Annotated[bool, typer.Option("--attention", help="Write OUT/attention too: where the model looks.")] = False,
) -> None:
    """Predicts images of any size and writes OUT/masks (class ids, with a palette) and OUT/overlays.

    It replaces what it wrote itself, as OUT/written_by_predict.csv lists it, and nothing else.
    """
    from segpipe.workflows import predict as workflow

    command.done(*workflow.predict(inputs, model or [], folds, out, device, attention))
